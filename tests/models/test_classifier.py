"""ImageClassifier: construction, classes, layers by name, several inputs and outputs."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.models import as_classifier
from keras_advxai.testing import unchanged

pytestmark = pytest.mark.sampled(3)

layers = keras.layers


def two_inputs(names: tuple[str, str] = ("age", "picture"), as_dict: bool = False) -> keras.Model:
    """Logits from an image and a vector, the vector first."""
    age, picture = keras.Input((3,), name=names[0]), keras.Input((6, 6, 1), name=names[1])
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu", name="conv")(picture))
    outputs = layers.Dense(2, name="head")(layers.Concatenate()([x, age]))
    return keras.Model({names[0]: age, names[1]: picture} if as_dict else [age, picture], outputs)


def two_outputs(as_dict: bool = False) -> keras.Model:
    """A regression and a classification of the same image."""
    inputs = keras.Input((6, 6, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu", name="conv")(inputs))
    box, kind = layers.Dense(4, name="box")(x), layers.Dense(3, activation="softmax", name="kind")(x)
    return keras.Model(inputs, {"box": box, "kind": kind} if as_dict else [box, kind])


def test_what_is_not_a_keras_model_is_refused_by_type():
    for wrong in (lambda x: x, None, "vgg16", np.zeros(3), tf.Module()):
        with pytest.raises(TypeError, match=r"must be a keras.Model.*Received: "):
            kax.ImageClassifier(wrong)
        with pytest.raises(TypeError, match=r"must be a keras.Model.*Received: "):
            kax.attacks.FGSM()(wrong, helpers.random_images())


def test_a_model_without_weights_is_refused_and_the_message_says_how_to_build_it():
    model = keras.Sequential([layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)], name="later")
    with pytest.raises(ValueError, match=r"'later', which has no weights yet. Call it once on a batch"):
        kax.ImageClassifier(model)
    model(np.zeros((1, 6, 6, 1), "float32"))
    assert kax.explainers.GradCAM(relu=False)(model, helpers.random_images(2, (6, 6, 1))).shape == (2, 6, 6, 1)


@pytest.mark.parametrize("bounds", [(1, 0), (0, 0), (0,), (0, 1, 2), "ab", (0, np.nan), (0, np.inf), 3])
@pytest.mark.sampled(1)  # they take no time
def test_bounds_that_are_none(bounds, model):
    with pytest.raises(
        ValueError, match=r"Argument `bounds` must be .* such as \(0, 1\) or \(0, 255\). Received: bounds="
    ):
        kax.ImageClassifier(model, bounds=bounds)


def test_the_default_bounds_are_0_and_1_and_their_width_is_the_scale_of_epsilon(model):
    assert kax.ImageClassifier(model).bounds == (0, 1)
    assert kax.ImageClassifier(model, bounds=(-1, 3)).width == 4


def test_preprocess_has_to_be_a_name_or_a_callable(model):
    with pytest.raises(TypeError, match=r"`preprocess` must be a callable, the name .* Received: preprocess=3"):
        kax.ImageClassifier(model, preprocess=3)


def test_a_bare_model_and_a_classifier_are_both_taken(model):
    classifier = kax.ImageClassifier(model, bounds=(0, 2))
    assert as_classifier(classifier) is classifier
    assert as_classifier(model).bounds == (0, 1)
    assert as_classifier(model).model is model


def test_the_repr_says_what_was_set(build):
    model = build(name="net")
    text = repr(kax.ImageClassifier(model, bounds=(0, 255), preprocess=None, from_logits=False))
    assert (
        text
        == "ImageClassifier('net', bounds=(0.0, 255.0), preprocess=None, from_logits=False, output=None, input=None)"
    )


@pytest.mark.parametrize(
    ("head", "classes", "binary"), [("softmax", 2, False), ("linear", 2, False), ("sigmoid", 2, True)]
)
@pytest.mark.sampled(1)  # they take no time
def test_the_number_of_classes(head, classes, binary, build):
    classifier = kax.ImageClassifier(build(head))
    assert (classifier.classes, classifier.binary, classifier.head()) == (classes, binary, head)


def test_layers_are_listed_in_the_order_of_execution_with_kind_shape_and_the_default(model):
    found = kax.ImageClassifier(model).layers()
    assert [info.name for info in found] == ["conv1", "pool1", "conv2", "pool2", "conv3"]
    assert [info.convolutional for info in found] == [True, False, True, False, True]
    assert [info.default for info in found] == [False, False, False, False, True]
    assert found[1].kind == "MaxPooling2D"
    assert found[1].shape == (12, 12, 16)


def nested(name: str = "backbone") -> keras.Model:
    inner = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(2, 3, name="conv"), layers.ReLU(name="relu")], name=name
    )
    inputs = keras.Input((6, 6, 1))
    x = layers.Conv2D(2, 3, padding="same", name="after")(inner(inputs))
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)), name="net")


def test_a_layer_is_found_by_name_and_by_path():
    classifier = kax.ImageClassifier(nested())
    assert classifier.default_layer == classifier.layer_path(None) == "after"
    assert classifier.layer_path("conv") == classifier.layer_path("backbone/conv") == "backbone/conv"
    assert classifier.layer_path("backbone") == "backbone"
    x = helpers.random_images(3, (6, 6, 1))
    by_name, by_path = (
        kax.explainers.GradCAM(layer=name, relu=False)(classifier, x) for name in ("conv", "backbone/conv")
    )
    np.testing.assert_array_equal(by_name, by_path)


def test_an_unknown_layer_lists_the_nearest_and_the_known_ones():
    with pytest.raises(
        ValueError, match=r"'net' has no layer 'afer'.*Did you mean 'after'\? .*can be explained: .*backbone/conv"
    ):
        kax.explainers.GradCAM(layer="afer")(nested(), helpers.random_images(1, (6, 6, 1)))


def test_a_layer_without_spatial_output_is_refused():
    model = nested()
    with pytest.raises(ValueError, match=f"no layer {model.layers[-1].name!r} with a spatial output"):
        kax.ImageClassifier(model).layer_path(model.layers[-1].name)


def test_many_layers_are_listed_in_part():
    names = [f"conv{index}" for index in range(20)]
    stack = [layers.Conv2D(1, 1, name=name) for name in names]
    model = keras.Sequential([keras.Input((4, 4, 1)), *stack, layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"conv3, ..., conv14"):
        kax.ImageClassifier(model).layer_path("nothing")


def test_a_name_that_occurs_twice_lists_both_paths():
    inputs = keras.Input((6, 6, 1))
    branches = []
    for name in ("left", "right"):
        branch = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(2, 3, name="conv")], name=name)
        branches.append(branch(inputs))
    outputs = layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.Add()(branches)))
    classifier = kax.ImageClassifier(keras.Model(inputs, outputs))
    with pytest.raises(
        ValueError, match=r"There are 2 layers named 'conv'. Pass one of the paths left/conv, right/conv"
    ):
        classifier.layer_path("conv")
    assert classifier.layer_path("right/conv") == "right/conv"


def test_a_model_without_a_spatial_layer_can_be_attacked_but_not_explained():
    model = helpers.linear_model(np.eye(16)[:, :2], (4, 4, 1))
    x = helpers.random_images(2, (4, 4, 1))
    with pytest.raises(ValueError, match=r"no layer with a spatial output .* Attacks still work on it"):
        kax.explainers.GradCAM()(model, x)
    assert kax.ImageClassifier(model).layers() == ()
    assert kax.attacks.FGSM()(model, x, [0, 1]).shape == x.shape


def test_a_model_of_plain_features_can_be_attacked():
    model = keras.Sequential([keras.Input((7,)), layers.Dense(2)])
    x = helpers.random_images(3, (7,))
    assert kax.ImageClassifier(model).layers() == ()
    assert np.abs(kax.attacks.FGSM()(model, x, [0, 1, 0], 0.1) - x).max() == pytest.approx(0.1, rel=1e-5)


def test_a_model_that_leaves_the_size_open(build):
    inputs = keras.Input((None, None, 1))
    x = layers.Conv2D(4, 3, strides=2, activation="relu", name="conv")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    explainer = kax.explainers.GradCAM(relu=False)
    for side in (8, 13):
        images = helpers.random_images(2, (side, side, 1))
        assert explainer(model, images).shape == (2, side, side, 1)
        assert kax.attacks.FGSM()(model, images).shape == images.shape
    run = tf.function(lambda x: explainer(model, x), input_signature=[tf.TensorSpec([None, None, None, None])])
    np.testing.assert_allclose(run(images), explainer(model, images), atol=1e-5)


def test_a_function_that_leaves_the_size_open_around_a_model_that_does_not(model, few):
    explainer = kax.explainers.GradCAM(relu=False)
    run = tf.function(lambda x: explainer(model, x), input_signature=[tf.TensorSpec([None, None, None, None])])
    np.testing.assert_allclose(run(few[0]), explainer(model, few[0]), atol=1e-5)


@pytest.mark.parametrize("as_dict", [False, True])
def test_one_of_several_inputs_has_to_be_named(as_dict):
    with pytest.raises(
        ValueError, match=r"The model has 2 inputs, age, picture. Pass input=\.\.\. \(to evaluate, .* the images"
    ):
        kax.ImageClassifier(two_inputs(as_dict=as_dict))
    with pytest.raises(ValueError, match=r"Argument `input` must be one of age, picture.* Did you mean 'picture'"):
        kax.ImageClassifier(two_inputs(as_dict=as_dict), input="pictur")
    with pytest.raises(ValueError, match=r"Argument `input` must be one of .* Received: input=2"):
        kax.ImageClassifier(two_inputs(as_dict=as_dict), input=2)


@pytest.mark.parametrize("chosen", ["picture", 1, -1])
@pytest.mark.parametrize("form", ["list", "tuple", "dict", "dict in another order"])
def test_one_of_several_inputs_holds_the_images_and_the_others_are_passed_through(form, chosen):
    """Gradients, preprocessing, budget and heatmaps concern the images; the other inputs stay as they are."""
    model = two_inputs(as_dict=form.startswith("dict"))
    age, picture = helpers.random_images(4, (3,), seed=1), helpers.random_images(4, (6, 6, 1))
    x = {
        "list": [age, picture],
        "tuple": (age, picture),
        "dict": {"age": age, "picture": picture},
        "dict in another order": {"picture": picture, "age": age},
    }[form]
    y = np.array([0, 1, 0, 1])
    classifier = kax.ImageClassifier(model, input=chosen, preprocess=lambda images: 1 - images)
    alone = keras.Model(model.input, model.output) if form == "list" else two_inputs()
    alone.set_weights(model.get_weights())
    tensor, others = tf.constant(picture), tf.constant(age)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        logits = alone([others, 1 - tensor])
        loss = keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
    expected = np.clip(picture + 0.1 * np.sign(tape.gradient(loss, tensor)), 0, 1)
    with unchanged(model, age, picture):
        np.testing.assert_allclose(kax.attacks.FGSM()(classifier, x, y, 0.1), expected, atol=1e-6)
        np.testing.assert_allclose(tf.function(lambda: classifier.forward(x).logits)(), logits, atol=1e-5)
        np.testing.assert_allclose(classifier.forward(x).logits, logits, atol=1e-5)
        assert kax.explainers.GradCAM(relu=False)(classifier, x).shape == picture.shape


@pytest.mark.parametrize("as_dict", [False, True])
def test_one_of_several_outputs_has_to_be_named(as_dict):
    model = two_outputs(as_dict)
    with pytest.raises(
        ValueError, match=r"The model has 2 outputs, box, kind. Pass output=\.\.\. \(to evaluate, .* the classes"
    ):
        kax.ImageClassifier(model)
    with pytest.raises(ValueError, match=r"Argument `output` must be one of box, kind.* Did you mean 'kind'"):
        kax.ImageClassifier(model, output="kin")
    x = helpers.random_images(3, (6, 6, 1))
    outputs = model(x)
    for output in ("kind", 1, -1):
        classifier = kax.ImageClassifier(model, output=output)
        assert (classifier.classes, classifier.head()) == (3, "softmax")
        probabilities = outputs["kind"] if as_dict else outputs[1]
        np.testing.assert_allclose(classifier.forward(x).probabilities, probabilities, atol=1e-6)
    assert kax.ImageClassifier(model, output="box").classes == 4


def test_an_output_that_is_not_one_value_for_each_class_is_refused():
    inputs = keras.Input((6, 6, 1))
    model = keras.Model(inputs, layers.Conv2D(3, 1, name="map")(inputs))
    with pytest.raises(ValueError, match=r"must have the shape \(batch, classes\). Received: .* \(None, 6, 6, 3\)"):
        kax.ImageClassifier(model).layers()


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@pytest.mark.parametrize("settings", [{}, {"from_logits": True}, {"from_logits": False}, {"task": "regression"}])
@pytest.mark.parametrize("activation", ["softmax", "log_softmax"])
def test_a_softmax_of_one_unit_is_refused_as_what_it_is(activation, settings):
    model = keras.Sequential([layers.Input((4, 4, 1)), layers.Flatten(), layers.Dense(1, activation=activation)])
    with pytest.raises(ValueError, match=r"a softmax of one unit, which is 1 for every image.*activation='sigmoid'"):
        kax.evaluate(model, helpers.random_images(2, (4, 4, 1)), explainers=(), progress=False, **settings)


def test_one_linear_unit_is_refused_with_what_to_do():
    model = helpers.linear_model(np.ones((16, 1)), (4, 4, 1))
    x = helpers.random_images(2, (4, 4, 1))
    for call in (kax.attacks.FGSM(), lambda *args: kax.ImageClassifier(model).forward(x)):
        with pytest.raises(ValueError, match=r"one linear unit.*task='regression' or from_logits=True"):
            call(model, x)
    classifier = kax.ImageClassifier(model, from_logits=True)
    assert (classifier.classes, classifier.binary) == (2, True)
    np.testing.assert_array_equal(classifier.forward(x).predictions, [1, 1])
