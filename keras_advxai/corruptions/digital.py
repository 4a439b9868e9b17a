"""What happens to images in files and on screens: contrast, compression, large pixels, distortion."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from keras_advxai._typing import Tensor
from keras_advxai.corruptions.registry import register
from keras_advxai.corruptions.sizes import proportion

_CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)
_ELASTIC = ((2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02))
_ELASTIC_SIZE = 244  # of which its constants are shares, in the published code
_PIXELS = (0.6, 0.5, 0.4, 0.3, 0.25)
_QUALITY = (25, 18, 15, 10, 7)
_SATURATION = ((0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (20.0, 0.2))


@register
def contrast(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """The distance of each pixel from the mean of its channel shrinks to 0.4 to 0.05 of what it was."""
    means = image.mean(axis=(0, 1), keepdims=True)
    return means + _CONTRAST[severity - 1] * (image - means)


@register
def elastic_transform(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """The image is stretched: by a random affine map, and then each region by itself.

    All lengths are shares of the image. Displacements are means of random numbers over a window, so they shrink as it
    grows: their factor is in proportion to the square of the size.
    """
    factor, sigma, affine = (share * _ELASTIC_SIZE for share in _ELASTIC[severity - 1])
    scale = proportion(image)
    image = _stretched(image, affine * scale, rng)
    shape = image.shape[:2]
    shifts = [
        ndimage.gaussian_filter(rng.uniform(-1, 1, shape), sigma * scale, mode="reflect", truncate=3) for _ in range(2)
    ]
    # As the published order has it: the first field is that of the columns.
    right, down = (shift * factor * scale**2 for shift in shifts)
    rows, columns = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    return _sampled(image, np.stack([rows + down, columns + right]), "reflect")


@register
def pixelate(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """An image of fewer pixels, 0.6 to 0.25 of its sides, shown at its size again."""
    height, width = image.shape[:2]
    share = _PIXELS[severity - 1]
    few = max(1, int(width * share)), max(1, int(height * share))
    channels = []
    for channel in np.moveaxis(image, -1, 0):
        large = Image.fromarray(channel.astype("float32"))  # in floats: nothing is rounded to 8 bits
        small = large.resize(few, Image.Resampling.BOX)
        channels.append(np.asarray(small.resize((width, height), Image.Resampling.BOX)))
    return np.stack(channels, axis=-1)


@register(channels=(1, 3))
def jpeg_compression(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """JPEG of a quality of 25 to 7, by Pillow; the image is rounded to 8 bits for it."""
    levels = np.round(image * 255).astype("uint8")
    picture, file = Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels), io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY[severity - 1])
    with Image.open(file) as read:
        found = np.asarray(read, "float64") / 255
    return found.reshape(image.shape)


@register(channels=(3,))
def saturate(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """Colours become paler (severities 1 and 2) or stronger (3 to 5)."""
    factor, more = _SATURATION[severity - 1]
    value = image.max(axis=-1, keepdims=True)
    span = value - image.min(axis=-1, keepdims=True)
    saturation = np.divide(span, value, out=np.zeros_like(value), where=value > 0)
    wanted = np.clip(saturation * factor + more, 0, 1)
    # How far each channel lies below the largest, as a share of the span, is the hue; that of gray is taken for red.
    hue = np.divide(value - image, span, out=np.broadcast_to([0.0, 1.0, 1.0], image.shape).copy(), where=span > 0)
    return value * (1 - wanted * hue)


def _stretched(image: np.ndarray, most: float, rng: np.random.Generator) -> Tensor:
    """The image after the affine map that moves three points by up to so many pixels."""
    height, width = image.shape[:2]
    middle = np.array([width // 2, height // 2], "float64")
    side = max(1, min(height, width) // 3)
    points = middle + side * np.array([[1, 1], [1, -1], [-1, -1]])  # (column, row)
    moved = points + rng.uniform(-most, most, points.shape)
    # From where each pixel comes: the map that takes the moved points back.
    back = np.linalg.solve(np.column_stack([moved, np.ones(3)]), points)  # (3, 2)
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    places = np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ back
    return _sampled(image, np.stack([places[..., 1], places[..., 0]]), "mirror")


def _sampled(image: np.ndarray, places: np.ndarray, mode: str) -> Tensor:
    """The image at rows and columns `(2, height, width)`, between pixels linearly."""
    channels = [ndimage.map_coordinates(channel, places, order=1, mode=mode) for channel in np.moveaxis(image, -1, 0)]
    return np.stack(channels, axis=-1)
