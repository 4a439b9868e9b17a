"""Whether arrays lie within what their quantities declare."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from keras_advxai import metrics
from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.measurements.quantity import Quantity
from keras_advxai.measurements.reading import shown
from keras_advxai.text import is_line

_SLACK = 1e-6
"""By how much rounding may carry a measured number over its limits, as a sum of probabilities over 1."""


def check_limits(array: np.ndarray, item: Quantity, coordinates: Coordinates) -> np.ndarray:
    """An array, if it lies within the limits of its quantity.

    Args:
        array: The array, in the shape and type of the quantity.
        item: The quantity.
        coordinates: The labels along its dimensions.

    Raises:
        ValueError: It does not; the message names the quantity and shows the first value that is out of range.
    """
    if item.is_text:
        return _check_texts(array, item)
    if array.dtype.kind == "b":
        # In a file it is bytes, and a byte of 2 would be neither, and count twice.
        if array.size and np.ascontiguousarray(array).view("uint8").max() > 1:
            raise ValueError(f"`measurements.{item.name}` must hold true and false.")
        return array
    low, most = item.limits[0], _most(item, coordinates)
    slack = _SLACK if array.dtype.kind == "f" else 0
    wrong = ~((array >= low - slack) & (array <= most + slack) | np.isnan(array))
    if item.optional:
        unknown = array == item.unknown
        wrong &= ~unknown
        # A targeted attack has a class to reach for each image, and a minimum-norm attack a distance.
        if item.unknown == item.unknown and (unknown.any(-1) & ~unknown.all(-1)).any():
            raise ValueError(f"`measurements.{item.name}` must be known of all images of an attack, or of none.")
    if wrong.any():
        highest = np.broadcast_to(most, array.shape)[wrong][0]
        raise ValueError(f"`measurements.{item.name}` must lie in {low:g}..{highest:g}. Received: {array[wrong][0]!s}")
    return array


def _check_texts(array: np.ndarray, item: Quantity) -> np.ndarray:
    """Strings, if each is one line of as many characters as it may have."""
    low, most = item.limits[0], item.limits[1]
    # In a file they are numbers, and of one that is no character Python makes a SystemError.
    if array.size and np.ascontiguousarray(array).view("uint32").max() > sys.maxunicode:
        raise ValueError(f"`measurements.{item.name}` must hold text.")
    for text in array.ravel().tolist():
        if not (isinstance(most, (int, float)) and low <= len(text) <= most and text.strip() and is_line(text)):
            raise ValueError(
                f"`measurements.{item.name}` must hold lines of {low:g} to {most} characters. Received: {shown(text)}"
            )
    return array


def _most(item: Quantity, coordinates: Coordinates) -> Any:
    """The largest value: a number, or one for each dissimilarity."""
    high = item.limits[1]
    if high == "classes":
        return coordinates.classes - 1
    if high == "metric":
        largest = [_largest(name) for name in coordinates.metrics]
        return np.reshape(largest, (-1, *(1 for _ in item.dims[1:])))
    return high


def _largest(metric: str) -> float:
    """The largest value of a dissimilarity; of one that is not known here, nothing is known."""
    try:
        upper = metrics.get(metric).upper
    except ValueError:
        return math.inf
    return math.inf if upper is None else upper
