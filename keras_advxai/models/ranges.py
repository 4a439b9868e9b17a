"""Whether a model would be right more often if the pixels were in another range."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Bounds
from keras_advxai.models.forward import Forward, Traceable
from keras_advxai.models.heads import OutOfReachError
from keras_advxai.models.signature import declared_batch

FEWEST_WRONG = 14
"""Fewer images that are right in another range alone may be so by chance."""
_FIRST_LOOK = 32
"""A range is tried on all images if the model is right more often in it on so many of them."""
_VALUES_AT_ONCE = 2**20
"""Images are taken in groups of so many values: an eager pass keeps what every layer returns."""
_ENDS: dict[str, Bounds] = {"[0, 1]": (0.0, 1.0), "[-1, 1]": (-1.0, 1.0), "[0, 255]": (0.0, 255.0)}
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN = (103.939, 116.779, 123.68)


class OtherRange(NamedTuple):
    """How often a model is right on images as they are, and as they would be in another range of the pixels.

    Attributes:
        name: The other range.
        images: How many images it was tried on.
        own: How many of them are right as they are.
        right: How many are right in the other range.
        gained: How many are right in the other range alone.
        lost: How many are right as they are alone.
        by_frequencies: Which share would be right by the frequencies of labels and predictions in the other range.
    """

    name: str
    images: int
    own: int
    right: int
    gained: int
    lost: int
    by_frequencies: float


def best_other_range(classifier: Traceable, inputs: Any, labels: np.ndarray) -> OtherRange | None:
    """The range in which the model is right most often; `None` where it is right as often as the images are.

    Args:
        classifier: A classifier of one class for each image, which is not random.
        inputs: What it takes.
        labels: The classes of the images, `(batch,)`.
    """
    decide = _decide(classifier)
    changes = dict(_changes(classifier, np.shape(classifier.images_of(inputs))[-1]))
    # Spread over them, since data are sorted by class more often than not.
    some = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), _FIRST_LOOK)).astype(int))
    own, *others = _right(classifier, decide, inputs, labels, some, [_as_they_are, *changes.values()])[0]
    likely = [name for name, right in zip(changes, others, strict=True) if right.sum() > own.sum()]
    if not likely:
        return None
    every = np.arange(len(labels))
    (own, *rights), (_, *predictions) = _right(
        classifier, decide, inputs, labels, every, [_as_they_are, *(changes[name] for name in likely)]
    )
    found = []
    for name, right, predicted in zip(likely, rights, predictions, strict=True):
        classes = np.arange(max(labels.max(), predicted.max()) + 1)
        shares = [float(np.mean(labels == item) * np.mean(predicted == item)) for item in classes]
        found.append(
            OtherRange(
                name,
                images=len(labels),
                own=int(own.sum()),
                right=int(right.sum()),
                gained=int((right & ~own).sum()),
                lost=int((own & ~right).sum()),
                by_frequencies=min(1.0, sum(shares)),
            )
        )
    best = max(found, key=lambda item: item.right)
    return best if best.right > best.own else None


def _right(
    classifier: Traceable,
    decide: Callable[[Any], Any],
    inputs: Any,
    labels: np.ndarray,
    rows: np.ndarray,
    changes: Sequence[Callable[[Any], Any]],
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Whether the model is right on some images in each range, and what it says, `(rows,)` each."""
    images = np.asarray(classifier.images_of(inputs), np.float32)[rows]
    # In one pass, since small models are asked in no time, and an eager pass takes its milliseconds.
    changed = np.concatenate([np.asarray(change(images), np.float32) for change in changes])
    predicted = _predictions(classifier, decide, inputs, changed, np.tile(rows, len(changes)))
    split = np.split(predicted, len(changes))
    return [part == labels[rows] for part in split], split


def _as_they_are(images: Any) -> Any:
    return images


def _changes(classifier: Traceable, channels: int) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """What images in the classifier's bounds would be in other ranges."""
    lower, upper = classifier.bounds

    def unit(images: Any) -> Any:
        return (images - lower) / (upper - lower)

    def between(images: Any, low: float, high: float) -> Any:
        return unit(images) * (high - low) + low

    for name, (low, high) in _ENDS.items():
        if not np.allclose((low, high), (lower, upper), atol=0.01 * (upper - lower)):
            yield f"in {name}", functools.partial(between, low=low, high=high)
    if channels != 3:
        return
    yield "less ImageNet's mean, over its deviation", lambda images: (unit(images) - _IMAGENET_MEAN) / _IMAGENET_STD
    yield "in the way of Caffe", lambda images: 255 * unit(images)[..., ::-1] - _CAFFE_MEAN


def _predictions(
    classifier: Traceable, decide: Callable[[Any], Any], inputs: Any, images: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """What the model says of images, `(images,)`; -1 where that is not finite.

    Args:
        classifier: The classifier.
        decide: What asks it.
        inputs: What it takes.
        images: Images as they were changed.
        rows: Which row of the inputs each of them was.
    """
    declared = declared_batch(classifier.model)
    size = declared or max(1, _VALUES_AT_ONCE // max(1, images[0].size))
    found = []
    for begin in range(0, len(images), size):
        taken = np.arange(begin, begin + size if declared else min(begin + size, len(images))) % len(images)
        part = keras.tree.map_structure(lambda item, taken=taken: item[rows[taken]], inputs)
        found.append(decide(classifier.with_images(part, tf.constant(images[taken]))).numpy())
    return np.concatenate(found)[: len(images)]  # a last batch of a declared size is filled with the first images


def _decide(classifier: Traceable) -> Callable[[Any], Any]:
    """A function of what the model takes to what it says, `(batch,)`."""

    # Not by `classifier.forward`, which refuses images out of bounds.
    def decisions(inputs: Any) -> Any:
        return Forward(classifier, inputs).decisions

    ways = [decisions]  # eagerly: to compile a pass takes longer

    def decide(inputs: Any) -> Any:
        try:
            return ways[-1](inputs)
        except OutOfReachError:  # behind a softmax that is not Keras' own, or not the last of the layers
            ways.append(tf.function(decisions, autograph=False, reduce_retracing=True))
            return ways[-1](inputs)

    return decide
