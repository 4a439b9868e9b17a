"""Intervals and tests, by SciPy: Wilson's for shares, the bootstrap's for MOD and VID, the sign test."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import stats

from keras_advxai.metrics import mod, vid

RESAMPLES = 1000
_ENTRIES_AT_A_TIME = 4_000_000


def bootstrap_mods(values: np.ndarray, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """MOD at every epsilon for resampled sets of images.

    The images are drawn with replacement from those that count, the same ones for all epsilons, because the epsilons
    were measured on the same images.

    Args:
        values: Dissimilarities, `(epsilons, images)`; NaN marks a pair that is left out.
        seed: Seed of the drawing.
        resamples: How many sets to draw. Defaults to 1000.

    Returns:
        MODs, `(resamples, epsilons)`.

    References:
        Efron and Tibshirani, "An introduction to the bootstrap", 1993.
    """
    # Whole images are drawn, so one that is left out at any epsilon cannot take part.
    values = values[:, ~np.isnan(values).any(axis=0)]
    return bootstrap_means(values, seed, resamples).T


def bootstrap_means(values: np.ndarray, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """Means over resampled sets of images, of several things that were measured of the same images.

    The images are drawn with replacement, the same ones for everything: so what two models have in common, as images
    that are hard for both, cancels out of the difference of their means.

    Args:
        values: What was measured, `(..., images)`; NaN marks an image that is left out of that mean.
        seed: Seed of the drawing.
        resamples: How many sets to draw. Defaults to 1000.

    Returns:
        Means, `(..., resamples)`.

    References:
        Efron and Tibshirani, "An introduction to the bootstrap", 1993.
    """
    images = values.shape[-1]
    if images < 2:  # of one image every set consists of it alone, which SciPy refuses to draw
        return np.broadcast_to(mod(values)[..., None], (*values.shape[:-1], resamples))
    drawn = stats.bootstrap(
        (values,),
        _sums_and_counts,  # and not means, which are NaN where no image is left: SciPy warns of these
        n_resamples=resamples,
        # 1,000 sets of 20,000 images at five epsilons would be 800 MB.
        batch=max(1, _ENTRIES_AT_A_TIME // max(1, values.size)),
        vectorized=True,
        axis=-1,
        method="percentile",
        rng=np.random.default_rng(seed),  # a report of the same data and seed has the same intervals
    )
    sums, counts = drawn.bootstrap_distribution
    with np.errstate(invalid="ignore"):
        means: np.ndarray = sums / counts
    return means


def _sums_and_counts(values: np.ndarray, axis: int) -> np.ndarray:
    """What `mod` divides, `(2, ...)`."""
    missing = np.isnan(values)
    if not missing.any():  # nearly always, and bit for bit the same
        total = np.sum(values, axis=axis)
        return np.stack([total, np.full(total.shape, values.shape[axis])])
    return np.stack([np.nansum(values, axis=axis), np.sum(~missing, axis=axis)])


def percentile_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of what a bootstrap found, `(resamples,)`; NaN where that has one.

    Args:
        values: One value for each set of images.
        level: How often such intervals hold the true value. Defaults to 0.95.
    """
    low, high = _interval(values, level)
    return float(low), float(high)


def mod_intervals(mods: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Percentile intervals of MOD, `(epsilons, 2)`, from `bootstrap_mods`; NaN where MOD is."""
    return _interval(mods, level).T


def vid_interval(mods: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of VID, from `bootstrap_mods`; NaN where VID is."""
    low, high = _interval(vid(mods), level)
    return float(low), float(high)


def wilson_interval(count: float, total: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share, which is right also near 0 and 1 and for few images.

    Args:
        count: How many there are; of shares that are no matter of yes or no, their sum.
        total: Of how many; NaN is returned for none.
        level: How often such intervals hold the true share. Defaults to 0.95.

    Example:

    >>> from keras_advxai.measurements.statistics import wilson_interval
    >>> [round(end, 3) for end in wilson_interval(0, 10)]
    [0.0, 0.278]

    References:
        Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    if not total:
        return math.nan, math.nan
    if count != int(count):  # SciPy's formula, which it has for integers alone
        z, share = float(stats.norm.ppf((1 + level) / 2)), count / total
        middle, half = share + z**2 / (2 * total), z * math.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
        return (middle - half) / (1 + z**2 / total), (middle + half) / (1 + z**2 / total)
    return _wilson_interval(int(count), int(total), level)


# Tables, charts and words ask for the same ones, and SciPy computes a probability each time that nobody asked for.
@functools.lru_cache(maxsize=4096)
def _wilson_interval(count: int, total: int, level: float) -> tuple[float, float]:
    interval = stats.binomtest(count, total).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)


def sign_test(first: int, second: int) -> float:
    """The two-sided probability that a fair coin falls as unequally as this, or more so.

    Args:
        first: How often one thing happened.
        second: How often the other did.

    Example:

    >>> from keras_advxai.measurements.statistics import sign_test
    >>> sign_test(6, 0), sign_test(4, 4)
    (0.03125, 1.0)
    """
    return float(stats.binomtest(first, first + second).pvalue) if first + second else 1.0


def _interval(values: np.ndarray, level: float) -> np.ndarray:
    tail = (1 - level) / 2
    found: np.ndarray = np.quantile(values, [tail, 1 - tail], axis=0)
    return found
