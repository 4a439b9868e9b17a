"""Blurs: out of focus, through frosted glass, of a camera that moves."""

from __future__ import annotations

import numpy as np

from keras_advxai._typing import Tensor
from keras_advxai.corruptions.filters import correlated, disk, gaussian, motion, zoomed
from keras_advxai.corruptions.registry import register
from keras_advxai.corruptions.sizes import length

_SIGMAS = (1, 2, 3, 4, 6)
_DISKS = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))
_GLASS = ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2))
_MOTIONS = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))
_ZOOMS = ((11, 0.01), (16, 0.01), (11, 0.02), (13, 0.02), (11, 0.03))


@register
def gaussian_blur(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """A Gaussian blur, with standard deviations of 1 to 6 pixels at 224."""
    return gaussian(image, length(image, _SIGMAS[severity - 1]))


@register
def defocus_blur(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """An image out of focus: each point becomes a disk with a radius of 3 to 10 pixels at 224."""
    radius, blur = _DISKS[severity - 1]
    # Its rim is softened against jagged edges, which are pixels at every size; a small disk has more of a rim.
    return correlated(image, disk(length(image, radius), length(image, 0) + blur), "reflect")


@register
def glass_blur(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """Frosted glass: each pixel changes places with one up to 1 to 4 pixels away, at 224, between two blurs.

    The published code copies one pixel over the other, because it exchanges views; here they are exchanged.
    """
    sigma, distance, times = _GLASS[severity - 1]
    sigma, reach = length(image, sigma), max(1, round(length(image, distance)))
    blurred = gaussian(image, sigma)
    height, width = image.shape[:2]
    rows, columns = np.meshgrid(
        np.arange(height - reach, reach, -1), np.arange(width - reach, reach, -1), indexing="ij"
    )
    places = np.arange(height * width).tolist()  # a list: each exchange builds on those before
    for _ in range(times):
        right, down = np.moveaxis(rng.integers(-reach, reach, (*rows.shape, 2)), -1, 0)
        here, there = rows * width + columns, (rows + down) * width + columns + right
        for one, other in zip(here.ravel().tolist(), there.ravel().tolist(), strict=True):
            places[one], places[other] = places[other], places[one]
    shuffled = blurred.reshape(height * width, -1)[places].reshape(image.shape)
    return gaussian(shuffled, sigma)


@register
def motion_blur(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """A camera that moves, in a random direction of up to 45 degrees from the rows, by 3 to 15 pixels at 224."""
    radius, sigma = (length(image, pixels) for pixels in _MOTIONS[severity - 1])
    return motion(image, radius, sigma, rng.uniform(-45, 45))


@register
def zoom_blur(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """A camera that comes nearer: the mean of the image and of its middle up to 10 % to 30 % larger."""
    count, step = _ZOOMS[severity - 1]
    zooms = [zoomed(image, 1 + step * index) for index in range(count)]
    return (image + np.sum(zooms, axis=0)) / (count + 1)
