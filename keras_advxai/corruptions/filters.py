"""Filters that several corruptions are made of, of arrays `(height, width, channels)`."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import scipy
from scipy import ndimage

from keras_advxai._typing import Tensor


def gaussian(image: np.ndarray, sigma: float) -> Tensor:
    """A Gaussian blur of each channel, cut off at 4 standard deviations; pixels at the border go on outside."""
    return ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest", truncate=4)


def correlated(image: np.ndarray, kernel: np.ndarray, border: Literal["edge", "reflect"]) -> Tensor:
    """Each pixel as a mean of those around it, by the weights of a kernel with odd sides.

    Args:
        image: The image.
        kernel: The weights, `(rows, columns)`.
        border: What is outside of the image: pixels of the border, or the image reflected at them.
    """
    rows, columns = (side // 2 for side in kernel.shape)
    padded = np.pad(image, ((rows, rows), (columns, columns), (0, 0)), border)
    flipped = kernel[::-1, ::-1, None]  # a convolution turns it around
    # `scipy.signal` is loaded here: that takes as long as all of the package, and most evaluations do not need it.
    return scipy.signal.oaconvolve(padded, flipped, mode="valid", axes=(0, 1))


def disk(radius: float, blur: float) -> Tensor:
    """The image of a point out of focus: a disk whose pixels count by the share that lies in it, blurred a little.

    Args:
        radius: Its radius, in pixels.
        blur: The standard deviation of the blur, in pixels.
    """
    parts = 8  # of a pixel's side
    half = math.ceil(radius) + 2
    points = (np.arange((2 * half + 1) * parts) + 0.5) / parts - half - 0.5
    inside = (points[:, None] ** 2 + points[None] ** 2 <= radius**2).astype("float64")
    shares = inside.reshape(2 * half + 1, parts, 2 * half + 1, parts).mean(axis=(1, 3))
    blurred = ndimage.gaussian_filter(shares, blur, mode="constant")
    return blurred / blurred.sum()


def motion(image: np.ndarray, radius: float, sigma: float, angle: float) -> Tensor:
    """The image smeared along a line: the weights of what lies ahead fall off as half of a normal distribution.

    Args:
        image: The image.
        radius: Of the kernel, in pixels: its line is `2 * radius` long.
        sigma: The standard deviation of the weights, in pixels.
        angle: The direction in which it looks, in degrees, from that of a row downwards.
    """
    steps = np.arange(2 * math.ceil(radius) + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    half = len(steps)
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    down = half + steps * math.sin(math.radians(angle))
    right = half + steps * math.cos(math.radians(angle))
    top, left = np.floor(down).astype(int), np.floor(right).astype(int)
    # A point between four pixels is a mean of them.
    for row, column, share in (
        (top, left, (1 - (down - top)) * (1 - (right - left))),
        (top, left + 1, (1 - (down - top)) * (right - left)),
        (top + 1, left, (down - top) * (1 - (right - left))),
        (top + 1, left + 1, (down - top) * (right - left)),
    ):
        np.add.at(kernel, (np.minimum(row, 2 * half), np.minimum(column, 2 * half)), weights * share)
    return correlated(image, kernel / kernel.sum(), "edge")


def zoomed(image: np.ndarray, factor: float) -> Tensor:
    """The middle of an image, so much larger that it fills it, between pixels linearly."""
    for axis in (0, 1):
        last = image.shape[axis] - 1
        places = np.clip((np.arange(last + 1) - last / 2) / factor + last / 2, 0, last)
        before = np.minimum(places.astype(int), max(0, last - 1))
        share = (places - before).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        first, second = (np.take(image, index, axis) for index in (before, np.minimum(before + 1, last)))
        image = first * (1 - share) + second * share
    return image


def plasma(height: int, width: int, roughness: float, rng: np.random.Generator) -> Tensor:
    """Clouds: a fractal by midpoint displacement (diamond and square), from 0 to 1, `(height, width)`.

    Args:
        height: How many rows.
        width: How many columns.
        roughness: By what the displacement falls from one step to the next, half as wide one.
        rng: Random numbers.
    """
    size = 1 << max(1, math.ceil(math.log2(max(height, width))))
    field = np.zeros((size, size))
    step, amount = size, 1.0

    def displaced(total: np.ndarray) -> Tensor:
        return total / 4 + amount * rng.uniform(-1, 1, total.shape)

    while step > 1:
        half = step // 2
        corners = field[::step, ::step]
        # What lies beyond the last row is the first one: the field closes on itself.
        ahead = corners + np.roll(corners, -1, 0)
        field[half::step, half::step] = displaced(ahead + np.roll(ahead, -1, 1))
        middles = field[half::step, half::step]
        across = corners + np.roll(corners, -1, 1) + middles + np.roll(middles, 1, 0)
        field[::step, half::step] = displaced(across)
        down = corners + np.roll(corners, -1, 0) + middles + np.roll(middles, 1, 1)
        field[half::step, ::step] = displaced(down)
        step, amount = half, amount / roughness
    field = (field - field.min()) / max(np.ptp(field), 1e-12)
    return field[:height, :width]
