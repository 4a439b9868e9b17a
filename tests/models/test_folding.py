"""BatchNormalization folded into the layer before it: the same numbers from fewer operations, or left alone."""

from __future__ import annotations

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import counted_operations, needs_bfloat16

import keras_advxai as kax
from keras_advxai.models.scores import logit_score
from keras_advxai.testing import unchanged

pytestmark = pytest.mark.sampled(2)

layers = keras.layers
SHAPE = (12, 12, 3)


def norm(**settings):
    return layers.BatchNormalization(**settings)


def convolutions(inputs):
    """Every layer that can be folded into, with all that changes where the scale belongs."""
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="unbiased")(inputs)
    x = layers.ReLU()(norm(scale=False)(x))
    x = layers.DepthwiseConv2D(3, padding="valid", depth_multiplier=2, name="depthwise")(x)
    x = layers.ReLU()(norm(center=False, epsilon=0.1)(x))
    x = layers.SeparableConv2D(8, 3, strides=2, padding="same", name="separable")(x)
    x = layers.ReLU()(norm(scale=False, center=False)(x))
    x = layers.Conv2D(8, 3, dilation_rate=2, padding="valid", activation="linear", name="dilated")(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(norm(name="last")(x)))
    return layers.Dense(3)(layers.ReLU()(norm()(layers.Dense(8, name="hidden")(x))))


def functional():
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, convolutions(inputs))


def nested():
    """The BatchNormalization lies in another model than the convolution, whose output is the backbone's."""
    backbone = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(4, 3, name="conv")], name="backbone")
    head = [norm(), layers.ReLU(), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    return keras.Sequential([keras.Input(SHAPE), backbone, keras.Sequential(head)])


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = layers.Conv2D(4, 3, name="conv"), norm(), layers.Dense(3)

    def call(self, inputs):
        return self.head(tf.reduce_mean(tf.nn.relu(self.norm(self.conv(inputs))), [1, 2]))


def subclassed():
    model = Subclassed()
    model(np.zeros((1, *SHAPE), "float32"))
    model.build((None, *SHAPE))
    return model


def shared():
    """One convolution and one BatchNormalization, called twice each."""
    conv, normalization = layers.Conv2D(3, 3, padding="same", name="conv"), norm()
    x = inputs = keras.Input(SHAPE)
    for _ in range(2):
        x = layers.ReLU()(normalization(conv(x)))
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


def video():
    stack = [layers.Conv3D(4, 3), norm(), layers.ReLU(), layers.GlobalAveragePooling3D(), layers.Dense(3)]
    return keras.Sequential([keras.Input((5, 8, 8, 2)), *stack])


def signal():
    x = inputs = keras.Input((20, 2))
    x = layers.ReLU()(norm()(layers.Conv1D(4, 3, padding="same", strides=2)(x)))
    x = layers.ReLU()(norm()(layers.DepthwiseConv1D(3, depth_multiplier=2)(x)))
    x = layers.ReLU()(norm()(layers.SeparableConv1D(5, 3)(x)))
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


FOLDED = {functional: 5, nested: 1, subclassed: 1, shared: 2, video: 1, signal: 3}
"""Models, and how many calls of BatchNormalization are folded in them."""


def channels_first():
    first = {"data_format": "channels_first"}
    stack = [layers.Conv2D(4, 3, **first), norm(axis=1), layers.ReLU(), layers.GlobalAveragePooling2D(**first)]
    return keras.Sequential([keras.Input((3, 12, 12)), *stack, layers.Dense(3)])


def another_axis():
    return sequential(layers.Conv2D(4, 3), norm(axis=1))


def activation():
    return sequential(layers.Conv2D(4, 3, activation="relu"), norm())


def mixed():
    needs_bfloat16()
    return sequential(layers.Conv2D(4, 3, dtype="mixed_bfloat16"), norm(dtype="mixed_bfloat16"))


def transposed():
    return sequential(layers.Conv2DTranspose(4, 3), norm())


def grouped():
    return sequential(layers.Conv2D(6, 3, groups=3), norm())


def causal():
    stack = [layers.Conv1D(4, 3, padding="causal"), norm(), layers.ReLU(), layers.GlobalAveragePooling1D()]
    return keras.Sequential([keras.Input((12, 3)), *stack, layers.Dense(3)])


def batch_statistics():
    class InTraining(layers.BatchNormalization):
        def call(self, inputs, training=None):
            return super().call(inputs, training=True)

    return sequential(layers.Conv2D(4, 3), InTraining())


def two_consumers():
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    x = layers.Add()([layers.ReLU()(norm()(x)), x])
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


def sequential(*stack):
    return keras.Sequential(
        [keras.Input(SHAPE), *stack, layers.ReLU(), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    )


LEFT = [another_axis, activation, causal, grouped, mixed, transposed, batch_statistics, two_consumers]


def drawn(model, seed=0):
    """Any weights, with variances that are positive and no scale that is one."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.dtype != "uint32":
            positive = "variance" in weight.path
            weight.assign(rng.uniform(0.5, 2, weight.shape) if positive else rng.normal(0, 0.5, weight.shape))
    return model


def shape_of(model):
    return getattr(model, "input_shape", (None, *SHAPE))[1:]


def images(model, count=3):
    return np.random.default_rng(1).random((count, *shape_of(model)), dtype="float32")


def logits_and_gradient(classifier, x):
    forward = classifier.forward(x)
    return forward.logits, forward.gradient(logit_score, forward.predictions)


def found(model, x, **options):
    classifier = kax.ImageClassifier(model, **options)
    return [item.numpy() for item in classifier.compiled("both", logits_and_gradient, tf.constant(x))]


def multiplications(classifier, shape):
    """How many products are computed in a pass that are not convolutions: one for each BatchNormalization, and more."""
    traced = tf.function(lambda x: classifier.forward(x).logits)
    return counted_operations(traced, tf.TensorSpec([None, *shape]))


@pytest.mark.slow
def test_it_is_off_by_default_and_part_of_what_is_told():
    model = sequential(layers.Conv2D(4, 3), norm())
    plain, folded = kax.ImageClassifier(model), kax.ImageClassifier(model, fold_batch_norm=True)
    assert not plain.fold_batch_norm
    assert "fold_batch_norm=True" in repr(folded)
    x = images(model, 8)
    settings = {"epsilons": (0.01,), "explainers": (), "noise_control": False, "progress": False}
    reports = [kax.evaluate(item, x, **settings) for item in (plain, folded)]
    assert [report.provenance["fold_batch_norm"] for report in reports] == [False, True]
    with pytest.raises(TypeError, match=r"`fold_batch_norm` must be True or False. Received: fold_batch_norm='yes'"):
        kax.ImageClassifier(model, fold_batch_norm="yes")


@pytest.mark.parametrize("build", FOLDED, ids=lambda build: build.__name__)
def test_logits_and_gradient_are_those_of_the_model(build):
    """Held against float64, where the model is computed as it is."""
    model = drawn(build())
    x = images(model)
    precise = twin(build, model)

    @tf.function
    def reference(x):
        logits = precise(x, training=False)
        return logits, tf.gradients(tf.reduce_max(logits, axis=-1), [x])[0]

    expected = [item.numpy() for item in reference(tf.constant(x, tf.float64))]
    with unchanged(model):
        plain, folded = found(model, x), found(model, x, fold_batch_norm=True)
    for precisely, unfolded, together in zip(expected, plain, folded, strict=True):
        scale = np.abs(precisely).max()
        assert np.abs(together - precisely).max() <= 2e-6 * scale + 3 * np.abs(unfolded - precisely).max()
        assert np.abs(together - precisely).max() <= 1e-4 * scale
    assert any((a != b).any() for a, b in zip(plain, folded, strict=True))


def twin(build, model):
    """The same model in float64."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        precise = build()
        precise(np.zeros((1, *shape_of(model))))
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy("float32")
    precise.set_weights(model.get_weights())
    return precise


@pytest.mark.parametrize(("build", "calls"), FOLDED.items(), ids=lambda item: getattr(item, "__name__", str(item)))
def test_a_pass_over_each_map_is_saved_and_no_convolution_is_added(build, calls):
    model = build()
    shape = shape_of(model)
    plain, folded = (multiplications(kax.ImageClassifier(model, fold_batch_norm=flag), shape) for flag in (False, True))
    for kind in ("Conv2D", "Conv3D", "DepthwiseConv2dNative", "MatMul"):
        assert folded[kind] == plain[kind]
    assert len(kax.ImageClassifier(model).topology().foldable) == calls


@pytest.mark.parametrize("build", LEFT, ids=lambda build: build.__name__)
def test_what_cannot_be_folded_is_left_as_it_is(build):
    model = drawn(build())
    x = images(model)
    plain, folded = found(model, x), found(model, x, fold_batch_norm=True)
    for one, other in zip(plain, folded, strict=True):
        np.testing.assert_array_equal(one, other)


def test_channels_first_is_folded_too():
    """TensorFlow has no convolution with the channels first on a CPU, so only the traced pass is looked at."""
    model = channels_first()
    classifier = kax.ImageClassifier(model, fold_batch_norm=True)
    plain = multiplications(kax.ImageClassifier(model), (3, 12, 12))
    folded = multiplications(classifier, (3, 12, 12))
    assert folded["Conv2D"] == plain["Conv2D"] == 1
    assert len(classifier.topology().foldable) == 1


@pytest.mark.parametrize(("build", "layer"), [(functional, "separable"), (nested, "backbone")])
@pytest.mark.parametrize("announced", [True, False])
def test_a_folded_layers_own_output_and_gradient_are_right(build, layer, announced):
    model = drawn(build())
    x = images(model)

    def look(classifier, x):
        forward = classifier.forward(x, layers=(layer,) if announced else ())
        return forward.activation(layer), forward.gradient(logit_score, forward.predictions, wrt=layer)

    outcomes = []
    for flag in (False, True):
        classifier = kax.ImageClassifier(model, fold_batch_norm=flag)
        outcomes.append(classifier.compiled(("look", layer, announced), look, tf.constant(x)))
    for plain, folded in zip(*outcomes, strict=True):
        assert np.abs(plain).max() > 0
        np.testing.assert_allclose(folded, plain, rtol=1e-4, atol=1e-5 * np.abs(plain).max())


def test_every_layer_is_explained_as_without_folding():
    model = drawn(nested())
    x = images(model)
    explainers = kax.explainers.GradCAM.every_layer(model, kind="all", relu=False)
    names = tuple(explainer.layer for explainer in explainers)
    assert len(names) == 3

    def maps(classifier, x):
        forward = classifier.forward(x, layers=names)
        return [explainer(classifier, x, forward.predictions, forward=forward) for explainer in explainers]

    classifiers = [kax.ImageClassifier(model, fold_batch_norm=flag) for flag in (False, True)]
    plain, folded = (classifier.compiled("maps", maps, tf.constant(x)) for classifier in classifiers)
    for one, other in zip(plain, folded, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_new_weights_are_seen():
    model = drawn(shared())
    x = images(model)
    before = found(model, x, fold_batch_norm=True)
    drawn(model, seed=1)
    after = found(model, x, fold_batch_norm=True)
    assert not np.allclose(before[0], after[0])
    np.testing.assert_allclose(after[0], found(model, x)[0], rtol=1e-4, atol=1e-5)


def test_both_ways_have_traces_of_their_own():
    model = drawn(shared())
    x = images(model)
    folded, plain = kax.ImageClassifier(model, fold_batch_norm=True), kax.ImageClassifier(model)
    explainer = kax.explainers.Saliency()
    first, second = explainer.attributions(folded, x), explainer.attributions(plain, x)
    assert (first != second).any()
    np.testing.assert_array_equal(explainer.attributions(copy.copy(folded), x), first)


def test_eager_passes_are_not_folded():
    model = drawn(shared())
    x = images(model)
    plain, folded = (kax.ImageClassifier(model, fold_batch_norm=flag).forward(x).logits for flag in (False, True))
    np.testing.assert_array_equal(plain, folded)


@pytest.mark.slow
def test_an_attack_on_the_folded_model_is_the_attack_on_the_model():
    model = drawn(nested())
    x = images(model)
    for attack in (kax.attacks.FGSM(), kax.attacks.PGD(steps=3, keep="last")):
        plain, folded = (
            attack(kax.ImageClassifier(model, fold_batch_norm=flag), x, [0, 1, 2]) for flag in (False, True)
        )
        assert np.mean(np.abs(plain - folded) > 1e-5) < 0.02
