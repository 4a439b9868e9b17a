"""Where a model's logits are, and what scores and probabilities follow from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_advxai._typing import Reduce, Score, Tensor
from keras_advxai._warnings import warn
from keras_advxai.models.graph import source
from keras_advxai.models.last_operation import averages_probabilities, is_linear, is_whole, mixes_probabilities
from keras_advxai.text import to_be_said

VALUES: dict[Score, str] = {"logit": "scores", "probability": "probabilities", "centered_logit": "centered_scores"}
"""The attribute of a pass, `(batch, classes)`, in which each score is a value of the class."""


def find_logits(output: Any, from_logits: bool | None, reduce: Reduce = None) -> tuple[Any, str]:
    """The values before a model's final softmax or sigmoid, `(batch, classes)`.

    Args:
        output: The model's output, `(batch, classes)`, traced into a graph.
        from_logits: What the user says of the output: that it is logits, that it is probabilities, or
            nothing.
        reduce: For an output of another shape, what makes scores of classes of it. Defaults to `None`.

    Returns:
        The logits, and the kind of head: `"linear"`, `"softmax"` (or its logarithm), `"sigmoid"`, or `"probability"`
        where the logits had to be recovered as the logarithms of the output.

    Raises:
        ValueError: The model ends in a softmax of one unit.
    """
    final = source(output).op
    if final.type in ("Softmax", "LogSoftmax") and output.shape.rank == 2 and output.shape[-1] == 1 and reduce is None:
        raise ValueError(
            "The model ends in a softmax of one unit, which is 1 for every image: it predicts nothing. A binary "
            "classifier ends in a softmax of two units, or in one unit with a sigmoid: train it with "
            "activation='sigmoid' in place of 'softmax'."
        )
    # A user who knows is believed, whatever the last operation looks like.
    if from_logits:
        return reduced(output, reduce), "linear"
    # A softmax over the groups of a reshaped output has probabilities of each group; the classes have none together.
    whole = is_whole(final, output)
    # From the logits, a saturated softmax (one class at 1.0 in float32) still has a gradient. The same for the
    # logarithm of a softmax: log p ranks the classes as the logits do, and has other heatmaps.
    seen_through = ("Softmax", "Sigmoid", "LogSoftmax") if from_logits is None else ("Softmax", "Sigmoid")
    if final.type in seen_through and whole:
        # Keras notes the logits on the output of a layer's softmax. Where a reshape follows, they lack the shape of
        # the output.
        logits = getattr(output, "_keras_logits", final.inputs[0])
        # `tf.shape(output)` would make the logits depend on the output, and a convolution's own sigmoid a map in front.
        known = output.shape[1:].is_fully_defined()
        shape = (-1, *output.shape[1:]) if known else tf.shape(output)
        return reduced(tf.reshape(logits, shape), reduce), final.type.removeprefix("Log").lower()
    # Dense without an activation, also through a scale, a mean over positions or an ensemble's average of such.
    if from_logits is None and is_linear(final):
        return reduced(output, reduce), "linear"
    if from_logits is None and not averages_probabilities(output):
        end = f"an operation `{final.type}` that is neither linear nor a softmax or sigmoid"
        if mixes_probabilities(final):
            end = f"an operation `{final.type}` on the output of a softmax"
        warn(
            f"The model ends in {end if whole else 'a softmax over parts of its output'}, "
            "so its output is taken for probabilities and the logits for their logarithm, which saturates. "
            f"Pass {to_be_said('from_logits=True')} if the output is logits, or from_logits=False to "
            "confirm that it is probabilities.",
            stacklevel=2,
        )
    # The user's function knows the output, and not its logarithm.
    return log_of(reduced(output, reduce)), "probability"


def read_logits(
    output: Tensor, from_logits: bool | None, reduce: Reduce, head: Callable[[], str]
) -> tuple[Tensor, str]:
    """The logits of an output that the model has returned, in a graph or eagerly, and the kind of head.

    Args:
        output: The output with the classes.
        from_logits: What the user says of the output.
        reduce: What makes scores of classes of it, or `None`.
        head: The kind of head that a traced pass, compiled once, has found.
    """
    if not tf.executing_eagerly():
        return find_logits(output, from_logits, reduce)
    # Without a graph the last operation cannot be looked at.
    kind = head()
    return eager_logits(output, kind, reduce), kind


def check_probabilities(output: Any) -> None:
    """Raise unless an output may be probabilities.

    Args:
        output: The output of a pass, with its values.

    Raises:
        ValueError: Some of the values are below 0 or above 1.
    """
    values = keras.ops.convert_to_numpy(output)
    # Behind an unknown last layer, such as a softplus, that the warning of `find_logits` was about.
    if values.min() < -1e-6 or values.max() > 1 + 1e-6:
        raise ValueError(
            "Nothing says whether the model's output is logits or probabilities, and its values are not probabilities. "
            f"Received: values from {values.min():g} to {values.max():g}. Pass "
            f"{to_be_said('from_logits=True')} for logits."
        )


class OutOfReachError(ValueError):
    """The logits of a pass without a graph cannot be reached from the output."""


def eager_logits(output: Tensor, head: str, reduce: Reduce = None) -> Tensor:
    """The logits of a pass without a graph, for a kind of head that a traced pass has found.

    Raises:
        OutOfReachError: They cannot be reached from the output.
    """
    if head == "linear":
        return reduced(output, reduce)
    if head == "probability":
        return log_of(reduced(output, reduce))
    if not hasattr(output, "_keras_logits"):
        raise OutOfReachError(
            f"The logits before the model's {head} can be reached in a compiled function only. "
            "Call `forward` inside a `tf.function`."
        )
    return reduced(output._keras_logits, reduce)


def is_finite(output: Tensor) -> Tensor:
    """Whether all values of each image are finite in float32, in which everything is computed, `(batch,)` bool."""
    finite = tf.math.is_finite(tf.cast(output, tf.float32))
    return tf.reduce_all(finite, axis=range(1, finite.shape.rank))


def check_reduce(reduce: Reduce) -> Reduce:
    """Return `reduce` if it is a function or nothing.

    Raises:
        TypeError: It is something else.
    """
    if reduce is not None and not callable(reduce):
        raise TypeError(
            "Argument `reduce` must be a function from the model's output to (batch, classes), or None. "
            f"Received: reduce={reduce!r}"
        )
    return reduce


def check_no_masks(y: Any, reduce: Reduce, where: str, count: int, classes: int) -> None:
    """Raise for labels of positions where `reduce` makes one class of all.

    Args:
        y: Labels as a user has them.
        reduce: The function.
        where: What the labels are called in messages.
        count: How many images there are.
        classes: How many classes `reduce` returns.

    Raises:
        ValueError: They have a dimension for the positions.
    """
    if reduce is None:
        return
    shape = tuple(getattr(y, "shape", ()))
    if None in shape:  # symbolic, which is refused with what it is
        return
    # Masks may be flattened, image by image or all of them.
    is_flat = (len(shape) == 2 and shape[1] not in (1, classes)) or (
        len(shape) == 1 and shape[0] > count and shape[0] % max(1, count) == 0
    )
    if len(shape) > 2 or is_flat:
        raise ValueError(
            f"{where} must be one class for each image, (batch,), of what `reduce` returns: not masks or labels of "
            "positions, as the model is trained on. Pass the class of each image, such as that of most of its "
            f"positions: np.array([np.bincount(mask.ravel()).argmax() for mask in masks]). Received: shape={shape}"
        )


def reduced(values: Any, reduce: Reduce) -> Any:
    """What a user's function makes of an output, or of the logits before it; without a function, these themselves.

    Raises:
        ValueError: It makes something else of them than `(batch, classes)`.
    """
    if reduce is None:
        return values
    # In float32 also under mixed precision: a sum over all positions may overflow float16.
    found = reduce(tf.cast(values, tf.float32))
    shape = getattr(found, "shape", None)
    if shape is None or len(shape) not in (1, 2) or (len(shape) == 2 and shape[-1] is None):
        received = type(found).__name__ if shape is None else f"shape {tuple(shape)}"
        raise ValueError(
            f"Argument `reduce` must be a function from the model's output, {tuple(values.shape)}, to "
            f"(batch, classes). Received: a function that returns {received}"
        )
    return tf.convert_to_tensor(found)


def check_rank(logits: Any, images: int, several: bool) -> None:
    """Raise unless an output is one value for each class.

    Args:
        logits: The output, or the logits before it.
        images: How many dimensions the images have, with the batch.
        several: Whether the model has other outputs.

    Raises:
        ValueError: It has another shape; the message says of what kind of model such outputs are.
    """
    shape = logits.shape
    if shape.rank == 1 or (shape.rank == 2 and shape[-1] is not None):
        return
    other = f" Pass {to_be_said('output=...')} if another output has the classes." if several else ""
    raise ValueError(
        "The model's output must have the shape (batch, classes). Received: an output of shape "
        f"{tuple(shape)}{_meaning(shape.rank, images)}.{other} Pass {to_be_said('reduce=...')}: a "
        f"function from this output to (batch, classes), such as {_example(shape.rank)}"
    )


def _meaning(rank: int | None, images: int) -> str:
    """What an output with so many dimensions usually is."""
    if rank is None or rank < 3:
        return ", whose number of classes is open" if rank == 2 else ""
    if rank == images:
        return ", as of segmentation: scores for each position"
    if images in (3, 5):
        return ", scores for each step or frame"
    return ", as of a detector: a row for each box, anchor or token"


def _example(rank: int | None) -> str:
    """A function that reduces an output with so many dimensions."""
    if rank is None or rank < 3:
        return "lambda scores: keras.ops.reshape(scores, (-1, 10))"
    axes: Sequence[int] = range(1, rank - 1)
    place = str(axes[0]) if len(axes) == 1 else f"({', '.join(map(str, axes))})"
    where = "over a region" if rank > 3 else "over all rows"
    return f"the mean {where}, lambda scores: keras.ops.mean(scores, axis={place})"


class OneUnitError(ValueError):
    """The model ends in one linear unit, and nothing says what it means."""


def binary_logits(logits: Tensor, head: str) -> Tensor:
    """The logits of what is there or not, each unit by itself, `(batch, units)`.

    Args:
        logits: The values before the head.
        head: The kind of head.
    """
    if head != "probability":
        return logits
    # What was recovered is log(p), and the logit is log(p / (1 - p)); p = 1 stays finite in float32.
    return logits - tf.math.log1p(-tf.minimum(tf.exp(logits), 1 - 6e-8))


class Outputs(NamedTuple):
    """What a pass says of the classes, each `(batch, classes)` float32; see `Forward`."""

    logits: Tensor
    scores: Tensor
    probabilities: Tensor


def outputs(logits: Tensor, head: str, from_logits: bool | None) -> Outputs:
    """Logits, scores and probabilities of the classes.

    Args:
        logits: The values before the head, `(batch, units)` float32.
        head: The kind of head.
        from_logits: What the user says of the output.

    Raises:
        ValueError: The output is one linear unit.
    """
    if logits.shape[-1] > 1:
        return Outputs(logits, logits, tf.sigmoid(logits) if head == "sigmoid" else tf.nn.softmax(logits))
    if head not in ("sigmoid", "probability") and not from_logits:
        raise OneUnitError(
            "The model ends in one linear unit, of a regression or the logit of class 1 against class 0. Pass "
            + to_be_said("task='regression'", "from_logits=True")
        )
    logits = binary_logits(logits, head)
    return Outputs(
        logits=tf.concat([tf.zeros_like(logits), logits], axis=-1),
        # Not the (0, z) of the logits: Grad-CAM of class 0 would be blank for want of a gradient.
        scores=tf.concat([-logits, logits], axis=-1),
        # Not 1 - sigmoid(z), which is 0 in float32 from z = 17 on.
        probabilities=tf.concat([tf.sigmoid(-logits), tf.sigmoid(logits)], axis=-1),
    )


def log_of(probabilities: Any) -> Any:
    """The logarithm of probabilities in float32, finite where they have underflowed to zero."""
    # The smallest normal float32 is 1.2e-38, and CPUs may flush what is below it to zero.
    return tf.math.log(tf.maximum(tf.cast(probabilities, tf.float32), 1e-37))
