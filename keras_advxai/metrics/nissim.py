"""NISSIM: the dissimilarity of two heatmaps, image by image."""

from __future__ import annotations

import numpy as np

from keras_advxai._typing import Tensor
from keras_advxai.metrics.maps import known
from keras_advxai.metrics.registry import register
from keras_advxai.ops.ssim import K1, dissimilarity

FAINTEST = K1  # SSIM's stabilising constant is K1²: below K1 it outweighs the maps


@register(upper=1)
def nissim(heatmaps: Tensor, others: Tensor) -> Tensor:
    """Normalised inverted structural similarity of every pair of heatmaps: `(1 - SSIM) / 2`.

    0 means that the two heatmaps are the same, about 0.5 that they are unrelated, and more that they are
    negatively correlated. SSIM is scikit-image's with its default settings and `data_range=1`: a
    uniform window of 7x7 pixels, 7 steps of a signal or 7x7x7 of a volume (for smaller maps the largest odd
    one that fits), averaged over the positions at which the window lies in the map. A dimension of size 1 is
    left out. What to keep in mind when reading the number:

    - A blank heatmap (all zeros) against any other is at about 0.5, not at 1. `MOD` leaves out the pairs
      whose reference is blank and counts them. Two constant maps of the values a and b are at
      `(a - b)² / (2 (a² + b² + 0.0001))`, and so at 0 if they are the same.
    - Resolution, the method of resizing and the window are part of the metric. The same pair of explanations
      gives other numbers at 56x56 than at 224x224; compare only values computed in the same way.
    - The heatmaps must be normalised. Maps with values around 1e-4 all look the same to SSIM, so a pair
      in which neither map reaches 0.01 is an error.

    The values are checked where they are known. Inside a `tf.function` they are not, and only the shapes are
    checked.

    Args:
        heatmaps: Heatmaps with values in [0, 1], shape `(batch, *positions, 1)` with 1 to 3 dimensions of
            positions, each at least 3 or equal to 1; maps of images: `(batch, height, width, 1)`. Of these
            alone the last axis may be left out: `(batch, height, width)` is read so if its last dimension is
            not 1, while `(batch, steps, 1)` is the map of a signal. Any float dtype, NumPy or tensor.
        others: Heatmaps to compare with, of the same shape.

    Returns:
        float64 values in [0, 1], shape `(batch,)`: a NumPy array if neither argument is a tensor, else a
        tensor.

    Raises:
        ValueError: If the shapes differ, are not those of heatmaps or are too small, or if a value is not finite, is
            outside [0, 1] by more than 1e-6, or is of a pair that was not normalised.

    Example:
    >>> import numpy as np
    >>> from keras_advxai.metrics import nissim
    >>> left, right = np.zeros((1, 16, 16, 1)), np.zeros((1, 16, 16, 1))
    >>> left[:, 2:8, 2:8], right[:, 8:14, 8:14] = 1.0, 1.0
    >>> nissim(left, left)
    array([0.])
    >>> float(nissim(left, right)[0].round(3))
    0.484

    References:
        - [Chakraborty et al. 2022, Generalizing adversarial explanations with Grad-CAM, CVPR
          workshops](https://arxiv.org/abs/2204.05427)
        - [Wang et al. 2004, Image quality assessment: from error visibility to structural
          similarity](https://doi.org/10.1109/TIP.2003.819861)
    """
    if known(heatmaps, others):  # in a graph they are not
        _check_not_faint(np.asarray(heatmaps), np.asarray(others))
    return dissimilarity(heatmaps, others)


def _check_not_faint(first: np.ndarray, second: np.ndarray) -> None:
    """Check that at least one map of each pair has been normalised, unless both are blank."""
    peaks = [maps.max(axis=tuple(range(1, maps.ndim))).astype("float64") for maps in (first, second)]
    peak = np.maximum(*peaks)
    # A faint map beside one that is normalised is compared rightly, and so are two blank ones.
    faint = np.flatnonzero((peak > 0) & (peak < FAINTEST))
    if faint.size:
        raise ValueError(
            "Arguments `heatmaps` and `others` must be normalised first, each map divided by its maximum: "
            f"maps below {FAINTEST} all look the same to SSIM. Received: {faint.size} such pair(s), the "
            f"largest value of pair {faint[0]} being {peak[faint[0]]:.4g}"
        )
