"""NISSIM: how far two heatmaps are apart, image by image."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from keras import ops

from keras_advxai._typing import Tensor
from keras_advxai.ops.ssim import K1, RANKS, dissimilarity

TOLERANCE = 1e-6
FAINTEST = K1  # SSIM's stabilising constant is K1²: below K1 it outweighs the maps


def nissim(heatmaps: Tensor, others: Tensor) -> Tensor:
    """Normalised inverted structural similarity of every pair of heatmaps: `(1 - SSIM) / 2`.

    0 means that the two heatmaps are the same, about 0.5 that they have nothing in common, and more that one
    rises where the other falls. SSIM is scikit-image's with its default settings and `data_range=1`: a
    uniform window of 7x7 pixels, 7 steps of a signal or 7x7x7 of a volume (for smaller maps the largest odd
    one that fits), averaged over the positions at which the window lies in the map. A dimension of size 1 is
    left out. What to keep in mind when reading the number:

    - A blank heatmap (all zeros) against any other is at about 0.5, not at 1. `MOD` leaves out the pairs
      whose reference is blank and counts them.
    - Resolution, the method of resizing and the window are part of the metric. The same pair of explanations
      gives other numbers at 56x56 than at 224x224; compare only what was made in one way.
    - The heatmaps must be normalised. Maps with values around 1e-4 all look the same to SSIM, so that a pair
      of which neither map reaches 0.01 is an error.

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
        ValueError: If the shapes differ or are not those of heatmaps, or if a value is not finite, is outside
            [0, 1] by more than 1e-6, or is of a pair that was not normalised.

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
    as_numpy = not any(tf.is_tensor(x) for x in (heatmaps, others))
    first, second = _as_maps("heatmaps", heatmaps), _as_maps("others", others)
    if not first.shape.is_compatible_with(second.shape):
        raise ValueError(
            "Arguments `heatmaps` and `others` must have the same shape, one pair per image. "
            f"Received: heatmaps.shape={first.shape}, others.shape={second.shape}"
        )
    if tf.is_symbolic_tensor(first) or tf.is_symbolic_tensor(second):
        return dissimilarity(first, second)
    if first.shape[0]:
        _check_values(first, second)
    distances = dissimilarity(first, second)
    return distances.numpy() if as_numpy else distances


def _as_maps(name: str, maps: Tensor) -> tf.Tensor:
    """A tensor of the shape `(batch, *positions, 1)`."""
    maps = ops.convert_to_tensor(maps)
    if maps.shape.rank == 3 and maps.shape[-1] != 1:
        maps = maps[..., None]
    if maps.shape.rank not in RANKS or maps.shape[-1] != 1:
        raise ValueError(
            f"Argument `{name}` must have the shape (batch, *positions, 1) with 1 to 3 dimensions of positions, "
            "such as (batch, height, width, 1), or be (batch, height, width): heatmaps, one channel per image, "
            "not pictures of heatmaps. "
            f"Received: {name}.shape={maps.shape}"
        )
    return maps


def _check_values(first: tf.Tensor, second: tf.Tensor) -> None:
    """Check values in [0, 1] and that at least one map of each pair has been normalised."""
    brightest = []
    for name, maps in (("heatmaps", first), ("others", second)):
        rows = np.asarray(maps).reshape(maps.shape[0], -1)
        lows, highs = rows.min(axis=1), rows.max(axis=1)
        if not (lows.min() >= -TOLERANCE and highs.max() <= 1 + TOLERANCE):  # NaN fails, too
            raise ValueError(
                f"Argument `{name}` must hold finite values in [0, 1]; normalise each heatmap first, "
                f"dividing it by its maximum. Received: {name} with values from {float(lows.min()):.4g} to "
                f"{float(highs.max()):.4g}"
            )
        brightest.append(highs.astype("float64"))
    peak = np.maximum(*brightest)
    faint = np.flatnonzero((peak > 0) & (peak < FAINTEST))
    if faint.size:
        raise ValueError(
            "Arguments `heatmaps` and `others` must be normalised first, each map divided by its maximum: "
            f"maps below {FAINTEST} all look the same to SSIM. Received: {faint.size} such pair(s), the "
            f"largest value of pair {faint[0]} being {peak[faint[0]]:.4g}"
        )
