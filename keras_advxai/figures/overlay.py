"""Heatmaps in colour: laid over an image, or subtracted from one another."""

from __future__ import annotations

import functools

import matplotlib
import matplotlib.colors
import numpy as np

HEAT = "viridis"  # ordered by brightness, for all kinds of eyes
CHANGE = "RdBu_r"  # white where nothing changed
OPACITY = 0.8

_LUMA = np.array([0.2126, 0.7152, 0.0722])  # of sRGB, Rec. 709
_TOLERANCE = 1e-3


def overlay(image: np.ndarray, heatmap: np.ndarray, *, colormap: str = HEAT, alpha: float = OPACITY) -> np.ndarray:
    """A heatmap laid over an image.

    The image loses its colours, so that whatever is coloured is heat. The opacity grows with the square root
    of the heat, up to `alpha`: where there is no heat, the image shows as it is.

    Args:
        image: `(height, width, channels)` or `(height, width)`, with values in [0, 1]. With other than three
            channels, their mean is shown.
        heatmap: `(height, width)` or `(height, width, 1)`, with values in [0, 1].
        colormap: The name of a matplotlib colour map. Defaults to `"viridis"`, which readers with a colour
            vision deficiency can read as well.
        alpha: The opacity at a heat of 1, from 0 to 1. Defaults to 0.8.

    Returns:
        RGB, `(height, width, 3)` float32 in [0, 1].

    Raises:
        ValueError: One of the arguments has a wrong shape or value.

    Example:

    >>> import numpy as np
    >>> from keras_advxai import figures
    >>> figures.overlay(np.full((1, 2, 1), 0.5), np.array([[0.0, 1.0]]), alpha=1.0).round(2)
    array([[[0.5 , 0.5 , 0.5 ],
            [0.99, 0.91, 0.14]]], dtype=float32)
    """
    rgb = as_rgb(image)
    heat = as_heat(heatmap, rgb.shape)
    if colormap not in matplotlib.colormaps:
        raise ValueError(
            f"Argument `colormap` must be the name of a matplotlib colour map, such as 'viridis' or 'magma'. "
            f"Received: colormap={colormap!r}"
        )
    if not 0 <= alpha <= 1:
        raise ValueError(f"Argument `alpha` must be an opacity from 0 to 1. Received: alpha={alpha!r}")
    gray = (rgb @ _LUMA)[..., None]  # colours of the image would pass for heat
    opacity = alpha * np.sqrt(heat)[..., None]
    blend = (1 - opacity) * gray + opacity * _colors(colormap)(heat)[..., :3]
    return np.asarray(blend, "float32")


def change(heatmap: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How a heatmap changed, in colour: red where `other` has more heat, blue where it has less.

    Args:
        heatmap: `(height, width)` or `(height, width, 1)`, with values in [0, 1].
        other: The heatmap to compare with, of the same shape.

    Returns:
        RGB, `(height, width, 3)` float32 in [0, 1]. The scale is the same for all heatmaps: from -1 to 1.

    Raises:
        ValueError: A heatmap has a wrong shape or value.
    """
    before = as_heat(heatmap)
    after = as_heat(other, before.shape)
    colors: np.ndarray = _colors(CHANGE)((after - before + 1) / 2)[..., :3]
    return colors.astype("float32")


@functools.lru_cache(maxsize=8)
def _colors(name: str) -> matplotlib.colors.Colormap:
    # Each look-up makes a copy, which computes its table anew: for a small picture that is half of the work.
    return matplotlib.colormaps[name]


def as_rgb(image: np.ndarray) -> np.ndarray:
    """The image as RGB, `(height, width, 3)` float64 in [0, 1]; gray unless it has three channels.

    Raises:
        ValueError: The image has a wrong shape or value.
    """
    pixels = np.asarray(image, "float64")
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise ValueError(
            "Argument `image` must be one image, (height, width, channels) or (height, width). "
            f"Received: an array of shape {np.shape(image)}"
        )
    _check_range("image", pixels, "Scale it from its bounds to [0, 1] first.")
    if pixels.shape[-1] != 3:
        # Other than RGB, such as gray or multispectral images, is shown as gray: no choice of three channels is right.
        pixels = pixels.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    return np.asarray(np.clip(pixels, 0, 1))


def as_heat(heatmap: np.ndarray, like: tuple[int, ...] | None = None) -> np.ndarray:
    """The heatmap as `(height, width)` float64 in [0, 1], of the same size as `like`.

    Raises:
        ValueError: The heatmap has a wrong shape or value.
    """
    heat = np.asarray(heatmap, "float64")
    heat = heat[..., 0] if heat.ndim == 3 and heat.shape[-1] == 1 else heat
    if heat.ndim != 2 or 0 in heat.shape or (like is not None and heat.shape != like[:2]):
        size = "(height, width)" if like is None else f"{tuple(like[:2])}, as what it is shown with"
        raise ValueError(
            f"Argument `heatmap` must be one heatmap of shape {size}. Received: an array of shape {np.shape(heatmap)}"
        )
    _check_range("heatmap", heat, "Divide it by its maximum first.")
    return np.asarray(np.clip(heat, 0, 1))


def _check_range(name: str, values: np.ndarray, remedy: str) -> None:
    low, high = values.min(), values.max()
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):  # NaN fails, too
        raise ValueError(
            f"Argument `{name}` must have finite values in [0, 1]. Received: values from {low:.4g} to "
            f"{high:.4g}. {remedy}"
        )
