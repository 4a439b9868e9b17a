"""Bootstrap intervals for MOD and VID."""

from __future__ import annotations

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


def _interval(values: np.ndarray, level: float) -> np.ndarray:
    tail = (1 - level) / 2
    found: np.ndarray = np.quantile(values, [tail, 1 - tail], axis=0)
    return found
