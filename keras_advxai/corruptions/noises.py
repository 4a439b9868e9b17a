"""Noise: of the sensor, of few photons, of dead pixels."""

from __future__ import annotations

import numpy as np

from keras_advxai._typing import Tensor
from keras_advxai.corruptions.registry import register

_GAUSSIAN = (0.08, 0.12, 0.18, 0.26, 0.38)
_PHOTONS = (60, 25, 12, 5, 3)
_IMPULSES = (0.03, 0.06, 0.09, 0.17, 0.27)
_SPECKLE = (0.15, 0.2, 0.35, 0.45, 0.6)


@register
def gaussian_noise(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """Noise of a normal distribution on each pixel, as in low light: standard deviations of 0.08 to 0.38."""
    return image + _GAUSSIAN[severity - 1] * rng.standard_normal(image.shape)


@register
def shot_noise(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """Poisson noise, as of few photons: 60 to 3 of them in a white pixel."""
    photons = _PHOTONS[severity - 1]
    return rng.poisson(image * photons) / photons


@register
def impulse_noise(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """Salt and pepper: 3 % to 27 % of all values become 0 or 1, as by errors of bits."""
    share, drawn = _IMPULSES[severity - 1], rng.random(image.shape)
    return np.where(drawn < share / 2, 0.0, np.where(drawn > 1 - share / 2, 1.0, image))


@register
def speckle_noise(image: np.ndarray, severity: int, rng: np.random.Generator) -> Tensor:
    """Noise of a normal distribution in proportion to the pixel: standard deviations of 0.15 to 0.6 of it."""
    return image + image * _SPECKLE[severity - 1] * rng.standard_normal(image.shape)
