"""Photographs whose ImageNet class is not in doubt, small enough to ship inside scikit-image."""

from __future__ import annotations

import pathlib

import numpy as np
import skimage.data
from PIL import Image

from keras_advxai.models.inputs import check_whole_number

_CLASSES = {"camera.png": 872, "coffee.png": 967, "motorcycle_left.png": 665, "rocket.jpg": 657}
"""File to class: tripod, espresso, moped, missile."""

_SHARE = 0.875
"""Of the shorter side, what is kept in the middle: what ImageNet's models are tested on."""


def load_data(size: int = 224) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Photographs of scikit-image with the classes that ImageNet has for them. Nothing is downloaded.

    The middle square, 87.5 % of the shorter side, is resized bicubically. A photograph that is resized as a whole is
    another picture to a network: the rocket becomes a drilling platform. Left out are those with no fitting class, as a
    portrait, and those between two, as a cat that may be a tabby or an Egyptian cat.

    Args:
        size: The side of the images in pixels. Defaults to 224.

    Returns:
        Images `(images, size, size, 3)`, float32 pixels in [0, 255]; their ImageNet classes `(images,)`, int32; and the
        names of their files.

    Raises:
        ValueError: `size` is no whole number from 1.

    Example:

    >>> from keras_advxai.datasets import photographs
    >>> x, y, names = photographs.load_data()
    >>> x.shape, y.tolist(), names[1]
    ((4, 224, 224, 3), [872, 967, 665, 657], 'coffee.png')
    """
    size = check_whole_number("size", size, 1)
    folder = pathlib.Path(skimage.data.__file__).parent
    images = [_cropped(folder / name, size) for name in _CLASSES]
    return np.stack(images), np.array(list(_CLASSES.values()), "int32"), tuple(_CLASSES)


def _cropped(path: pathlib.Path, size: int) -> np.ndarray:
    with Image.open(path) as file:
        image = file.convert("RGB")
    side = _SHARE * min(image.size)
    left, top = ((length - side) / 2 for length in image.size)
    resized = image.resize((size, size), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    return np.asarray(resized, "float32")
