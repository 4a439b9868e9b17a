"""Models, layers and shapes that cannot work: refused before anything is computed, with the reason and the remedy."""

from __future__ import annotations

from collections.abc import Callable

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.testing import unchanged

layers = keras.layers
SHAPE = (8, 8, 1)
X, Y = helpers.random_images(3, SHAPE), np.array([0, 1, 0])


def conv(name: str) -> layers.Layer:
    return layers.Conv2D(2, 3, padding="same", name=name)


def two_outputs() -> tuple[keras.Model, helpers.Executions]:
    """Two branches after a shared stem."""
    spy = helpers.Executions()
    inputs = keras.Input(SHAPE)
    stem = conv("stem")(spy(inputs))
    left = layers.Dense(2, name="left")(layers.GlobalAveragePooling2D()(conv("left_conv")(stem)))
    right = layers.Dense(2, name="right")(layers.GlobalAveragePooling2D()(conv("right_conv")(stem)))
    return keras.Model(inputs, [left, right], name="net"), spy


def two_inputs() -> tuple[keras.Model, helpers.Executions]:
    """A branch for each of two images."""
    spy = helpers.Executions()
    left, right = keras.Input(SHAPE, name="left"), keras.Input(SHAPE, name="right")
    parts = [conv("left_conv")(spy(left)), conv("right_conv")(right)]
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(part) for part in parts])
    return keras.Model([left, right], layers.Dense(2)(x), name="net"), spy


class Idle(keras.Model):
    """One layer of this model is never called."""

    def __init__(self) -> None:
        super().__init__(name="net")
        self.spy = helpers.Executions()
        self.used, self.idle = conv("used"), conv("idle")
        self.idle.build((None, *SHAPE))
        self.classes = layers.Dense(2)

    def call(self, x):
        return self.classes(keras.ops.mean(self.used(self.spy(x)), axis=(1, 2)))


def idle() -> tuple[keras.Model, helpers.Executions]:
    model = Idle()
    model(X)
    model.spy.seen.computed = 0
    return model, model.spy


UNREACHED = {
    "the branch of another output": (two_outputs, {"output": "right"}, X, "left_conv", "stem, right_conv"),
    "the branch of another input": (two_inputs, {"input": "left"}, [X, 1 - X], "right_conv", "left_conv"),
    "an attribute that is never called": (idle, {}, X, "idle", "used"),
}


@pytest.mark.parametrize("kind", UNREACHED)
def test_a_layer_that_is_not_reached(kind):
    build, settings, x, layer, known = UNREACHED[kind]
    model, spy = build()
    classifier = kax.ImageClassifier(model, **settings)
    explainer = kax.explainers.GradCAM(layer=layer)
    message = f"The layer '{layer}' of the model 'net' is not reached .* can be: .*{known}"
    calls: list[Callable] = [
        lambda: explainer(classifier, x),
        lambda: explainer.attributions(classifier, x, 1),
        lambda: classifier.layer_path(layer),
        lambda: helpers.evaluator(classifier, explainers=[explainer]),
        lambda: kax.evaluate(classifier, (x, Y), explainers=[explainer], progress=False),
    ]
    for call in calls:
        with unchanged(model), pytest.raises(ValueError, match=message):
            call()
    assert spy.seen.computed == 0
    attacked = kax.attacks.FGSM()(classifier, x, Y)
    assert attacked.shape == X.shape
    assert spy.seen.computed == 1


def test_a_layer_without_an_extent_is_not_called_unreached():
    model, _ = two_outputs()
    with pytest.raises(ValueError, match="no layer 'right' with a spatial output"):
        kax.explainers.GradCAM(layer="right")(kax.ImageClassifier(model, output="right"), X)


class Fixed(keras.Model):
    """A model that says nothing about its input, and can do with one size only."""

    def __init__(self) -> None:
        super().__init__(name="net")
        self.conv = conv("conv")
        self.flatten, self.classes = layers.Flatten(), layers.Dense(2)

    def call(self, x):
        return self.classes(self.flatten(self.conv(x)))


def fixed() -> keras.Model:
    model = Fixed()
    model(X)
    return model


def open_size() -> keras.Model:
    """A functional model that takes images of any size, so long as they are not too small."""
    stack = [layers.Conv2D(2, 5, name="conv"), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    return keras.Sequential([keras.Input((None, None, 1)), *stack], name="net")


def with_age() -> keras.Model:
    image, age = keras.Input(SHAPE, name="image"), keras.Input((2,), name="age")
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(conv("conv")(image)), age])
    return keras.Model([image, age], layers.Dense(2)(x), name="net")


REFUSED = {
    "subclassed, another size": (fixed, {}, helpers.random_images(3, (9, 9, 1)), r"\(None, 9, 9, 1\)"),
    "subclassed, other channels": (fixed, {}, helpers.random_images(3, (8, 8, 3)), r"\(None, 8, 8, 3\)"),
    "functional, too small": (open_size, {}, helpers.random_images(3, (4, 4, 1)), r"\(None, 4, 4, 1\)"),
    "functional, another input": (with_age, {"input": "image"}, [X, np.ones((3, 5), "float32")], r"\(None, 5\)"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_shape_that_the_model_refuses(kind):
    build, settings, x, shape = REFUSED[kind]
    model = build()
    classifier = kax.ImageClassifier(model, **settings)
    message = f"(?s)The model 'net' cannot be run on inputs of shape .*{shape}"
    calls: list[Callable] = [
        lambda: kax.attacks.FGSM()(classifier, x, Y),
        lambda: kax.explainers.GradCAM()(classifier, x),
        lambda: kax.evaluate(classifier, (x, Y), progress=False),
    ]
    for call in calls:
        with unchanged(model), pytest.raises(ValueError, match=message):
            call()
    with unchanged(model), pytest.raises(ValueError, match="cannot be run on inputs of shape"):
        classifier.forward(x)


def test_a_shape_that_a_functional_model_says_it_does_not_take():
    model = with_age()
    classifier = kax.ImageClassifier(model, input="image")
    x = [helpers.random_images(3, (9, 9, 1)), np.ones((3, 2), "float32")]
    for call in (kax.attacks.FGSM(), kax.explainers.GradCAM()):
        with unchanged(model), pytest.raises(ValueError, match=r"\(batch, 8, 8, 1\). Received: shape=\(3, 9, 9, 1\)"):
            call(classifier, x)


@pytest.mark.parametrize("build", [Idle, Fixed])
def test_a_subclassed_model_that_was_never_called(build):
    model = build()
    for call in (
        lambda: kax.ImageClassifier(model),
        lambda: kax.attacks.FGSM()(model, X),
        lambda: kax.explainers.GradCAM()(model, X),
        lambda: kax.evaluate(model, (X, Y), progress=False),
    ):
        with unchanged(model), pytest.raises(ValueError, match=r"'net', which has no weights yet\. Call it once"):
            call()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::keras_advxai.explainers.BlankHeatmapWarning")
def test_a_last_activation_that_is_not_known_warns_which_argument_settles_it():
    """Softplus: neither a softmax nor linear. What is right is known to the user alone."""
    stack = [conv("conv"), layers.GlobalAveragePooling2D(), layers.Dense(2, activation="softplus")]
    for call in (
        lambda model: kax.attacks.FGSM()(model, X, Y),
        lambda model: kax.explainers.GradCAM()(model, X),
        lambda model: kax.evaluate(model, (X, Y), epsilons=(0.02, 0.1), progress=False),
    ):
        model = keras.Sequential([keras.Input(SHAPE), *stack], name="net")
        model.layers[-1].set_weights([np.eye(2), np.full(2, -3)])
        message = r"Softplus.*Pass from_logits=True \(to evaluate, .*from_logits=False"
        with pytest.warns(UserWarning, match=message):
            call(model)
        for settled in (True, False):
            call(kax.ImageClassifier(model, from_logits=settled))


class BuiltLater(keras.Model):
    """Has layers that its first call builds."""

    def __init__(self):
        super().__init__(name="later")
        self.conv, self.pool = conv("conv"), layers.GlobalAveragePooling2D()
        self.dense = layers.Dense(2, name="dense")

    def build(self, input_shape):
        self.built = True

    def call(self, images):
        return self.dense(self.pool(self.conv(images)))


def test_a_model_that_was_built_by_a_shape_alone_is_to_be_called_once():
    model = BuiltLater()
    model.build((None, *SHAPE))
    with pytest.raises(
        ValueError,
        match=r"^Layers of .* weights yet: 'conv' and 'dense'.*Call it once on a",
    ):
        kax.evaluate(model, (X, Y), progress=False)
    assert [layer.built for layer in model.layers] == [False, True, False]
    model(X[:1])  # as it is told to
    assert len(kax.explainers.GradCAM()(model, X)) == len(X)


def test_a_layer_that_is_never_called_need_not_be_built():
    model = BuiltLater()
    model.unused = layers.Dense(3, name="unused")
    model(X[:1])
    assert len(kax.explainers.GradCAM()(model, X)) == len(X)
    assert not model.unused.built
