"""Splashes on the lens: drops of water, and mud."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage
from skimage import exposure, feature

from keras_advxai._typing import Tensor
from keras_advxai.corruptions.filters import gaussian
from keras_advxai.corruptions.registry import register
from keras_advxai.corruptions.sizes import length
from keras_advxai.corruptions.weather import brightness_of

_SPATTER = (
    (0.65, 0.3, 4, 0.69, 0.6),
    (0.65, 0.3, 3, 0.68, 0.6),
    (0.65, 0.3, 2, 0.68, 0.5),
    (0.65, 0.3, 1, 0.65, 1.5),
    (0.67, 0.4, 1, 0.65, 1.5),
)
_MUD_FROM = 4
"""From this severity on it is mud, and before it water."""

_WATER, _MUD = np.array([175, 238, 238]) / 255, np.array([63, 42, 20]) / 255
_EMBOSS = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
_FAR = 20


@register(channels=(1, 3))
def spatter(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """Water on the lens, which is brighter at the rims of its drops (severities 1 to 3), or mud (4 and 5)."""
    mean, spread, sigma, least, amount = _SPATTER[severity - 1]
    # The blur of noise lowers its spread; at widths below a pixel hardly, so drops would cover all of it.
    liquid = gaussian(mean + spread * rng.standard_normal((*image.shape[:2], 1)), max(length(image, sigma), 0.7))[
        ..., 0
    ]
    liquid = np.where(liquid < least, 0, liquid)
    if severity >= _MUD_FROM:
        cover = gaussian((liquid > least).astype("float64")[..., None], max(length(image, amount), 1.0))
        cover = np.where(cover < 0.8, 0, cover)
        return image * (1 - cover) + cover * _colour(_MUD, image)
    shine = liquid * _rims(liquid)
    return image + (amount * shine / max(float(shine.max()), 1e-12))[..., None] * _colour(_WATER, image)


def _rims(liquid: np.ndarray) -> Tensor:
    """How much each pixel shines: by its distance to the rim of a drop, as in relief; from 0 on."""
    canny: Any = feature.canny  # without types, as the next
    equalized: Any = exposure.equalize_hist
    edges = canny(np.clip(liquid, 0, 1), sigma=0, low_threshold=50 / 255, high_threshold=150 / 255)
    distance = ndimage.distance_transform_edt(~edges) if edges.any() else np.full(liquid.shape, _FAR)
    distance = ndimage.uniform_filter(np.minimum(distance, _FAR).astype("float64"), 3, mode="mirror")
    even = 255 * equalized(distance)
    relief = np.clip(ndimage.correlate(even, _EMBOSS, mode="mirror"), 0, 255)
    return np.asarray(ndimage.uniform_filter(relief, 3, mode="mirror"))


def _colour(colour: np.ndarray, image: np.ndarray) -> Tensor:
    """A colour as images have it, gray ones by its brightness."""
    return colour if image.shape[-1] == 3 else brightness_of(colour[None, None])[0, 0]
