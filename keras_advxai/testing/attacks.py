"""The contract of attacks."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from typing import Any, get_args

import keras
import numpy as np
import tensorflow as tf

from keras_advxai import attacks
from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks import Attack, NonFinitePixelWarning
from keras_advxai.models import ImageClassifier, as_classifier
from keras_advxai.models.task import CLASSIFICATION
from keras_advxai.testing.common import (
    check_configuration,
    check_exception,
    check_independence,
    check_one_trace,
    counting,
    like,
    naming,
    predicted,
    same_images,
    tensors,
)
from keras_advxai.testing.state import require, unchanged

_EPSILONS = (0.02, 0.1)


def check_attack(attack: Attack, model: keras.Model | ImageClassifier, x: Any, y: np.ndarray) -> None:
    """Fail unless an attack satisfies the contract of `keras_advxai.attacks.Attack`.

    Its result has the kind and shape of the images and is float32, finite, within the bounds and the
    budget, in the other norm, too, if it takes one, where an attack along gradients must make other images; it does not
    depend on the batch size, on the other images of the batch or on how often it is
    called; several epsilons equal separate ones; composed in a function of your own it gives the same; it
    changes neither model nor arrays; its configuration makes the round trip; one trace serves all batches.

    Two ways to the same images are equal up to rounding; but for at most 15 % of all pixels, a patch of one image,
    which differ by at most 1 % of the largest pixel, where rounding carries an activation across the kink of a ReLU or
    a max-pooling; and but for at most 1 %, where a gradient is zero up to rounding and its sign may be either.

    Args:
        attack: The attack.
        model: A small model that it works on.
        x: Three or more images in the model's bounds, `(batch, height, width, channels)` float32; for a model with
            several inputs all of them, in the list or dictionary that it takes. The result is images alone.
        y: Their classes, or the target classes, `(batch,)`.

    Raises:
        AssertionError: It does not; the message says in a sentence what it did.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> from keras_advxai.testing import check_attack
    >>> net = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> x = np.linspace(0.1, 0.9, 48, dtype="float32").reshape(3, 4, 4, 1)
    >>> check_attack(kax.attacks.FGSM(), net, x, np.array([0, 1, 0]))
    """
    classifier = as_classifier(model)

    def run(classifier: ImageClassifier, inputs: Any, labels: np.ndarray) -> Tensor:
        return attack(classifier, inputs, labels, epsilon=0.1)

    with naming(attack), unchanged(classifier.model, *keras.tree.flatten(x), y):
        check_configuration(attack, attacks)
        _check_images(attack, classifier, x, y)
        check_independence(functools.partial(run, classifier), same_images, x, y)
        _check_tensors(attack, classifier, x, y)
        _check_budget(attack, classifier, x, y)
        _check_norms(attack, classifier, x, y)
        _check_pixels(attack, run, classifier, x, y)
        _check_composed(attack, classifier, x, y)
        _check_default_labels(attack, model, x)
        check_exception(run, classifier, x, y)


def _check_images(attack: Attack, classifier: ImageClassifier, x: Any, y: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", NonFinitePixelWarning)  # else the pixels would be left as they were
        try:
            found, images = attack(classifier, x, y, epsilon=0.1), classifier.images_of(x)
        except NonFinitePixelWarning:
            raise AssertionError("It returned NaN or infinite pixels.") from None
    require(isinstance(found, np.ndarray), f"It returned {type(found).__name__} for NumPy images.")
    require(found.shape == images.shape, f"It returned the shape {found.shape} for images of {images.shape}.")
    require(found.dtype == np.float32, f"It returned {found.dtype}, not float32.")
    require(bool(np.isfinite(found).all()), "It returned NaN or infinite pixels.")


def _check_tensors(attack: Attack, classifier: ImageClassifier, x: Any, y: np.ndarray) -> None:
    found = attack(classifier, x, y, epsilon=0.1)
    tensor = attack(classifier, tensors(x), tf.constant(y), epsilon=tf.constant(0.1))
    require(tf.is_tensor(tensor), f"It returned {type(tensor).__name__} for a tensor.")
    same_images(tensor, found, "It gives a tensor other images than a NumPy array.")


def _check_budget(attack: Attack, classifier: ImageClassifier, x: Any, y: np.ndarray) -> None:
    several, images = attack(classifier, x, y, epsilon=_EPSILONS), classifier.images_of(x)
    require(several.shape == (len(_EPSILONS), *images.shape), f"Several epsilons gave {several.shape}.")
    lower, upper = classifier.bounds
    for epsilon, found in zip(_EPSILONS, several, strict=True):
        require(lower <= found.min() and found.max() <= upper, f"It left the bounds {classifier.bounds}.")
        change = (found.astype("float64") - images).reshape(len(images), -1) / classifier.width
        _check_size(attack, change, epsilon)
        apart = f"It gives other images at several epsilons than at epsilon={epsilon} alone."
        same_images(attack(classifier, x, y, epsilon=epsilon), found, apart)
    nothing = attack(classifier, x, y, epsilon=0)
    require(np.array_equal(nothing, images), "It must return the images themselves at epsilon 0.")


def _check_size(attack: Attack, change: np.ndarray, epsilon: float) -> None:
    size = np.abs(change).max(1) if attack.norm == "linf" else np.linalg.norm(change, axis=1)
    over = f"It changed an image by {size.max():.4g} with a budget of {epsilon} in the norm {attack.norm!r}."
    require(bool((size <= epsilon * (1 + 1e-4) + 1e-6).all()), over)


def _check_norms(attack: Attack, classifier: ImageClassifier, x: Any, y: np.ndarray) -> None:
    """What comes of the same attack in the other norms that it takes."""
    images = np.asarray(classifier.images_of(x))
    for other in _in_other_norms(attack, classifier, images):
        found = other(classifier, x, y, epsilon=0.1)
        _check_size(other, (found.astype("float64") - images).reshape(len(images), -1) / classifier.width, 0.1)
        if attack.uses_gradients and classifier.kind is CLASSIFICATION:
            first, second = _unprojected((attack, other), classifier, x, y)
            moved = not np.allclose(first, images, rtol=0, atol=1e-6 * classifier.width)
            require(
                not moved or not np.allclose(first, second, rtol=1e-4, atol=1e-5 * classifier.width),
                f"It makes the same images with norm={other.norm!r} as with norm={attack.norm!r}, so it does not "
                "follow `self.norm`. Take steps by `kax.attacks.steepest(self.norm)`, or let the constructor take no "
                "norm.",
            )


def _in_other_norms(attack: Attack, classifier: ImageClassifier, images: np.ndarray) -> Iterator[Attack]:
    config = attack.get_config()
    for norm in get_args(Norm):
        if "norm" not in config or norm == attack.norm:
            continue
        try:
            other = type(attack).from_config({**config, "norm": norm})
            other.check(classifier, tf.constant(images))
        except (TypeError, ValueError):  # it takes none but its own
            continue
        yield other


def _unprojected(
    pair: tuple[Attack, Attack], classifier: ImageClassifier, x: Any, y: np.ndarray
) -> tuple[np.ndarray, ...]:
    """What `perturb` of each returns, which the call projects onto the budget and makes alike or unlike."""

    def perturbed(classifier: ImageClassifier, inputs: Any, labels: Tensor) -> list[Tensor]:
        forward, budget = classifier.forward(inputs), tf.constant(0.1 * classifier.width, tf.float32)
        return [one.perturb(classifier, forward.images, labels, budget, forward) for one in pair]

    found = classifier.compiled((pair, "unprojected"), perturbed, tensors(x), tf.constant(y, tf.int32))
    return tuple(np.asarray(images) for images in found)


def _check_pixels(attack: Attack, run: Any, classifier: ImageClassifier, x: Any, y: np.ndarray) -> None:
    """On a classifier of its own, on which traces are counted, too: tracing is what takes the time here."""
    lower, width, inner = classifier.bounds[0], classifier.width, classifier.network_inputs

    def preprocess(images: Tensor) -> Tensor:
        scaled = lower + images * (width / 255)
        return inner(scaled, scaled)

    integers = np.round((classifier.images_of(x) - lower) * (255 / width)).astype("uint8")
    counted, traced = counting(preprocess)
    pixels = like(classifier, bounds=(0, 255), preprocess=counted)
    found = attack(pixels, pixels.with_images(x, integers), y, epsilon=0.1)
    require(found.dtype == np.float32, f"It returned {found.dtype} for uint8 images, not float32.")
    inputs = pixels.with_images(x, integers.astype("float32"))
    same_images(found, run(pixels, inputs, y), "It gives uint8 images another result than equal floats.")
    check_one_trace(run, pixels, traced, inputs, y)


def _check_composed(attack: Attack, classifier: ImageClassifier, x: Any, y: np.ndarray) -> None:
    @tf.function
    def composed(inputs: Any, labels: Tensor) -> Tensor:
        return attack(classifier, inputs, labels, 0.1, forward=classifier.forward(inputs))

    found = composed(tensors(x), tf.constant(y))
    apart = "It gives other images inside a tf.function with forward= than by itself."
    same_images(found, attack(classifier, x, y, epsilon=0.1), apart)


def _check_default_labels(attack: Attack, model: Any, x: Any) -> None:
    classifier = as_classifier(model)
    if attack.targeted:
        try:
            attack(classifier, x)
        except ValueError:
            return
        raise AssertionError("It is targeted, and must ask for the target classes.")
    found = attack(model, x, epsilon=0.1)
    apart = "Without labels it differs from what it does with the model's own predictions."
    same_images(found, attack(classifier, x, predicted(classifier, x), epsilon=0.1), apart)
