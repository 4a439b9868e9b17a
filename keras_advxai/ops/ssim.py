"""Structural similarity of batches of images or heatmaps, compiled, in float64.

The numbers are those of `skimage.metrics.structural_similarity` with its default settings, to rounding, for a
whole batch in one compiled call. XLA compiles once for every new combination of batch size and image size
(some tenths of a second); every later call of that shape is several times faster than a loop over the images.
"""

from __future__ import annotations

import math

import tensorflow as tf
from keras import ops

from keras_advxai._typing import Tensor

K1 = 0.01
K2 = 0.03
LARGEST_WINDOW = 7
SMALLEST_WINDOW = 3


def ssim(
    a: Tensor,
    b: Tensor,
    *,
    data_range: float = 1.0,
    win_size: int | None = None,
) -> tf.Tensor:
    """Mean structural similarity of every pair of images, in [-1, 1]; 1 for equal images.

    The SSIM of Wang et al. with a uniform window, the sample covariance (divided by the number of pixels less
    one), K1 = 0.01 and K2 = 0.03, averaged over those positions at which the whole window lies in the image,
    and over the channels.

    Args:
        a: Images, shape `(batch, height, width, channels)`. Height and width must be statically known and at
            least 3; the batch dimension may be unknown. Any float dtype; the computation is in float64.
        b: Images to compare with, of the same shape.
        data_range: Width of the range of the values: 1 for values in [0, 1], 255 for grey levels.
            Defaults to `1.0`.
        win_size: Side of the square window in pixels, odd, at least 3 and at most the smaller side of the
            images. `None` takes 7 or, for smaller images, the largest that fits. Defaults to `None`.

    Returns:
        float64 tensor, shape `(batch,)`.

    Raises:
        ValueError: If the shapes differ, are not `(batch, height, width, channels)`, are not known or are too
            small for the window, or if `data_range` or `win_size` is out of its range.

    Example:
    >>> import numpy as np
    >>> from keras_advxai.ops.ssim import ssim
    >>> dark, light = np.full((2, 8, 8, 1), 0.2), np.full((2, 8, 8, 1), 0.6)
    >>> np.round(ssim(dark, light), 4)  # constant images: (2ab + C1) / (a² + b² + C1)
    array([0.6001, 0.6001])

    References:
        - [Wang et al. 2004, Image quality assessment: from error visibility to structural
          similarity](https://doi.org/10.1109/TIP.2003.819861)
        - [scikit-image, `structural_similarity`](
          https://scikit-image.org/docs/stable/api/skimage.metrics.html#skimage.metrics.structural_similarity)
    """
    if not (math.isfinite(data_range) and data_range > 0):
        raise ValueError(f"Argument `data_range` must be a positive number. Received: data_range={data_range}")
    a, b = ops.convert_to_tensor(a), ops.convert_to_tensor(b)
    return _ssim(a, b, _checked_window(a.shape, b.shape, win_size), float(data_range))


def dissimilarity(a: Tensor, b: Tensor) -> tf.Tensor:
    """`(1 - SSIM) / 2` of every pair of maps with values in [0, 1], clipped to [0, 1]; 0 for equal maps.

    Equal maps give exactly 0, in whatever way the compiler contracts the arithmetic. The values of the maps
    are not looked at here: `keras_advxai.metrics.nissim` is the same number with the inputs checked.

    Args:
        a: Maps, shape `(batch, height, width, channels)`, values in [0, 1], any float dtype. Height and width
            must be statically known and at least 3; the batch dimension may be unknown.
        b: Maps to compare with, of the same shape.

    Returns:
        float64 tensor, shape `(batch,)`. The gradient is not part of the contract.

    Raises:
        ValueError: If the shapes differ, are not `(batch, height, width, channels)`, are not known or are
            below 3x3.

    Example:
    >>> import numpy as np
    >>> from keras_advxai.ops.ssim import dissimilarity
    >>> maps = np.random.default_rng(0).random((2, 8, 8, 1))
    >>> dissimilarity(maps, maps).numpy()
    array([0., 0.])
    """
    a, b = ops.convert_to_tensor(a), ops.convert_to_tensor(b)
    return _dissimilarity(a, b, _checked_window(a.shape, b.shape, None))


def window_size(height: int, width: int) -> int:
    """Side of the window that images of this size get: 7, or the largest odd number that fits.

    Args:
        height: Height of the images in pixels.
        width: Width of the images in pixels.

    Returns:
        An odd number from 3 to 7.

    Raises:
        ValueError: If the images are below 3x3 pixels.

    Example:
    >>> from keras_advxai.ops.ssim import window_size
    >>> window_size(224, 224), window_size(7, 6)
    (7, 5)
    """
    smaller = min(height, width)
    if smaller < SMALLEST_WINDOW:
        raise ValueError(
            f"Images must be at least {SMALLEST_WINDOW}x{SMALLEST_WINDOW} pixels for SSIM; resize them. "
            f"Received: height={height}, width={width}"
        )
    return min(LARGEST_WINDOW, smaller - 1 + smaller % 2)


def _checked_window(a: tf.TensorShape, b: tf.TensorShape, win_size: int | None) -> int:
    """Check two static shapes and return the side of the window."""
    received = f"Received: a.shape={a}, b.shape={b}"
    if a.rank != 4 or b.rank != 4:
        raise ValueError(f"Images must have the shape (batch, height, width, channels). {received}")
    height, width = a[1:3]
    if None in (*a[1:], *b[1:]):
        raise ValueError(
            "Height, width and channels must be known when tracing; give them in the `input_signature` of "
            f"the `tf.function` or call `set_shape` on the tensors. {received}"
        )
    if a[1:] != b[1:] or (None not in (a[0], b[0]) and a[0] != b[0]):
        raise ValueError(f"The images compared must have the same shape. {received}")
    if 0 in a[1:]:
        raise ValueError(f"The images must not be empty. {received}")
    largest = window_size(height, width)
    if win_size is None:
        return largest
    if win_size % 2 != 1 or not SMALLEST_WINDOW <= win_size <= min(height, width):
        raise ValueError(
            f"Argument `win_size` must be odd, at least {SMALLEST_WINDOW} and at most the smaller side of "
            f"the images, {min(height, width)}. Received: win_size={win_size}"
        )
    return int(win_size)


@tf.function(jit_compile=True, reduce_retracing=True)
def _ssim(a: tf.Tensor, b: tf.Tensor, window: int, data_range: float) -> tf.Tensor:
    return 1.0 - _one_minus_ssim(a, b, window, data_range)


@tf.function(jit_compile=True, reduce_retracing=True)
def _dissimilarity(a: tf.Tensor, b: tf.Tensor, window: int) -> tf.Tensor:
    return ops.clip(0.5 * _one_minus_ssim(a, b, window, 1.0), 0.0, 1.0)


def _one_minus_ssim(x: tf.Tensor, y: tf.Tensor, window: int, data_range: float) -> tf.Tensor:
    """`1 - SSIM` from the four window sums of x, y, (x - y)² and xy.

    SSIM is `A1 A2 / (B1 B2)`. With `B1 = A1 + e1` and `B2 = A2 + e2`, where e1 is the squared difference of
    the means and e2 the variance of x - y, `1 - SSIM = (e1 A2 + e2 B1) / (B1 B2)`: nothing is subtracted
    from 1, so that small differences keep their digits, and equal windows give exactly 0, with or without
    fused multiply-adds, because both e are made of differences of sums.
    """
    x, y = ops.cast(x, "float64"), ops.cast(y, "float64")
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    pixels = window * window
    sample = pixels / (pixels - 1)
    d = x - y
    sum_x, sum_y, sum_dd, sum_xy = ops.unstack(_window_sums(ops.stack([x, y, d * d, x * y]), window))
    mean_x, mean_y, mean_d = sum_x / pixels, sum_y / pixels, (sum_x - sum_y) / pixels
    e1 = mean_d * mean_d
    e2 = sample * (sum_dd / pixels - e1)
    a1 = 2 * mean_x * mean_y + c1
    a2 = 2 * sample * (sum_xy / pixels - mean_x * mean_y) + c2
    b1, b2 = a1 + e1, a2 + e2
    return ops.mean((e1 * a2 + e2 * b1) / (b1 * b2), axis=(1, 2, 3))


def _window_sums(maps: tf.Tensor, window: int) -> tf.Tensor:
    """Sums over all windows that lie in the image; maps of shape `(n, batch, height, width, channels)`."""
    rows = maps[:, :, : 1 - window]
    for k in range(1, window):
        rows += maps[:, :, k : k + 1 - window or None]
    sums = rows[:, :, :, : 1 - window]
    for k in range(1, window):
        sums += rows[:, :, :, k : k + 1 - window or None]
    return sums
