"""Baselines: the reference images that represent the absence of features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np
import tensorflow as tf

from keras_advxai._choice import nearest
from keras_advxai._typing import Tensor
from keras_advxai.models import ImageClassifier

BaselineName: TypeAlias = Literal["black", "white", "gray", "mean", "blur", "noise"]
Baseline: TypeAlias = BaselineName | np.ndarray | Callable[[Tensor], Tensor]

_CONSTANT = {"black": 0.0, "gray": 0.5, "white": 1.0}
_TOLERANCE = 1e-6
"""By which part of the bounds' width a baseline may leave them: float32 rounds what a user's scaling makes of 255."""

_BLUR = 15
"""The standard deviation of the blur is this part of each side, 20 pixels for an image of 299."""


def check_baseline(baseline: Any) -> Baseline:
    """A baseline as an explainer keeps it: a name, a function, or a read-only array.

    Raises:
        TypeError: It is something else.
        ValueError: The name is unknown, or the array holds something else than finite numbers.
    """
    if isinstance(baseline, str):
        known = get_args(BaselineName)
        if baseline not in known:
            raise ValueError(
                f"Argument `baseline` must be one of {', '.join(known)}, an array or a function."
                f"{nearest(baseline, known)} Received: baseline={baseline!r}"
            )
        return cast(BaselineName, baseline)
    if callable(baseline):
        return cast("Callable[[Tensor], Tensor]", baseline)
    try:
        # A copy: the user may go on writing into the array, and configurations do not change.
        array = np.array(baseline, "float32")
        if baseline is None or isinstance(baseline, bool) or not array.size:
            raise TypeError
    except (TypeError, ValueError):
        raise TypeError(
            "Argument `baseline` must be a name, a number, an array of the shape of one image, or a function of the "
            f"images. Received: {baseline!r}"
        ) from None
    if not np.isfinite(array).all():
        raise ValueError(f"Argument `baseline` must have finite values. Received: {array.min()} to {array.max()}")
    array.flags.writeable = False
    return array


def check_fits(baseline: Baseline, model: ImageClassifier, images: Tensor) -> None:
    """Raise if a baseline has another shape than the images, or leaves the bounds. A function is called for this.

    Args:
        baseline: What `check_baseline` returned.
        model: The classifier, whose bounds hold for baselines, too.
        images: The images in image space, `(batch, height, width, channels)`.

    Raises:
        ValueError: It does not fit.
    """
    if callable(baseline):
        _check(np.asarray(baseline(images)), model, [tuple(images.shape)], "return baselines of the images' shape")
    elif not isinstance(baseline, str):
        _check_array(baseline, model, images)


def _check_array(baseline: np.ndarray, model: ImageClassifier, images: Tensor) -> None:
    shape = tuple(images.shape[1:])
    # A fully convolutional model leaves height and width open while it is traced, with nothing to compare with.
    known = baseline.shape if None in shape else shape
    _check(baseline, model, [known, (1, *known), ()], "have the shape of one image")


def _check(found: np.ndarray, model: ImageClassifier, shapes: Sequence[tuple[int, ...]], what: str) -> None:
    if found.shape not in shapes:
        raise ValueError(f"Argument `baseline` must {what}, {shapes[0]}. Received: an array of shape {found.shape}")
    low, high = float(found.min()), float(found.max())
    lower, upper = model.bounds
    slack = _TOLERANCE * model.width
    if not lower - slack <= low <= high <= upper + slack:  # NaN fails, too
        raise ValueError(
            f"Argument `baseline` must lie in image space, from {lower:g} to {upper:g}. Received: values from "
            f"{low:.9g} to {high:.9g}. Give it as the images are given, before any preprocessing."
        )


def baselines(baseline: Baseline, model: ImageClassifier, images: Tensor, seed: Tensor) -> Tensor:
    """The baselines of some images, in image space.

    Args:
        baseline: A name: `"black"`, `"gray"` and `"white"` are the lower bound, the middle and the upper bound;
            `"mean"` is each image's own mean colour; `"blur"` each image under a Gaussian whose standard deviation is a
            15th of the sides; `"noise"` uniform between the bounds. Or an array of the shape of one image, or a
            function of the images.
        model: The classifier.
        images: `(batch, height, width, channels)`, or as the model lays them out.
        seed: Two integers, `(2,)`, for the noise.

    Returns:
        Baselines, shaped as the images, or with a batch of 1 where all images have the same.
    """
    shape = tf.concat([[1], tf.shape(images)[1:]], axis=0)
    if isinstance(baseline, np.ndarray):
        _check_array(baseline, model, images)
        return tf.broadcast_to(tf.constant(baseline), shape)
    if callable(baseline):
        # What a function returns is only known when the graph runs, where nothing can be refused any more. Images may
        # leave the bounds by as much, so the function `lambda x: x` gives them back untouched.
        slack = _TOLERANCE * model.width
        return tf.clip_by_value(_called(baseline, images), model.bounds[0] - slack, model.bounds[1] + slack)
    lower, upper = model.bounds
    if baseline in _CONSTANT:
        return tf.fill(shape, tf.constant(lower + _CONSTANT[baseline] * model.width, tf.float32))
    if baseline == "noise":
        return tf.random.stateless_uniform(shape, seed, minval=lower, maxval=upper)
    # A model may take images flattened to vectors or with the channels first: the mean colour and the blur are of the
    # picture, not of the array.
    found = model.topology(images.shape[1:])
    whole = images if found.grid is None else tf.reshape(images, (-1, *found.grid))
    rank = whole.shape.rank
    # Of a vector without channels, such as a row of a table, everything counts as position.
    positions = [axis for axis in range(1, rank) if axis != found.channel or rank == 2]
    if baseline == "mean":
        changed = tf.ones_like(whole) * tf.reduce_mean(whole, axis=positions, keepdims=True)
    else:
        changed = whole
        for axis in positions:
            changed = _blurred(changed, axis)
    return tf.ensure_shape(tf.reshape(changed, tf.shape(images)), images.shape)


def _called(baseline: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    try:
        found = tf.ensure_shape(tf.cast(baseline(images), tf.float32), images.shape)
    except Exception as error:  # whatever the user's function raises
        raise ValueError(
            "Argument `baseline` must be a function made of TensorFlow or Keras operations, because it is compiled "
            f"with the rest, for batches of any size (`tf.shape(x)` knows it). Received: {baseline!r}, which raised "
            f"{type(error).__name__}: {error}"
        ) from error
    return found


def _blurred(images: Tensor, axis: int) -> Tensor:
    """Images under a Gaussian along one axis. At the edges, its weights are those inside, scaled to a sum of 1."""
    side = tf.shape(images)[axis]
    # As a product with a matrix: the sides may be open, and a convolution with a kernel of unknown size has no shape.
    position = tf.range(tf.cast(side, tf.float32))
    distance = (position[:, None] - position[None]) * (_BLUR / tf.cast(side, tf.float32))
    weights = tf.nn.softmax(-tf.square(distance) / 2, axis=-1)
    moved = tf.tensordot(images, weights, axes=[[axis], [1]])
    order = list(range(images.shape.rank - 1))
    order.insert(axis, images.shape.rank - 1)
    return tf.ensure_shape(tf.transpose(moved, order), images.shape)
