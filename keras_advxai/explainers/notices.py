"""What explainers warn of."""

from __future__ import annotations

import warnings

import numpy as np


class BlankHeatmapWarning(UserWarning):
    """Some heatmaps show no evidence at all: they are zero everywhere, and cannot be compared."""


class NonFiniteOutputWarning(UserWarning):
    """The model's output is NaN or infinite for some images, so their heatmaps mean nothing."""


class NonFiniteHeatmapWarning(UserWarning):
    """Some heatmaps are NaN though the model's output is finite, as where a gradient is."""


def warn_of_nan(maps: np.ndarray, finite: np.ndarray, who: object) -> None:
    """Warn of maps that are NaN or infinite where the model's output is not.

    Args:
        maps: Heatmaps, `(batch, ...)`.
        finite: For which images the model's output is finite, `(batch,)` bool.
        who: The explainer, for the message.
    """
    wrong = finite & ~np.isfinite(maps).all(axis=tuple(range(1, maps.ndim)))
    if wrong.any():
        warnings.warn(
            f"{wrong.sum()} of {wrong.size} heatmaps of {who!r} are NaN (image {np.flatnonzero(wrong)[0]} the first), "
            "though the model's output is finite: a gradient is not, as that of a root or a logarithm at 0. Add a "
            "small number to what it is taken of.",
            NonFiniteHeatmapWarning,
            stacklevel=4,  # the line that called the explainer
        )
