"""Recording a pass: it sees every call, and leaves no trace of itself."""

from __future__ import annotations

import threading

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.models.recording import all_operations, record
from keras_advxai.testing import unchanged

layers = keras.layers


def nested_model() -> keras.Model:
    """A model in a model in a model, with a shared layer, an operation, noise, dropout and a normalisation."""
    inner = keras.Sequential(
        [keras.Input((8, 8, 2)), layers.Conv2D(3, 3, name="deep"), layers.BatchNormalization(name="norm")],
        name="inner",
    )
    x = keras.Input((8, 8, 2))
    backbone = keras.Model(x, layers.Dropout(0.5, name="drop")(inner(layers.GaussianNoise(0.1)(x))), name="backbone")
    inputs = keras.Input((8, 8, 1))
    shared = layers.Conv2D(2, 1, name="shared", activity_regularizer="l2")
    outputs = backbone(keras.ops.concatenate([shared(inputs)[..., :1], shared(inputs + 1.0)[..., :1]], axis=-1))
    outputs = layers.Dense(3, activation="softmax", name="head")(layers.GlobalMaxPooling2D(name="pool")(outputs))
    return keras.Model(inputs, outputs)


class Decorated(layers.Layer):
    """A layer whose call is a graph function by itself: what runs inside is not in the graph around it."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(3, 3, name="conv")

    def build(self, shape):
        self.conv.build(shape)

    @tf.function
    def call(self, x):
        return self.conv(x)


def decorated_model() -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 1)), Decorated(name="outer"), layers.Flatten(), layers.Dense(2)])


def rematerialised_model() -> keras.Model:
    with keras.RematScope(mode="full"):
        conv = layers.Conv2D(3, 3, name="conv")
    return keras.Sequential([keras.Input((8, 8, 1)), conv, layers.Flatten(), layers.Dense(2)])


class Subclassed(keras.Model):
    """What Keras cannot see into."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = layers.Conv2D(3, 3, name="conv")
        self.blocks = [layers.Conv2D(3, 1, name="block0"), layers.Conv2D(3, 1, name="block1")]
        self.head = layers.Dense(2, name="head")

    def call(self, x, training=False):
        x = self.conv(x)
        for block in self.blocks:
            x = block(x)
        return self.head(tf.reduce_mean(x, axis=(1, 2)))


def subclassed_model() -> keras.Model:
    model = Subclassed()
    model(np.zeros((1, 8, 8, 1), "float32"))
    return model


MODELS = {
    "functional, nested": nested_model,
    "subclassed": subclassed_model,
    "sequential": helpers.small_cnn,
    "a call that is a tf.function": decorated_model,
    "a rematerialised layer": rematerialised_model,
}


def paths(model: keras.Model, x: np.ndarray) -> list[str]:
    with record(model) as recorded:
        model(x, training=False)
    return [call.path for call in recorded().walk()]


def test_every_call_is_recorded_by_its_path_in_the_order_of_execution():
    found = paths(nested_model(), helpers.random_images(2, (8, 8, 1)))
    assert found.count("shared") == 2
    inside = [path for path in found if path.startswith("backbone")]
    wanted = ["backbone/inner/deep", "backbone/inner/norm", "backbone/inner", "backbone/drop", "backbone"]
    assert [path for path in inside if path in wanted] == wanted
    assert found[-2:] == ["pool", "head"]
    assert paths(subclassed_model(), helpers.random_images(2, (8, 8, 1))) == ["conv", "block0", "block1", "head"]


def test_a_call_knows_its_inputs_and_its_output():
    model, x = nested_model(), helpers.random_images(2, (8, 8, 1))
    with record(model) as recorded:
        outputs = model(x, training=False)
    root = recorded()
    assert root.path == ""
    assert root.operation is model
    assert root.output is outputs
    head = root.children[-1]
    np.testing.assert_array_equal(head.operation(head.inputs[0]), head.output)


@pytest.mark.parametrize("kind", MODELS)
def test_the_model_is_as_before_and_recording_changes_no_result(kind):
    model = MODELS[kind]()
    x = helpers.random_images(2, helpers.SHAPE if kind == "sequential" else (8, 8, 1))
    expected = model(x, training=False).numpy()
    with unchanged(model), record(model), keras.StatelessScope():
        np.testing.assert_array_equal(model(x, training=False), expected)
    np.testing.assert_array_equal(model(x, training=False), expected)


@pytest.mark.parametrize("kind", MODELS)
def test_attack_and_explanation_leave_no_trace_of_the_first_call(kind):
    model = MODELS[kind]()
    shape = helpers.SHAPE if kind == "sequential" else (8, 8, 1)
    classifier = kax.ImageClassifier(model)

    @tf.function(input_signature=[tf.TensorSpec([None, *shape])])
    def look(x):
        forward = classifier.forward(x)
        kax.explainers.GradCAM()(classifier, x, forward=forward)
        return kax.attacks.FGSM()(classifier, x, forward=forward)

    with unchanged(model):
        assert np.isfinite(look(helpers.random_images(2, shape))).all()


def test_the_model_is_as_before_after_an_exception_inside_of_a_layer():
    class Fragile(layers.Layer):
        broken = False

        def call(self, inputs):
            if self.broken:
                raise RuntimeError("out of order")
            return inputs

    fragile = Fragile()
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(2, 1), fragile, layers.Flatten(), layers.Dense(2)])
    Fragile.broken = True
    x = helpers.random_images(2, (4, 4, 1))
    for item in (kax.attacks.FGSM(), kax.explainers.GradCAM()):
        with unchanged(model), pytest.raises(RuntimeError, match="out of order"):
            item(model, x)
    with unchanged(model), pytest.raises(RuntimeError, match="out of order"):
        kax.ImageClassifier(model, preprocess=lambda images: images).forward(x)
    Fragile.broken = False
    assert kax.attacks.FGSM()(model, x).shape == x.shape


def test_what_a_user_put_in_the_place_of_a_call_stays_there():
    model = helpers.small_cnn()
    conv = model.get_layer("conv1")
    original = conv.call
    calls = []

    def call(*args, **kwargs):
        calls.append(args)
        return original(*args, **kwargs)

    object.__setattr__(conv, "call", call)
    kax.explainers.GradCAM(relu=False)(model, helpers.random_images(2))
    assert calls
    assert vars(conv)["call"] is call


def test_calls_of_other_threads_pass_through_unrecorded():
    model, x = nested_model(), helpers.random_images(2, (8, 8, 1))
    expected = model(x).numpy()
    results = []

    def run():
        results.append(model(x).numpy())

    with record(model) as recorded:
        model(x[:1], training=False)
        before = len(list(recorded().walk()))
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(600)
        assert len(list(recorded().walk())) == before
    np.testing.assert_array_equal(results[0], expected)


def test_recordings_of_two_threads_do_not_overlap():
    """The second would take the first one's shadows for the layers' own calls, and leave them there."""
    model, x = nested_model(), helpers.random_images(2, (8, 8, 1))
    entered, may_leave = threading.Event(), threading.Event()
    found = []

    def other():
        with record(model) as recorded, keras.StatelessScope():
            entered.set()
            may_leave.wait(600)
            model(x, training=False)
        found.append(len(list(recorded().walk())))

    expected = len(paths(model, x))
    with unchanged(model), keras.StatelessScope():
        thread = threading.Thread(target=other)
        with record(model) as recorded:
            thread.start()
            assert not entered.wait(0.2)
            model(x, training=False)
        may_leave.set()
        thread.join(600)
        assert len(list(recorded().walk())) == found[0] == expected


def test_all_operations_are_found_once():
    found = all_operations(nested_model())
    names = [operation.name for operation in found]
    assert len(found) == len({id(operation) for operation in found})
    assert {"backbone", "inner", "deep", "norm", "drop", "shared", "pool", "head"} <= set(names)
    assert any(not isinstance(operation, layers.Layer) for operation in found)
    assert {"conv", "block0", "block1", "head"} <= {item.name for item in all_operations(subclassed_model())}


@pytest.mark.parametrize("build", [decorated_model, rematerialised_model])
def test_layers_behind_a_graph_function_or_a_remat_scope_are_explained(build):
    model, x = build(), helpers.random_images(3, (8, 8, 1))
    conv = model.layers[0] if build is rematerialised_model else model.layers[0].conv
    found = kax.explainers.GradCAM(layer="conv", relu=False).attributions(model, x, 1)
    kernel = model.layers[-1].get_weights()[0][:, 1].reshape(6, 6, 3)
    expected = np.sum(conv(x) * kernel.mean(axis=(0, 1)), axis=-1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_losses_of_the_layers_stay_those_of_the_users_last_call():
    model, x = nested_model(), helpers.random_images(2, (8, 8, 1))
    explainer = kax.explainers.GradCAM(relu=False)
    explainer(model, x)
    assert model.losses == []
    model(x, training=True)
    losses = model.losses
    explainer(model, 1 - x)
    kax.ImageClassifier(model).forward(x)
    assert len(losses) == 2
    assert [before is after for before, after in zip(losses, model.losses, strict=True)] == [True, True]
