"""Common corruptions: what weather, cameras and files do to images, at severities from 1 to 5.

The fifteen of Hendrycks and Dietterich 2019, `COMMON`, and their four further ones, `EXTRA`. An evaluation measures
accuracy and the drift of explanations under them beside those under attacks, as controls of their own kind:
`kax.evaluate(model, data, attacks=["fgsm", "fog"], severities=(1, 3, 5))`.

A corruption is a function of one image, a severity and a generator of random numbers, made known by `register`:

```python
@kax.corruptions.register
def dimmed(image, severity, rng):
    return image * (1 - 0.15 * severity)
```

**Sizes.** The constants are those that the authors chose for photographs of 224 pixels. Shares of the image and levels
of brightness stay as they are at other sizes. Widths in pixels, those of blurs, flakes and shuffled pixels, follow the
shorter side, see `length`, and are at 32 pixels near those that the authors chose for CIFAR-10-C. Noise is of single
pixels and is the same at each size; CIFAR-10-C has less of it.

**Channels.** Images are gray or RGB. Of other channels, those corruptions that treat each by itself are computed, and
others are refused.

References:
    Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations", ICLR
    2019.
"""

from __future__ import annotations

from keras_advxai.corruptions import blurs, digital, noises, splashes, weather
from keras_advxai.corruptions.corruption import LARGEST_SEVERITY, Corruption
from keras_advxai.corruptions.registry import declared, get, register
from keras_advxai.corruptions.sizes import length

DECLARING = (noises, blurs, weather, digital, splashes)
"""The files that declare ours, a function for each."""

COMMON = (
    *("gaussian_noise", "shot_noise", "impulse_noise"),
    *("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    *("snow", "frost", "fog", "brightness"),
    *("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
)
"""The names of the fifteen corruptions, in the order of the paper: noise, blur, weather, digital."""

EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
"""The names of the four further ones, which the authors keep for validation."""

__all__ = [
    "COMMON",
    "EXTRA",
    "LARGEST_SEVERITY",
    "Corruption",
    "declared",
    "get",
    "length",
    "register",
]
