"""Checks of labels: of one class, of several labels, of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models.arrays import as_array, is_real

_MOST_CLASSES = 3
"""Rows of whole numbers that are longer than this, and name no class, may be masks."""
_MASKS = (
    " If they are masks, a class for each position, pass one class for each image, and reduce=..., a function from the "
    "model's output to (batch, classes), such as the mean over the positions: "
    "lambda scores: keras.ops.mean(keras.ops.reshape(scores, (-1, positions, classes)), axis=1)."
)
_SMOOTHED = " If they are smoothed or mixed labels, pass the class of each image: labels.argmax(-1)."
_SOFT = " If they are smoothed labels, pass what is labelled: (labels > 0.5).astype('int32')."
_THRESHOLDS = (
    " If its sigmoids are thresholds of one scale, each of which says that the class is beyond it, pass reduce=..., a "
    "function that makes the logits of {count} classes of them: class k has the difference of the sigmoids of the "
    "thresholds k and k + 1, see docs/tasks.md."
)
_NAMES = (
    ". If they are the names of classes, pass the numbers that the model has for them: for names in the order of its "
    "outputs, [names.index(name) for name in labels]."
)
_HINGE = ". If they are those of a hinge loss, -1 and 1, pass (labels > 0).astype('int32')."
_NUMBERS = " If the model predicts numbers, pass task='regression'."


def check_labels(y: Tensor, count: int, classes: int, binary: bool = False, where: str = "`y`") -> np.ndarray:
    """Return the labels as class indices, `(batch,)` int32.

    Args:
        y: Class indices, `(batch,)` or `(batch, 1)`, or one-hot rows, `(batch, classes)`.
        count: How many images there are.
        classes: How many classes the model has.
        binary: Whether the model ends in one sigmoid unit, which takes 0 and 1.
        where: What the labels are called in messages.

    Raises:
        ValueError: Wrong length or shape, not integers, or out of range.
    """
    labels = as_array(y, where)
    if labels.shape[:1] != (count,):
        raise ValueError(f"{where} must have one label for each of the {count} images. Received: shape={labels.shape}")
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = _from_one_hot(labels, classes, binary, where)
    elif labels.ndim == 2:
        labels = labels[:, 0]
    if labels.ndim != 1 or not is_real(labels):
        raise ValueError(
            f"{where} must be class indices, (batch,), or one-hot rows, (batch, {classes}). "
            f"Received: shape={np.shape(y)}, dtype={labels.dtype}{_NAMES if labels.dtype.kind in 'USO' else ''}"
        )
    if not np.all(np.isfinite(labels)) or np.any(labels != np.floor(labels)):
        soft = binary and bool(np.all((labels >= 0) & (labels <= 1)))
        raise ValueError(
            f"{where} must be integers. Received: {labels[:5]}..."
            f"{_SOFT if soft else ''} (If the model predicts numbers, pass task='regression'.)"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        hinge = classes == 2 and np.all(np.abs(labels) == 1)
        raise ValueError(
            f"{where} must lie in 0..{classes - 1}, because the model has {classes} classes. "
            f"Received: labels from {low} to {high}{_HINGE if hinge else ''}"
        )
    return labels.astype(np.int32)


def check_no_thresholds(y: Any, classes: int, where: str) -> None:
    """Raise for labels that are one class more than there are sigmoids, as of thresholds between the classes.

    Args:
        y: Labels as a user has them.
        classes: How many sigmoids the model has, none of which is made by `reduce`.
        where: What the labels are called in messages.

    Raises:
        ValueError: The largest of them is the number of sigmoids.
    """
    labels = as_array(y, where)
    # One sigmoid is one label, which an image has (1) or has not (0).
    indices = classes > 1 and labels.size and labels.size == len(labels) and is_real(labels)
    if indices and labels.min() >= 0 and labels.max() == classes:
        raise ValueError(
            f"{where} must lie in 0..{classes - 1}, because the model has {classes} classes. Received: labels from "
            f"{int(labels.min())} to {classes}.{_THRESHOLDS.format(count=classes + 1)}"
        )


def traced_labels(y: Tensor, images: Tensor) -> Tensor:
    """Labels as class indices, `(batch,)`, where a graph is traced and no value can be checked.

    Labels that have that shape already are returned as they are, so that gradients remembered for them
    are found again.

    Args:
        y: One class index for all images, class indices `(batch,)` or `(batch, 1)`, or one-hot rows.
        images: The images, of which there are as many.
    """
    # A value that is traced has a shape only: what `check_labels` looks at has no values yet.
    rank = len(y.shape) if hasattr(y, "shape") else np.ndim(y)
    # One class for all images, as `GradCAM()(model, x, 3)` takes it.
    if rank == 0:
        return tf.fill(tf.shape(images)[:1], tf.cast(y, tf.int32))
    if rank == 2:
        return y[:, 0] if y.shape[1] == 1 else tf.argmax(y, axis=-1, output_type=tf.int32)
    return y


def check_multi_hot(y: Any, count: int, labels: int, where: str = "`y`") -> np.ndarray:
    """Return several labels for each image as rows of 0 and 1, `(batch, labels)` int32.

    Args:
        y: Rows of 0 and 1, or of `False` and `True`; of a single label, `(batch,)` too.
        count: How many images there are.
        labels: How many labels the model says.
        where: What the labels are called in messages.

    Raises:
        ValueError: Wrong length or shape, or other numbers.
    """
    rows = as_array(y, where)
    if rows.shape == (count,) and labels == 1:
        rows = rows[:, None]
    if rows.shape != (count, labels) or not is_real(rows) or not np.all((rows == 0) | (rows == 1)):
        soft = rows.shape == (count, labels) and is_real(rows) and bool(np.all((rows >= 0) & (rows <= 1)))
        raise ValueError(
            f"{where} must be a row of 0 and 1 for each of the {count} images, ({count}, {labels}), because the model "
            f"predicts several labels. Received: shape={np.shape(y)}, dtype={rows.dtype}" + (_SOFT if soft else "")
        )
    return rows.astype(np.int32)


def check_values(y: Any, count: int, outputs: int, where: str = "`y`") -> np.ndarray:
    """Return the numbers that a regression is to say, `(batch, outputs)` float32.

    Args:
        y: Numbers; of a single output, `(batch,)` too.
        count: How many images there are.
        outputs: How many numbers the model says for each.
        where: What they are called in messages.

    Raises:
        ValueError: Wrong length or shape, or not finite.
    """
    values = as_array(y, where)
    if values.shape == (count,) and outputs == 1:
        values = values[:, None]
    if values.shape != (count, outputs) or not is_real(values) or not np.all(np.isfinite(values)):
        raise ValueError(
            f"{where} must be finite numbers, ({count}, {outputs}), because the model is a regression. Received: "
            f"shape={np.shape(y)}, dtype={values.dtype}"
        )
    return values.astype(np.float32)


def are_several(y: Any, classes: int) -> bool:
    """Whether labels are rows of 0 and 1 that name several classes of some image, or none.

    Args:
        y: Labels as a user has them.
        classes: How many classes the model has.
    """
    rows = as_array(y, "The labels")
    if rows.ndim != 2 or rows.shape[1] != classes or not is_real(rows):
        return False
    return bool(np.all((rows == 0) | (rows == 1)) and np.any(rows.sum(-1) != 1))


def _from_one_hot(labels: np.ndarray, classes: int, binary: bool, where: str) -> np.ndarray:
    if binary:
        raise ValueError(
            f"{where} must be 0 or 1 for each image, (batch,), because the model ends in one sigmoid unit. "
            f"Received: one-hot labels of shape {labels.shape}; pass y.argmax(-1)"
        )
    # Behind several sigmoids they may be right; behind a softmax they are not.
    several = " If the model predicts several labels, pass labels='multi'." if are_several(labels, classes) else ""
    is_one_hot = np.all((labels == 0) | (labels == 1)) and np.all(labels.sum(-1) == 1)
    if labels.shape[1] != classes or not is_one_hot:
        masks = labels.shape[1] > _MOST_CLASSES and bool(np.all(labels == np.floor(labels)))
        several += _MASKS if masks else ""
        numbers = labels.shape[1] == classes and np.any(labels != np.floor(labels))
        # Smoothed labels, and those of MixUp, add up to 1.
        smoothed = numbers and bool(np.allclose(labels.sum(-1), 1, atol=1e-3))
        several += _SMOOTHED if smoothed else _NUMBERS if numbers else ""
        raise ValueError(
            f"{where} must be class indices, (batch,), or one-hot rows, (batch, {classes}). Received: "
            f"shape={labels.shape}" + ("" if is_one_hot else ", with rows that are not one-hot.") + several
        )
    indices: np.ndarray = labels.argmax(-1)
    return indices
