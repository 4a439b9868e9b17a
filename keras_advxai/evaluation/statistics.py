"""Intervals: Wilson's for shares, the bootstrap's for MOD and VID."""

from __future__ import annotations

import math

import numpy as np

from keras_advxai.metrics import mod, vid

RESAMPLES = 1000
_ENTRIES_AT_A_TIME = 4_000_000


def bootstrap_mods(nissim: np.ndarray, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """MOD at every strength for resampled sets of images.

    The images are drawn with replacement from those that count, the same ones for all strengths, because
    the strengths were measured on the same images.

    Args:
        nissim: NISSIM, `(epsilons, images)`; NaN marks a pair that is left out.
        seed: Seed of the drawing.
        resamples: How many sets to draw. Defaults to 1000.

    Returns:
        MODs, `(resamples, epsilons)`.

    References:
        Efron and Tibshirani, "An introduction to the bootstrap", 1993.
    """
    nissim = nissim[:, ~np.isnan(nissim).any(axis=0)]
    levels, images = nissim.shape
    if not images:
        return np.full((resamples, levels), np.nan)
    generator = np.random.default_rng(seed)
    chunk = max(1, _ENTRIES_AT_A_TIME // (levels * images))
    found = []
    for start in range(0, resamples, chunk):
        drawn = generator.integers(0, images, (min(chunk, resamples - start), images))
        found.append(mod(nissim[:, drawn], axis=-1).T)
    return np.concatenate(found)


def mod_intervals(mods: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Percentile intervals of MOD, `(epsilons, 2)`, from `bootstrap_mods`; NaN where MOD is."""
    return _interval(mods, level).T


def vid_interval(mods: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of VID, from `bootstrap_mods`; NaN where VID is."""
    low, high = _interval(vid(mods), level)
    return float(low), float(high)


def wilson_interval(count: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval of a share, which is right also near 0 and 1 and for few images.

    Args:
        count: How many there are.
        total: Of how many; NaN is returned for none.
        z: The quantile of the normal distribution. Defaults to that of 95 %.

    Example:

    >>> from keras_advxai.evaluation.statistics import wilson_interval
    >>> [round(end, 3) for end in wilson_interval(0, 10)]
    [0.0, 0.278]

    References:
        Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    if not total:
        return math.nan, math.nan
    share = count / total
    center = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, center - half), min(1.0, center + half)


def _interval(values: np.ndarray, level: float) -> np.ndarray:
    tail = (1 - level) / 2
    found: np.ndarray = np.quantile(values, [tail, 1 - tail], axis=0)
    return found


def sign_test(first: int, second: int) -> float:
    """The two-sided probability that a fair coin falls as unevenly as this, or more so.

    Args:
        first: How often one thing happened.
        second: How often the other did.

    Example:

    >>> from keras_advxai.evaluation.statistics import sign_test
    >>> sign_test(6, 0), sign_test(4, 4)
    (0.03125, 1.0)
    """
    total = first + second
    tail = sum(math.comb(total, count) for count in range(min(first, second) + 1))
    return min(1.0, 2 * tail / 2**total)
