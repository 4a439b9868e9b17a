"""Whether what a model says of an image depends on the other images of its batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Bounds, Tensor
from keras_advxai.models.graph import SHAPES, ancestors, reached
from keras_advxai.models.recording import Call

_TOLERANCE = 1e-3
"""By which share of the largest value an output may be another one: the same image in a batch of the same size."""
_SIZES = (2, 4, 32)
"""Layers that see groups of images, as those that measure the spread of a batch, need a whole number of them."""
_REDUCTIONS = frozenset({"Mean", "Sum", "Max", "Min", "Prod", "All", "Any", "EuclideanNorm", "Cumsum", "Cumprod"})
_OTHERS: tuple[str, ...] = (
    "Roll",
    "Reverse",
    "Gather",
    "Segment",
    "Unique",
    "Where",
    "Sort",
    "TopK",
    "L2Loss",
    "PyFunc",
    "Call",
)
_OTHERS += ("While", "If", "Case", "Scatter", "RandomShuffle", "Xla")
"""Parts of the names of operations that may mix anything, or have others inside."""


class Images(NamedTuple):
    """What images there are: `(height, width, channels)`, and the bounds of their pixels."""

    shape: tuple[int, ...]
    bounds: Bounds


def outputs_of(root: Call, end: Tensor) -> dict[str, Tensor]:
    """What the calls of a traced pass returned that has a row for each image, by number and path.

    Args:
        root: The recorded call of the model.
        end: A tensor of the same graph.
    """
    return {
        f"{index} {call.path}": tf.cast(call.output, tf.float32)
        for index, call in enumerate(root.walk())
        if tf.is_symbolic_tensor(call.output)
        and call.output.graph is end.graph
        and call.output.dtype.is_floating
        and call.output.shape.rank
    }


def may_mix(images: Tensor, logits: Tensor) -> bool:
    """Whether there are operations between images and logits by which rows of a batch may depend on one another.

    Args:
        images: The images of a traced pass.
        logits: Its logits.
    """
    # The number of images flows through the shapes, and is no image.
    starts = [operation for operation in images.consumers() if operation.type not in SHAPES]
    ahead = reached(
        starts, lambda item: (op for out in item.outputs for op in out.consumers() if op.type not in SHAPES)
    )
    behind = ancestors(logits)
    ahead[id(images.op)] = images.op
    return any(_may_mix(item, ahead) for key, item in ahead.items() if key in behind)


def _may_mix(operation: Any, data: Mapping[int, Any]) -> bool:
    kind, values = operation.type, list(operation.inputs)
    if kind in _REDUCTIONS or kind in ("ArgMax", "ArgMin"):
        axes = tf.get_static_value(values[1])
        rank = values[0].shape.rank
        return axes is None or rank is None or bool(np.any(np.asarray(axes) % max(rank, 1) == 0))
    if kind.startswith("FusedBatchNorm"):
        return bool(operation.get_attr("is_training"))
    if kind == "MatMul":
        return all(id(item.op) in data for item in values)
    if kind == "Transpose":
        order = tf.get_static_value(values[1])
        return order is None or int(order[0]) != 0
    if kind == "Reshape":
        return _folds(values[0].shape, operation.outputs[0].shape)
    if kind == "ConcatV2":
        return bool(tf.get_static_value(values[-1]) == 0)
    if kind == "StridedSlice":
        masks = [operation.get_attr(f"{name}_mask") & 1 for name in ("begin", "end", "ellipsis")]
        return not (masks[2] or (masks[0] and masks[1] and np.ravel(tf.get_static_value(values[3]))[0] == 1))
    return kind == "Slice" or any(part in kind for part in _OTHERS)


def _folds(shape: tf.TensorShape, result: tf.TensorShape) -> bool:
    """Whether a reshape may put several images into one row."""
    if not result.rank or result[0] is not None:
        return True
    before, after = shape[1:].num_elements(), result[1:].num_elements()
    return before is not None and after is not None and after > before


def first_mixing(run: Callable[..., Any], inputs: Callable[[np.ndarray], Any], images: Images) -> str | None:
    """The first layer that mixes the images of a batch.

    An image of noise goes through the model twice, beside bright images and beside copies of itself. Nothing else
    differs, so neither may what the model says of it: a layer with statistics of its batch is told from one that keeps
    those of its training, whatever it is made of.

    Args:
        run: A traced pass that returns the logits and `outputs_of`.
        inputs: Makes what it takes of images, `(batch, ...)`.
        images: What images there are.

    Returns:
        Its path, `""` where no layer is to be named; `None` where there is none, or the pass fails.
    """
    for count in _SIZES:
        with contextlib.suppress(Exception):  # whatever a layer makes of a batch of another size than it is used to
            return _tried(lambda batch: run(inputs(batch)), images, count)
    return None


def _tried(run: Callable[[np.ndarray], Any], images: Images, count: int) -> str | None:
    (lower, upper), draw = images.bounds, np.random.default_rng(0)
    image = lower + 0.6 * (upper - lower) * draw.random((1, *images.shape), np.float32)
    # Of another mean, another spread and another maximum.
    bright = upper - 0.2 * (upper - lower) * draw.random((count - 1, *images.shape), np.float32)
    alone = np.concatenate([image] * count)
    said, outputs = run(alone)
    # Some layers only look at images in front, or behind.
    for place, batch in ((0, (image, bright)), (-1, (bright, image))):
        said_beside, beside = run(np.concatenate(batch))
        if not _differ(said[place], said_beside[place]):
            continue
        # What is random without a trace of it in the graph says something else each time.
        if _differ(said[place], run(alone)[0][place]):
            return None
        named = sorted((int(key.split(" ")[0]), key) for key in outputs if len(outputs[key]) == count)
        found = (key.split(" ", 1)[1] for _, key in named if _differ(outputs[key][place], beside[key][place]))
        return next(found, "")
    return None


def _differ(one: Any, other: Any) -> bool:
    """Whether two arrays differ by more than rounding, or in where they are not finite."""
    one, other = np.asarray(one), np.asarray(other)
    finite = np.isfinite(one)
    if not np.array_equal(finite, np.isfinite(other)):
        return True
    scale = max(float(np.max(np.abs(item), initial=0, where=finite)) for item in (one, other))
    return bool(np.max(np.abs(one - other), initial=0, where=finite) > _TOLERANCE * scale)
