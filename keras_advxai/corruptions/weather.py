"""Weather: snow, frost on the glass, fog, and bright light."""

from __future__ import annotations

import numpy as np

from keras_advxai._typing import Tensor
from keras_advxai.corruptions.filters import gaussian, motion, plasma, zoomed
from keras_advxai.corruptions.registry import register
from keras_advxai.corruptions.sizes import length, proportion

GRAY = np.array([0.299, 0.587, 0.114])
"""How much red, green and blue count for the brightness of a pixel."""

_SNOW = (
    (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
_FROST = ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))
_FOG = ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4))
_BRIGHTNESS = (0.1, 0.2, 0.3, 0.4, 0.5)
_ICE = np.array([0.80, 0.91, 1.0])


def brightness_of(image: np.ndarray) -> Tensor:
    """The brightness of each pixel of a gray or RGB image, `(height, width, 1)`."""
    return image if image.shape[-1] == 1 else (image @ GRAY)[..., None]


@register(channels=(1, 3))
def snow(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """Flakes that fall at a slant, once and turned upside down, before a whitened image."""
    mean, spread, size, least, radius, sigma, kept = _SNOW[severity - 1]
    flakes = mean + spread * rng.standard_normal((*image.shape[:2], 1))
    flakes = zoomed(flakes, max(1.0, length(image, size)))
    flakes = np.where(flakes < least, 0, np.clip(flakes, 0, 1))
    flakes = motion(flakes, length(image, radius), length(image, sigma), rng.uniform(-135, -45))
    white = np.maximum(image, brightness_of(image) * 1.5 + 0.5)
    return kept * image + (1 - kept) * white + flakes + np.rot90(flakes, 2)


@register(channels=(1, 3))
def frost(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """Frost on the glass. It is made, and not photographed: `ice` of random needles.

    The published corruption lays one of five photographs of frost over the image, which are not at hand here. The
    shares of image and frost are the published ones; the frost is a fractal with needles along random directions, as
    bright as such photographs, so figures of it do not compare with those of ImageNet-C.
    """
    kept, share = _FROST[severity - 1]
    layer = ice(image.shape[0], image.shape[1], rng)
    return kept * image + share * (brightness_of(layer) if image.shape[-1] == 1 else layer)


def ice(height: int, width: int, rng: np.random.Generator) -> Tensor:
    """Crystals of ice, `(height, width, 3)` in [0, 1].

    Args:
        height: How many rows.
        width: How many columns.
        rng: Random numbers.
    """
    shape = np.empty((height, width))
    clouds = plasma(height, width, 1.9, rng)
    ridges = 1 - np.abs(2 * plasma(height, width, 2.2, rng) - 1)  # bright where a cloud crosses its middle
    needles = np.zeros((height, width, 1))
    begun = rng.uniform(0, 180)
    for turn in (0, 60, 120):  # ice grows along six directions
        seeds = (rng.random((height, width, 1)) < 0.02 / max(proportion(shape), 0.3)) * rng.random((height, width, 1))
        for side in (0, 180):
            angle = begun + turn + side + rng.uniform(-8, 8)
            needles = np.maximum(needles, motion(seeds, length(shape, 16), length(shape, 9), angle))
    needles = needles / max(float(np.quantile(needles, 0.98)), 1e-6)
    frosted = gaussian(np.clip(needles, 0, 1), length(shape, 0.4))[..., 0]
    field = 0.15 + 0.35 * clouds + 0.25 * ridges**4 + 0.55 * frosted * (0.3 + 0.7 * clouds)
    pale: np.ndarray = np.clip(field, 0, 1)[..., None]
    return pale * (_ICE + (1 - _ICE) * pale)  # the thicker, the whiter


@register
def fog(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """Clouds in front of the image, which loses contrast by as much as they are dense."""
    density, decay = _FOG[severity - 1]
    # The published fractal displaces by the square of what falls by `decay` at each step.
    clouds = plasma(image.shape[0], image.shape[1], decay**2, rng)[..., None]
    brightest = image.max()
    return (image + density * clouds) * brightest / (brightest + density)


@register
def brightness(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """Brighter light: the value of each pixel, its largest channel, rises by 0.1 to 0.5; hue and saturation stay."""
    value = image.max(axis=-1, keepdims=True)
    brighter = np.minimum(value + _BRIGHTNESS[severity - 1], 1)
    # Channels are in proportion to the value; black, which has no hue, becomes gray.
    return np.where(value > 0, image * (brighter / np.where(value > 0, value, 1)), brighter)
