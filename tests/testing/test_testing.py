"""The contract checks pass what is right, and say in a sentence what is wrong."""

from __future__ import annotations

import functools
import traceback
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.testing import check_attack, check_explainer

registered = keras.saving.register_keras_serializable(package="tests")


@registered
class Brighten(kax.attacks.Attack):
    def perturb(self, model, x, y, radius, forward):
        return x + radius


class Unregistered(Brighten):
    def __init__(self, *, names=()):
        super().__init__()
        self.names = names

    @classmethod
    def from_config(cls, config):
        raise TypeError("cannot be built")


@registered
class Choosy(Brighten):
    @classmethod
    def from_config(cls, config):
        raise ValueError("no colour is as bright\nas this")


@registered
class Mutable(Brighten):
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)


@registered
class Drifting(Brighten):
    def __init__(self, *, power=1):
        super().__init__()
        self.power = power + 1


@registered
class Laconic(Brighten):
    def __repr__(self):
        return "Laconic()"


@registered
class OfTheBatch(Brighten):
    def perturb(self, model, x, y, radius, forward):
        return x + radius * tf.sign(x - tf.reduce_mean(x, axis=0))


@registered
class NotANumber(Brighten):
    def perturb(self, model, x, y, radius, forward):
        return x * float("nan")


@registered
class Restless(Brighten):
    def perturb(self, model, x, y, radius, forward):
        return x + radius * tf.random.uniform(tf.shape(x))


@registered
class Careless(Brighten):
    def perturb(self, model, x, y, radius, forward):
        model.model.get_layer("head").last_images = x.name
        return x


@registered
class Greedy(Brighten):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        return super().__call__(model, x, y, 2 * np.array(epsilon), forward=forward)


@registered
class GreedyInTheOtherNorm(Brighten):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        more = 2 if self.norm == "l2" else 1
        return super().__call__(model, x, y, more * np.array(epsilon), forward=forward)


@registered
class SignsInEveryNorm(kax.attacks.GradientAttack):
    def perturb(self, model, x, y, epsilon, forward):
        return x + epsilon * tf.sign(self.gradient(forward, y))


@registered
class SignsInTheirNorm(SignsInEveryNorm):
    def __init__(self, *, loss="log_odds"):
        super().__init__(loss=loss)

    def get_config(self):
        return {"loss": self.loss}


@registered
class Outside(Brighten):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        found = super().__call__(model, x, y, epsilon, forward=forward)
        return found * np.float32(1.2)


@registered
class NeverNothing(Brighten):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        return super().__call__(model, x, y, epsilon or 0.001, forward=forward)


@registered
class Double(Brighten):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        found = super().__call__(model, x, y, epsilon, forward=forward)
        return found if tf.is_tensor(found) else found.astype("float64")


@registered
class OneStrength(Brighten):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        found = super().__call__(model, x, y, epsilon, forward=forward)
        return np.stack([found[0]] * len(found)) if np.ndim(epsilon) else found


@registered
class AsItIsInside(Brighten):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        return super().__call__(model, x, y, epsilon, forward=forward) if tf.executing_eagerly() else x


@registered
class InPlace(Brighten):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        found = super().__call__(model, x, y, epsilon, forward=forward)
        if isinstance(x, np.ndarray):
            x[0, 0, 0, 0] = 0.123
        return found


@registered
class Training(Brighten):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        model.model.weights[0].assign_add(tf.ones_like(model.model.weights[0]))
        return super().__call__(model, x, y, epsilon, forward=forward)


@registered
class ZeroByDefault(kax.attacks.FGSM):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        return super().__call__(model, x, np.zeros(len(x)) if y is None else y, epsilon, forward=forward)


@registered
class Retraced(Brighten):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        if isinstance(model, kax.ImageClassifier) and model.preprocess:
            preprocess = functools.partial(model.preprocess)
            model = kax.ImageClassifier(model.model, bounds=model.bounds, preprocess=preprocess)
        return super().__call__(model, x, y, epsilon, forward=forward)


BROKEN_ATTACKS = {
    Unregistered: "cannot be built from its serialised configuration.*register_keras_serializable",
    Choosy: "serialised configuration: the error was: no colour is as bright$",
    Mutable: "must be immutable, but its attribute 'norm' can be assigned",
    Drifting: r"became Drifting\(power=3",
    Laconic: "The repr leaves out norm",
    OfTheBatch: "treats an image differently beside other images",
    NotANumber: "returned NaN or infinite pixels",
    Restless: "gives another result when it is called again",
    Careless: "The attribute 'last_images' of the model's layer 'head' was changed",
    Greedy: "changed an image by 0.04 with a budget of 0.02",
    GreedyInTheOtherNorm: "changed an image by 0.2 with a budget of 0.1 in the norm 'l2'",
    SignsInEveryNorm: "makes the same images with norm='l2' as with norm='linf'",
    Outside: "left the bounds",
    NeverNothing: "must return the images themselves at epsilon 0",
    Double: "returned float64, not float32",
    OneStrength: "gives other images at several epsilons",
    AsItIsInside: "gives other images inside a tf.function",
    InPlace: "An array was changed in place",
    Training: "The model's variable .* was changed|gives another result",
    ZeroByDefault: "Without labels it differs",
    Retraced: "traced again for another batch size",
}


@registered
class Brightness(kax.explainers.Explainer):
    def attribute(self, model, x, targets, forward):
        return forward.images


@registered
class MapOfTheBatch(Brightness):
    def attribute(self, model, x, targets, forward):
        return x - tf.reduce_mean(x, axis=0)


@registered
class MapOfNothing(Brightness):
    def attribute(self, model, x, targets, forward):
        return x * float("nan")


@registered
class Halved(Brightness):
    def __call__(self, model, x, targets=None, *, forward=None):
        return super().__call__(model, x, targets, forward=forward) * np.float32(0.5)


@registered
class Negative(Brightness):
    def __call__(self, model, x, targets=None, *, forward=None):
        return -super().__call__(model, x, targets, forward=forward)


@registered
class Flat(Brightness):
    def __call__(self, model, x, targets=None, *, forward=None):
        return super().__call__(model, x, targets, forward=forward)[..., 0]


@registered
class Silent(Brightness):
    def attribute(self, model, x, targets, forward):
        return tf.zeros_like(x)

    def __call__(self, model, x, targets=None, *, forward=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return super().__call__(model, x, targets, forward=forward)


@registered
class ZeroTarget(kax.explainers.GradCAM):
    def __call__(self, model, x, targets=None, *, forward=None):
        return super().__call__(model, x, 0 if targets is None else targets, forward=forward)


@registered
class OtherInside(Brightness):
    def __call__(self, model, x, targets=None, *, forward=None):
        found = super().__call__(model, x, targets, forward=forward)
        return found if tf.executing_eagerly() else found * found


BROKEN_EXPLAINERS = {
    MapOfTheBatch: "treats an image differently beside other images",
    MapOfNothing: "returned heatmaps with NaN or infinite values",
    Halved: "The largest values must be 1",
    Negative: r"returned values from -1.0 to .*, not in \[0, 1\]",
    Flat: "returned the shape",
    Silent: "must warn of blank heatmaps",
    ZeroTarget: "differ from targets=None",
    OtherInside: "gives other heatmaps inside a tf.function",
}


@pytest.fixture
def arrays(few):
    return few[0].copy(), few[1].copy()


@pytest.mark.parametrize("attack", [Brighten(), Brighten(norm="l2"), SignsInTheirNorm()], ids=repr)
def test_an_attack_that_is_right_passes(attack, model, arrays):
    check_attack(attack, model, *arrays)


def test_an_explainer_that_is_right_passes(model, arrays):
    check_explainer(Brightness(), model, arrays[0])


@pytest.mark.sampled(2)
@pytest.mark.parametrize("cls", BROKEN_ATTACKS, ids=lambda cls: cls.__name__)
def test_a_broken_attack_is_found(cls, build, arrays):
    with pytest.raises(AssertionError, match=BROKEN_ATTACKS[cls]):
        check_attack(cls(), build(), *arrays)


@pytest.mark.parametrize("cls", BROKEN_EXPLAINERS, ids=lambda cls: cls.__name__)
def test_a_broken_explainer_is_found(cls, model, arrays):
    with pytest.raises(AssertionError, match=BROKEN_EXPLAINERS[cls]):
        check_explainer(cls(), model, arrays[0])


def test_the_message_begins_with_what_was_checked(model, arrays):
    with pytest.raises(AssertionError, match=r"^NotANumber\(norm='linf'\): It returned"):
        check_attack(NotANumber(), model, *arrays)


class Undecorated(Brighten):
    """As in a notebook: Keras finds it nowhere."""

    __module__ = "__main__"


class UndecoratedMap(Brightness):
    __module__ = "__main__"


def test_an_undecorated_class_is_told_of_in_two_sentences_by_one_error(model, arrays):
    for check in (
        lambda: check_attack(Undecorated(), model, *arrays),
        lambda: check_explainer(UndecoratedMap(), model, arrays[0]),
    ):
        with pytest.raises(AssertionError, match=r"Keras does not know its class\. Write @keras\.saving") as caught:
            check()
        assert len(str(caught.value)) < 300
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        assert "".join(traceback.format_exception(caught.value)).count("Traceback (most recent") == 1
