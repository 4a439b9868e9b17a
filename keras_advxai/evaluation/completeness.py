"""Whether attributions add up to what they explain."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LIMIT = 0.05
"""Gaps above this part of the score's change are worth a warning."""


class Completeness(NamedTuple):
    """How far the attributions of an explainer miss the change of the score that they should add up to.

    Attributes:
        median: The median gap over all explanations, as a fraction of the change.
        largest: The largest of them.
        exceeded: The share of the explanations with a gap above 5 %.
    """

    median: float
    largest: float
    exceeded: float

    @classmethod
    def of(cls, gaps: np.ndarray) -> Completeness:
        """The summary of some relative gaps; those of broken models, which are NaN, are left out."""
        gaps = gaps[~np.isnan(gaps)]
        if not len(gaps):
            return cls(np.nan, np.nan, np.nan)
        return cls(float(np.median(gaps)), float(np.max(gaps)), float(np.mean(gaps > LIMIT)))


def relative_gaps(gap: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Gaps as fractions of the change of the score; 0 where there is no gap, infinite where there is no change.

    Args:
        gap: How far the sums of the attributions are from the change of the score.
        change: The change of the score, of the same shape.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.evaluation.completeness import relative_gaps
    >>> relative_gaps(np.array([0.1, 0.0, 0.1]), np.array([-2.0, 0.0, 0.0])).tolist()
    [0.05, 0.0, inf]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap == 0, 0.0, gap / np.abs(change))
