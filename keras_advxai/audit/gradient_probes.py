"""What gradients predict for small changes of the images, and what these really do."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.blocking import local_gradients, weighted_sum
from keras_advxai.models.recording import all_operations
from keras_advxai.ops import random

FEW_PIXELS = 64
"""How many pixels are changed by a tiny amount."""
_TINY = 1e-4
"""By which part of the bounds' width they are changed: too little to reach the next of a few levels."""
_SMALL = 1e-3
"""By which part of the bounds' width all pixels without a gradient are changed."""
_PLAIN = 0.3
"""Their effect on the logits, relative to that of the others, from which on the gradient should show it."""
_ROUNDING = 1e-4
"""Changes of the log-odds below this may be nothing but rounding."""
_PART = 0.01
"""How far a step along the gradient goes, as a part of the way to the boundary."""


class GradientProbes:
    """Some images, changed a little in several ways. Each is run when it is asked for, and once.

    Args:
        classifier: The classifier, whose model is not random.
        inputs: What the model takes, as tensors.
    """

    def __init__(self, classifier: ImageClassifier, inputs: Any) -> None:
        self._classifier, self._inputs = classifier, inputs

    @functools.cached_property
    def stop(self) -> tuple[str, bool] | None:
        """Where a gradient stops, in words, and whether none at all returns to the images; `None` if it stops nowhere.

        Seen on the images and on the same in reverse order, turned upside down: a layer that returns the same for both
        does not depend on them, and owes them no gradient.
        """
        classifier = self._classifier
        images = classifier.images_of(self._inputs)
        # Upside down as well: one image in reverse order would be the same batch.
        others = classifier.with_images(self._inputs, tf.reverse(images, list(range(images.shape.rank - 1))))
        runs = [classifier.compiled("stops", _stops, item) for item in (self._inputs, others)]
        keys = sorted(runs[0]["layers"], key=lambda key: int(key.split(" ", 1)[0]))
        found = [
            key
            for key in keys
            if all(bool(run["layers"][key]["blocked"]) for run in runs)
            and runs[0]["layers"][key]["output"] != runs[1]["layers"][key]["output"]
        ]
        whole = bool(runs[0]["whole"])
        # A layer that has no gradient itself is named rather than one in front of it, which the stop leaves without.
        through = [key.split(" ", 2)[2] for key in found if " through " in key]
        behind = [key.split(" ", 2)[2] for key in found if " behind " in key]
        if through:
            return (f"through the layer {through[0]!r}" if through[0] else "through the preprocessing"), whole
        if behind or whole:
            return (f"back to the layer {behind[-1]!r}" if behind and behind[-1] else "back to the images"), whole
        return None

    @functools.cached_property
    def is_exact(self) -> bool:
        """Whether the model computes in more than 16 bits, in which a small change drowns in the rounding."""
        operations = all_operations(self._classifier.model)
        return not any("16" in str(getattr(item, "compute_dtype", "")) for item in operations)

    @functools.cached_property
    def still(self) -> float:
        """On which share of the images the logits stay exactly the same when a few pixels change by a tiny amount."""
        return float(np.mean(self._classifier.compiled("tiny change", _stays, self._inputs)))

    @functools.cached_property
    def pixels_without_gradient(self) -> tuple[float, float]:
        """On which share of the images pixels without a gradient change the logits, and the share of these pixels."""
        found = self._classifier.compiled("zero gradients", _zeros, self._inputs)
        share, still, moved = (item.numpy() for item in found)
        # Sound models have pixels without a gradient, too, but these change little beside the others.
        return float(np.mean((share > _PART) & (still > _PLAIN * moved))), float(np.mean(share))

    @functools.cached_property
    def misled(self) -> tuple[float, float]:
        """The shares of the images on which a short step does otherwise than the gradient says, and that tell at all.

        By half of it or more; those do not tell whose log-odds hardly change.
        """
        told, real = (item.numpy() for item in self._classifier.compiled("small step", _step, self._inputs))
        # A model that has learned nothing changes by its rounding alone, which no gradient foretells.
        judged = np.abs(told) > _ROUNDING
        wrong = (np.abs(real - told) > 0.5 * np.abs(told)) & judged
        return float(np.mean(wrong)), float(np.mean(judged))


def _stops(classifier: ImageClassifier, x: Any) -> dict[str, Any]:
    """By number and path, whether a layer's gradient is zero or missing, and something of what it returned."""
    every = classifier.topology(classifier.images_of(x).shape[1:]).locations  # layers that are named are not folded
    found, whole = local_gradients(classifier.forward(x, layers=tuple(every)))
    layers = {}
    for number, stop in enumerate(found):
        missing = tf.constant(True) if stop.gradient is None else tf.reduce_all(stop.gradient == 0)
        key = f"{number} {'behind' if stop.unreached else 'through'} {stop.path}"
        layers[key] = {"blocked": missing, "output": weighted_sum(stop.output)}
    return {"whole": tf.constant(whole), "layers": layers}


def _stays(classifier: ImageClassifier, x: Any) -> Tensor:
    """Whether the logits stay exactly the same when a few pixels change a little, `(batch,)` bool."""
    clean = classifier.forward(x)
    images, (lower, upper) = clean.images, classifier.bounds
    inwards = tf.where(images < (lower + upper) / 2, 1.0, -1.0)  # so that none is pushed against the bounds and stays
    share = FEW_PIXELS / tf.cast(tf.size(images[0]), tf.float32)
    chosen = random.uniform(random.image_keys(images), 0, tf.shape(images)[1:]) < share
    changed = tf.where(chosen, images + _TINY * classifier.width * inwards, images)
    after = classifier.forward(classifier.with_images(x, changed))
    return tf.reduce_all(after.logits == clean.logits, axis=-1)


def _zeros(classifier: ImageClassifier, x: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Where the gradient is zero: at which share of an image, and what changes there and elsewhere do, `(batch,)` each.

    The pixels in question are moved by a little, some up and some down, and the log-odds are compared.
    """
    clean = classifier.forward(x)
    images, labels = clean.images, clean.strongest
    zero = clean.gradient(_odds, labels) == 0  # of the log-odds: cross-entropy is zero where it underflows
    signs = random.signs(random.image_keys(images), 0, tf.shape(images)[1:])

    def change(chosen: Tensor) -> Tensor:
        moved = images + tf.where(chosen, _SMALL * classifier.width * signs, 0.0)
        after = classifier.forward(classifier.with_images(x, tf.clip_by_value(moved, *classifier.bounds)))
        return tf.abs(_odds(after, labels) - _odds(clean, labels))

    share = tf.reduce_mean(tf.cast(zero, tf.float32), axis=range(1, images.shape.rank))
    return share, change(zero), change(tf.logical_not(zero))


def _step(classifier: ImageClassifier, x: Any) -> tuple[Tensor, Tensor]:
    """By how much a short step along the gradient changes the log-odds, by the gradient and really, `(batch,)` each."""
    clean = classifier.forward(x)
    images, labels = clean.images, clean.strongest
    axes = tuple(range(1, images.shape.rank))
    gradient = clean.gradient(_odds, labels)
    before = _odds(clean, labels)
    # The 1 is for images on the boundary, which have no way to go; no gradient makes no step.
    size = tf.math.divide_no_nan(_PART * (1 + tf.abs(before)), tf.reduce_sum(gradient**2, axis=axes))
    moved = images + tf.reshape(size, [-1, *(1 for _ in axes)]) * gradient
    moved = tf.clip_by_value(moved, *classifier.bounds)
    after = _odds(classifier.forward(classifier.with_images(x, moved)), labels)
    # Of the step that the bounds have left, which is not the one that was asked for.
    return tf.reduce_sum(gradient * (moved - images), axis=axes), after - before


def _odds(forward: Forward, labels: Tensor) -> Tensor:
    return forward.classifier.kind.odds(forward.logits, labels)
