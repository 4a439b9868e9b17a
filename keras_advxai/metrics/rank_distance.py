"""Whether two heatmaps rank the pixels in the same order."""

from __future__ import annotations

import numpy as np

from keras_advxai.metrics.registry import register


# TensorFlow sorts ten times as slowly as NumPy does on a CPU, and has no ranks with ties.
@register(upper=1, numpy=True)
def rank_distance(heatmaps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Half of one minus Spearman's rank correlation of every pair of heatmaps: `(1 - rho) / 2`.

    0 means that both rank the pixels in the same order, 0.5 that the ranks are uncorrelated, 1 that one order is the
    reverse of the other. Pixels of equal value share the mean of their ranks. Nothing but the order counts: a map and
    its square are at 0, so it is of use where normalisation or contrast must not matter. Where a map lies does not
    count more than any other difference: two small spots a pixel apart may be as far as two at opposite ends.

    A map whose values are all the same, blank (all zeros), constant or of a single position, ranks nothing. Two of
    these are at 0, whatever their values; one of these and any other map at 0.5.

    Args:
        heatmaps: Heatmaps with values in [0, 1], shape `(batch, *positions, 1)`, such as `(batch, height, width, 1)`.
        others: Heatmaps to compare with, of the same shape.

    Returns:
        float64 values in [0, 1], shape `(batch,)`.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.metrics import rank_distance
    >>> ramp = np.array([0.0, 0.25, 0.5, 1.0]).reshape(1, 2, 2, 1)
    >>> rank_distance(ramp, ramp[:, ::-1])  # the ranks 1 2 3 4 and 3 4 1 2
    array([0.8])

    References:
        - [Adebayo et al. 2018, Sanity checks for saliency maps](https://arxiv.org/abs/1810.03292)
        - Spearman 1904, The proof and measurement of association between two things, American Journal of Psychology 15
    """
    return np.array([_distance(first.ravel(), second.ravel()) for first, second in zip(heatmaps, others, strict=True)])


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    a, b = _unit_ranks(first), _unit_ranks(second)
    ranked = bool(a.any()) + bool(b.any())  # a constant map ranks nothing
    if ranked < 2:
        return 0.5 * ranked
    # 1 - rho is half the squared difference of unit vectors: exactly 0 for equal ranks, and no digits lost to a 1.
    return min(float(np.square(a - b).sum()) / 4, 1.0)


def _unit_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks with ties averaged, less their mean, as a vector of length 1; zeros where all values are the same."""
    order = np.argsort(values)
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.append(starts[1:], len(values))
    ranks = np.empty(len(values))
    # Twice the rank less twice the mean rank is a whole number, so that nothing is rounded before the length.
    ranks[order] = np.repeat(starts + ends - len(values), ends - starts)
    length = np.sqrt(np.square(ranks).sum())  # not by BLAS, whose threads wait for those of TensorFlow
    return ranks / length if length else ranks
