"""Checks of images, epsilons and options: each says what was received and what to do about it."""

from __future__ import annotations

import math
import numbers
import reprlib
from collections.abc import Mapping, Sequence, Set
from typing import Any

import keras
import numpy as np

from keras_advxai._typing import Bounds, Norm, Shape, Tensor
from keras_advxai._warnings import warn
from keras_advxai.models.arrays import as_array, is_real
from keras_advxai.models.class_names import check_class_names as check_class_names
from keras_advxai.models.shape_hint import shape_hint

_TOLERANCE = 1e-6
_NARROWEST, _WIDEST = 1e-30, 1e30
_ENOUGH = 4  # images; a single one may be bright all over
_LEVELS = 1024
"""So many float32 numbers lie between the bounds at least: four for each grey level of 8 bits."""
_UNORDERED = (str, bytes, Mapping, Set)
"""What is iterated over and is none: "01" would be (0, 1), and of a set nobody knows which number comes first."""
_PREPROCESSED = (
    "The model is known with its `preprocess`, so pass the images as they are before it. (`fit` and `predict` of most "
    "models take them preprocessed; attacks, explainers, evaluations and the callback do not.)"
)


def check_model(model: Any, classifier: type) -> None:
    """Raise unless this is a built model without a classifier of its own.

    Args:
        model: What was given for a model.
        classifier: The class of the classifier that it may not have.

    Raises:
        TypeError: It is not a `keras.Model`.
        ValueError: It has no weights yet, or a classifier.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            "Argument `model` must be a keras.Model (of Keras 3), or an ImageClassifier around one. "
            f"Received: {type(model).__module__}.{type(model).__name__}"
        )
    # Without weights there is nothing to trace, and building it here would change the user's model.
    if not model.built:
        raise ValueError(
            f"Argument `model` must be built. Received: {model.name!r}, which has no weights yet. Call it once "
            "on a batch, or begin it with keras.Input."
        )
    # `ExplainableModel` with other bounds around it would silently drop its own.
    if isinstance(getattr(model, "classifier", None), classifier):
        raise ValueError(
            f"The model {model.name!r} has bounds and preprocessing of its own. Pass it as it is, without an "
            "ImageClassifier around it, or pass the model inside it."
        )


def check_bounds(bounds: Bounds) -> Bounds:
    """Return the bounds as two floats.

    Raises:
        ValueError: They are not two finite numbers, the smaller one first, or float32 has too few between them.
    """
    try:
        lower, upper = () if isinstance(bounds, _UNORDERED) else (float(value) for value in bounds)
    except Exception:  # too many, words, integers beyond any float, symbolic tensors: each has an error of its own
        lower = upper = float("nan")
    if not (np.isfinite(lower) and np.isfinite(upper) and lower < upper):
        raise ValueError(
            "Argument `bounds` must be the smallest and the largest value that a pixel may take, such as "
            f"(0, 1) or (0, 255). Received: bounds={reprlib.repr(bounds)[:200]}"
        )
    # Epsilons are shares of the width, and pixels are float32: a level of it is 0 or infinite there.
    if not _NARROWEST <= upper - lower <= _WIDEST or max(abs(lower), abs(upper)) > _WIDEST:
        raise ValueError(
            f"Argument `bounds` must be {_NARROWEST:g} to {_WIDEST:g} apart, so that float32 can hold pixels and their "
            f"changes. Scale the images. Received: bounds={bounds!r}"
        )
    if upper - lower < _LEVELS * np.spacing(np.float32(max(abs(lower), abs(upper)))):
        raise ValueError(
            "Argument `bounds` must be so far apart that float32 can hold the levels between them. Subtract the lower "
            f"bound from the images. Received: bounds={bounds!r}"
        )
    return lower, upper


def check_images(
    x: Tensor,
    bounds: Bounds,
    shape: Shape = None,
    where: str = "`x`",
    *,
    rank: int | None = 4,
    preprocesses: bool = False,
) -> np.ndarray:
    """Return the images as an array (not a copy), after looking at every pixel.

    Args:
        x: Images, `(batch, height, width, channels)`, of a float or integer type.
        bounds: The smallest and the largest value allowed.
        shape: What the model takes, `(height, width, channels)`, `None` where it takes any; or `None`.
        where: What the images are called in messages, such as `"batch 3 of `data`"`.
        rank: How many dimensions the images must have if `shape` is `None`; `None` for from 2 to 5. Defaults to 4.
        preprocesses: Whether a preprocessing follows, so that images must not have gone through it. Defaults to
            `False`.

    Raises:
        ValueError: Wrong rank or shape, no images, NaN or infinite pixels, integers with narrow bounds,
            or values out of bounds.
        TypeError: `x` is not an array of numbers.
    """
    images = as_array(x, where)
    # TensorFlow's bfloat16 is no float to NumPy.
    numeric = is_real(images) and images.dtype != bool
    if not numeric and images.dtype.name != "bfloat16":
        # An array of arrays, or a ragged tensor.
        ragged = " Images of several sizes are resized to one, or come in batches of one size each."
        raise TypeError(
            f"{where} must be an array of numbers. Received: {type(x).__name__} of {images.dtype}."
            f"{ragged if images.dtype == object else ''}"
        )
    _check_shape(images, shape, where, rank)
    lower, upper = bounds
    # Pixels as uint8 of which all are 0 or 1 would fit (0, 1), and are nearly black.
    if np.issubdtype(images.dtype, np.integer) and upper - lower <= 2:
        raise ValueError(
            f"{where} holds integers ({images.dtype}) while the bounds are ({lower:g}, {upper:g}). Pass "
            f"bounds=(0, {_levels(images)}) if the model takes pixels, or divide the images as in training, for "
            f"example x.astype('float32') / {_levels(images)}."
        )
    # NaN goes through `min` and `max`, so one pass over the pixels finds what is not finite and what is out of range.
    low, high = float(images.min()), float(images.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{where}: NaN or infinite pixels ({_count_bad(images)}). Clean or drop these images.")
    # A division by 255 in float32, or an attack's own clipping, ends a rounding error beyond the bounds.
    slack = _TOLERANCE * (upper - lower)
    if low < lower - slack or high > upper + slack:
        raise ValueError(
            f"{where} must lie within the bounds ({lower:g}, {upper:g}). Received: values from {low:g} to "
            f"{high:g}. {_preprocessed_hint(low, high, upper) if preprocesses else _bounds_hint(low, high)}"
        )
    # Images in [0, 1] given with the bounds of pixels pass every other check.
    if upper - lower > 200 and 0 < high - lower <= (upper - lower) / 255:
        warn(
            f"{where}: values from {low:g} to {high:g} while the bounds are ({lower:g}, {upper:g}), which is nearly "
            "black. If these images are in [0, 1], pass bounds=(0, 1), or multiply them by 255.",
            stacklevel=3,
        )
    # So do those that are given with the bounds of [-1, 1], in which every epsilon is twice as large.
    if lower == -upper and 0 <= low < high and len(images) >= _ENOUGH:
        warn(
            f"No pixel of a batch is below 0, while the bounds are ({lower:g}, {upper:g}). If these images are in "
            f"[0, {upper:g}], pass bounds=(0, {upper:g}): an epsilon is a share of the bounds' width.",
            stacklevel=3,
        )
    return images


def check_epsilons(epsilons: float | Sequence[float], norm: Norm = "linf") -> tuple[float, ...]:
    """Return the epsilons as floats.

    Args:
        epsilons: One or more fractions of the bounds' width: in [0, 1], or with `"l2"`, where a budget may be
            longer than one pixel can change, from 0.
        norm: The norm that they are meant in. Defaults to `"linf"`.

    Raises:
        ValueError: None given, one of them negative, too large or not finite, or the same one twice.
    """
    try:
        # Strings such as "8/255" and booleans convert to floats somewhere on the way, to something else.
        if np.asarray(epsilons).dtype.kind not in "fiu" and np.size(epsilons):
            raise TypeError
        # Beside a float, NumPy makes True a 1.0 without a word.
        if isinstance(epsilons, (list, tuple)) and any(isinstance(item, (bool, np.bool_)) for item in epsilons):
            raise TypeError
        values = tuple(float(value) for value in np.atleast_1d(np.asarray(epsilons, dtype="float64")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"Argument `epsilons` must be numbers in [0, 1]. Received: epsilons={epsilons!r}") from error
    if not values:
        raise ValueError("Argument `epsilons` must hold at least one epsilon. Received: epsilons=()")
    # A budget in L2 is a sum over all pixels: 3 is usual for ImageNet.
    largest = 1.0 if norm == "linf" else float(np.finfo("float32").max)  # as float32, it would overflow itself
    for value in values:
        if not 0 <= value <= largest:
            raise ValueError(
                "Argument `epsilons` must be fractions of the bounds' width, in [0, 1]: eight grey levels "
                f"are 8/255, whatever the bounds. Received: epsilons={values}; {value!r} is out of range"
            )
    ordered = np.sort(values)
    # Two of the same would be one row of a table twice, and count twice in the VID.
    if np.any(np.isclose(ordered[1:], ordered[:-1], rtol=1e-6, atol=1e-12)):
        raise ValueError(f"Argument `epsilons` must not hold the same epsilon twice. Received: epsilons={values}")
    return values


def check_flag(name: str, value: bool) -> bool:
    """Return whether an option is chosen.

    Raises:
        TypeError: It is neither `True` nor `False`.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"Argument `{name}` must be True or False. Received: {name}={value!r}")
    return bool(value)


def check_whole_number(name: str, value: int, least: int) -> int:
    """Return an integer as an `int`.

    Args:
        name: What the argument is called.
        value: What was received.
        least: The smallest number allowed; the largest has 31 bits.

    Raises:
        ValueError: It is something else.
    """
    # `True` is an `int` to Python, and `seed=True` a slip.
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or not least <= value < 2**31:
        most = f" and below {2**31}" if whole and value >= 2**31 else ""
        raise ValueError(f"Argument `{name}` must be an integer of at least {least}{most}. Received: {name}={value!r}")
    return int(value)


def check_number(name: str, value: float, least: float) -> float:
    """Return a finite number as a `float`.

    Args:
        name: What the argument is called.
        value: What was received.
        least: The smallest number allowed.

    Raises:
        ValueError: It is something else.
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        number = float(value) if real else math.nan
    except OverflowError:  # an integer may be larger than any float
        number = math.inf
    if not least <= number < math.inf:
        raise ValueError(f"Argument `{name}` must be a number of at least {least}. Received: {name}={value!r}")
    return number


def _check_shape(images: np.ndarray, shape: Shape, where: str, rank: int | None) -> None:
    wanted = "height, width, channels" if shape is None else ", ".join("any" if s is None else str(s) for s in shape)
    ranks = range(2, 6) if shape is None and rank is None else [rank if shape is None else len(shape) + 1]
    sizes = zip(shape or (), images.shape[1:], strict=False)
    if images.ndim not in ranks or any(size is not None and size != got for size, got in sizes):
        hint = ""
        # The two ways to lose a dimension: one image instead of a batch, and grey images without channels.
        if images.ndim == 3 and 4 in ranks:
            hint = " For one image pass x[None]; for grayscale images without channels x[..., None]."
        elif shape is not None:
            hint = shape_hint(shape, images.shape[1:])
        raise ValueError(f"{where} must have the shape (batch, {wanted}). Received: shape={images.shape}.{hint}")
    if len(images) == 0:  # `min` of nothing would be the error
        raise ValueError(f"{where} must hold at least one image. Received: shape={images.shape}")
    if 0 in images.shape:
        raise ValueError(f"{where} must have at least one pixel and channel. Received: shape={images.shape}")


def _levels(images: np.ndarray) -> int:
    """The largest value of a pixel of these integers: of 8 bits, or of 16 where some need them."""
    return 65535 if images.size and images.max() > 255 else 255


def _bounds_hint(low: float, high: float) -> str:
    for bounds in ((0, 1), (-1, 1), (0, 255), (0, 65535)):
        # What lies within (0, 1) lies within (0, 255) too; values far below the upper bound speak against it.
        if bounds[0] <= low and bounds[1] / 16 < high <= bounds[1]:
            return f"These images fit bounds={bounds}: pass that, if the model was trained on such images."
    return (
        "Pass the bounds that the images were scaled to; images that went through a `preprocess_input` are no "
        "longer images: pass the pixels and preprocess='...' instead."
    )


def _preprocessed_hint(low: float, high: float, upper: float) -> str:
    # What a function takes is not known, as it is of `preprocess_input`: pixels are given without bounds, for [0, 1].
    if upper < 255 and low >= 0 and 16 < high <= 255:
        return "If these are the images as they are before `preprocess`, pass bounds=(0, 255)."
    return _PREPROCESSED


def check_others(others: Mapping[str, Any], where: str) -> None:
    """Raise for NaN or infinity among what a model takes beside the images, which would be an output of NaN.

    Args:
        others: The other inputs, by their names.
        where: What the images are called in messages.

    Raises:
        ValueError: There is some; the message names the input.
    """
    for name, value in others.items():
        part = as_array(value, f"The input {name!r}")
        floating = np.issubdtype(part.dtype, np.floating) or part.dtype.name == "bfloat16"
        if floating and part.ndim and not np.all(np.isfinite(part.astype("float32"))):
            raise ValueError(
                f"The input {name!r}, beside {where}: NaN or infinite values ({_count_bad(part)}). Clean or drop these "
                "images."
            )


def _count_bad(images: np.ndarray) -> str:
    bad = ~np.isfinite(np.asarray(images, dtype="float32")).reshape(len(images), -1).all(axis=1)
    return f"in {int(bad.sum())} of {len(images)} images, the first at index {int(np.argmax(bad))}"


def describe(value: Any) -> str:
    """What a value is, for messages."""
    shape = getattr(value, "shape", None)
    return type(value).__name__ + (f" of shape {tuple(shape)}" if shape is not None else "")
