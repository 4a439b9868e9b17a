"""Structural similarity of batches of signals, images, volumes or their heatmaps, compiled, in float64.

The numbers are those of `skimage.metrics.structural_similarity` with its default settings, to rounding, for a
whole batch in one compiled call. XLA compiles once for every new combination of batch size and image size
(some tenths of a second); every later call of that shape is several times faster than a loop over the images.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import tensorflow as tf
from keras import ops

from keras_advxai._typing import Tensor
from keras_advxai._versions import clip
from keras_advxai.ops.compiling import call_compiled

K1 = 0.01
K2 = 0.03
LARGEST_WINDOW = 7
SMALLEST_WINDOW = 3
RANKS = (3, 4, 5)  # signals, images, volumes


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
    and over the channels. The window has as many dimensions as the images; a dimension of size 1 is left out.

    Args:
        a: Images, shape `(batch, *positions, channels)` with 1 to 3 dimensions of positions; images:
            `(batch, height, width, channels)`, the channels always given. All but the batch dimension must
            be statically known, and each dimension of positions at least 3 or equal to 1. Any float dtype;
            the computation is in float64.
        b: Images to compare with, of the same shape.
        data_range: Width of the range of the values: 1 for values in [0, 1], 255 for grey levels.
            Defaults to `1.0`.
        win_size: Side of the window in pixels, odd, at least 3 and at most the smallest side of the images.
            `None` takes 7 or, for smaller images, the largest that fits. Defaults to `None`.

    Returns:
        float64 tensor, shape `(batch,)`.

    Raises:
        ValueError: If the shapes differ, are not `(batch, *positions, channels)`, are not known or are too
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
    return _ssim(_checked_window(a.shape, b.shape, win_size), float(data_range))(a, b)


def dissimilarity(a: Tensor, b: Tensor) -> tf.Tensor:
    """`(1 - SSIM) / 2` of every pair of maps with values in [0, 1], clipped to [0, 1]; 0 for equal maps.

    Equal maps give exactly 0, in whatever way the compiler contracts the arithmetic. The values of the maps
    are not checked here: `keras_advxai.metrics.nissim` is the same number with the inputs checked.

    Args:
        a: Maps, shape `(batch, *positions, channels)`, values in [0, 1], any float dtype, of the sizes that
            `ssim` takes; maps of images: `(batch, height, width, channels)`.
        b: Maps to compare with, of the same shape.

    Returns:
        float64 tensor, shape `(batch,)`. It can be differentiated, in the dtype of the maps; where the maps are equal,
        the gradient is zero.

    Raises:
        ValueError: If the shapes differ, are not `(batch, *positions, channels)`, are not known or are too
            small.

    Example:
    >>> import numpy as np
    >>> from keras_advxai.ops.ssim import dissimilarity
    >>> maps = np.random.default_rng(0).random((2, 8, 8, 1))
    >>> dissimilarity(maps, maps).numpy()
    array([0., 0.])
    """
    a, b = ops.convert_to_tensor(a), ops.convert_to_tensor(b)
    return _dissimilarity(_checked_window(a.shape, b.shape, None))(a, b)


def window_size(*size: int) -> int:
    """Side of the window that images of this size get: 7, or the largest odd number that fits.

    Args:
        *size: The images' sides in pixels, as `height, width`. Sides of 1 are left out.

    Returns:
        An odd number from 3 to 7.

    Raises:
        ValueError: If a side is below 3 (and not 1), or all are 1.

    Example:
    >>> from keras_advxai.ops.ssim import window_size
    >>> window_size(224, 224), window_size(7, 6), window_size(16000), window_size(4, 112, 112)
    (7, 5, 7, 3)
    """
    smallest = min(_extended(size), default=1)
    if smallest < SMALLEST_WINDOW:
        raise ValueError(
            f"Images must be at least {'x'.join([str(SMALLEST_WINDOW)] * len(size))} for SSIM; a side of 1 is left "
            "out. Resize them, or move a side of 2 into the batch, so that its two halves are compared separately. "
            f"Received: size={'x'.join(map(str, size))}"
        )
    return min(LARGEST_WINDOW, smallest - 1 + smallest % 2)


def _extended(size: Sequence[int]) -> list[int]:
    """The sides that the window extends over."""
    return [side for side in size if side != 1]


def _checked_window(a: tf.TensorShape, b: tf.TensorShape, win_size: int | None) -> tuple[int, ...]:
    """Check two static shapes and return the sides of the window, 1 where the images' side is 1."""
    received = f"Received: a.shape={a}, b.shape={b}"
    if a.rank not in RANKS or b.rank not in RANKS:
        raise ValueError(
            "Images must have the shape (batch, *positions, channels) with 1 to 3 dimensions of positions, such "
            f"as (batch, height, width, channels). {received}"
        )
    if None in (*a[1:], *b[1:]):
        raise ValueError(
            "All dimensions but the batch must be known when tracing; give them in the `input_signature` of "
            f"the `tf.function` or call `set_shape` on the tensors. {received}"
        )
    if a[1:] != b[1:] or (None not in (a[0], b[0]) and a[0] != b[0]):
        raise ValueError(f"The images compared must have the same shape. {received}")
    if 0 in a[1:]:
        raise ValueError(f"The images must not be empty. {received}")
    size = a[1:-1].as_list()
    side = window_size(*size)
    if win_size is not None:
        smallest = min(_extended(size))
        if win_size % 2 != 1 or not SMALLEST_WINDOW <= win_size <= smallest:
            raise ValueError(
                f"Argument `win_size` must be odd, at least {SMALLEST_WINDOW} and at most the smallest side of "
                f"the images, {smallest}. Received: win_size={win_size}"
            )
        side = int(win_size)
    return tuple(1 if length == 1 else side for length in size)


@functools.cache  # a `tf.function` that is made anew is compiled anew
def _ssim(window: tuple[int, ...], data_range: float) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    def mean(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return 1.0 - one_minus_ssim(a, b, window, data_range)

    return _compiled(mean)


@functools.cache
def _dissimilarity(window: tuple[int, ...]) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    def nissim(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return clip(0.5 * one_minus_ssim(a, b, window, 1.0), 0.0, 1.0)

    return _compiled(nissim)


def _compiled(function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    # By XLA, which is the faster one here; convolutions on a CPU are 10 to 15 times slower with it. Without AutoGraph,
    # which takes longer to rewrite this than XLA to compile it, and for nothing: all loops are over constants.
    made = tf.function(function, autograph=False, jit_compile=True, reduce_retracing=True)
    return functools.partial(call_compiled, made)


def one_minus_ssim(
    x: tf.Tensor, y: tf.Tensor, window: tuple[int, ...], data_range: float, dtype: str = "float64"
) -> tf.Tensor:
    """`1 - SSIM` from the four window sums of x, y, (x - y)² and xy.

    SSIM is `A1 A2 / (B1 B2)`. With `B1 = A1 + e1` and `B2 = A2 + e2`, where e1 is the squared difference of
    the means and e2 the variance of x - y, `1 - SSIM = (e1 A2 + e2 B1) / (B1 B2)`: nothing is subtracted
    from 1, so that small differences keep their digits, and equal windows give exactly 0, with or without
    fused multiply-adds, because both e are made of differences of sums.

    Args:
        x: Images, `(batch, *positions, channels)`.
        y: Images of the same shape.
        window: The sides of the window.
        data_range: The width of the range of the values.
        dtype: The precision of the computation. Defaults to `"float64"`; another one is there to be measured.
    """
    # In float32, what two nearly equal maps differ by would be lost to rounding in the variances.
    x, y = ops.cast(x, dtype), ops.cast(y, dtype)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    pixels = math.prod(window)
    sample = pixels / (pixels - 1)  # scikit-image's default, where Wang et al. divide by all
    d = x - y  # exactly 0 for equal maps, with or without fused multiply-adds
    sum_x, sum_y, sum_dd, sum_xy = ops.unstack(_window_sums(ops.stack([x, y, d * d, x * y]), window))
    mean_x, mean_y, mean_d = sum_x / pixels, sum_y / pixels, (sum_x - sum_y) / pixels
    e1 = mean_d * mean_d
    e2 = sample * (sum_dd / pixels - e1)
    a1 = 2 * mean_x * mean_y + c1
    a2 = 2 * sample * (sum_xy / pixels - mean_x * mean_y) + c2
    b1, b2 = a1 + e1, a2 + e2
    return ops.mean((e1 * a2 + e2 * b1) / (b1 * b2), axis=tuple(range(1, len(window) + 2)))


def _window_sums(maps: tf.Tensor, window: tuple[int, ...]) -> tf.Tensor:
    """Sums over all windows that lie in the image; maps of shape `(n, batch, *positions, channels)`."""
    for axis, side in enumerate(window, start=2):
        before = (slice(None),) * axis
        sums = maps[*before, : 1 - side or None]  # `or None`: a side of 1 has all
        for k in range(1, side):
            sums += maps[*before, k : k + 1 - side or None]
        maps = sums
    return maps
