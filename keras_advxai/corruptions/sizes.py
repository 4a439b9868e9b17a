"""How what is measured in pixels follows the size of the image."""

from __future__ import annotations

import numpy as np

SIZE = 224
"""The size of the photographs for which the authors chose their constants."""

_LEAST = 0.25
"""Below a quarter of a pixel a blur changes nothing."""


def proportion(image: np.ndarray) -> float:
    """By what a length that is a share of the image is multiplied, `(height, width, channels)`."""
    return float(min(image.shape[:2])) / SIZE


def length(image: np.ndarray, pixels: float) -> float:
    """A width in pixels of an image of 224, in pixels of this one.

    In proportion to the shorter side, and in smaller images more by up to a quarter of a pixel, below which a blur
    would change nothing: the blurs of 1, 2, 3, 4 and 6 pixels at 224 are 0.4, 0.5, 0.6, 0.8 and 1.1 wide at 32, where
    the authors chose 0.4, 0.6, 0.7, 0.8 and 1.

    Args:
        image: `(height, width, channels)`.
        pixels: The width at 224 pixels.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.corruptions import length
    >>> length(np.zeros((224, 300, 3)), 6), round(length(np.zeros((32, 32, 3)), 6), 2)
    (6.0, 1.07)
    """
    share = proportion(image)
    return pixels * share + _LEAST * max(0.0, 1 - share)
