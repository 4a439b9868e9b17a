"""What explainers warn of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keras_advxai._warnings import warn


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
        warn(
            f"{wrong.sum()} of {wrong.size} heatmaps of {who!r} are NaN (image {np.flatnonzero(wrong)[0]} the first), "
            "though the model's output is finite: a gradient is not, as that of a root or a logarithm at 0. Add a "
            "small number to what it is taken of.",
            NonFiniteHeatmapWarning,
            stacklevel=4,  # the line that called the explainer
        )


def warn_of_output(finite: np.ndarray, who: object) -> None:
    """Warn of images for which the model's output is NaN or infinite.

    What becomes of NaN is another matter for each explainer: NaN, or a blank heatmap.

    Args:
        finite: For which images it is finite, `(batch,)` bool.
        who: The explainer, for the message.
    """
    if not finite.all():
        warn(
            f"The model's output is NaN or infinite for {(~finite).sum()} of {finite.size} images (image "
            f"{np.flatnonzero(~finite)[0]} the first), so {who!r} has nothing to explain there. Look for the "
            "operation that is undefined, or, after a training that diverged, at the weights.",
            NonFiniteOutputWarning,
            stacklevel=5,  # the line that called the explainer
        )


def warn_of_blank(maps: np.ndarray, who: object, way_out: Callable[[], str]) -> None:
    """Warn of heatmaps that are zero everywhere.

    Args:
        maps: Heatmaps, `(batch, ...)`.
        who: The explainer, for the message.
        way_out: Says what to do about it, in a sentence or in none.
    """
    blank = ~maps.any(axis=tuple(range(1, maps.ndim)))
    if blank.any():
        advice = way_out()
        warn(
            f"{blank.sum()} of {blank.size} heatmaps of {who!r} are blank (image {np.flatnonzero(blank)[0]} the "
            f"first): they show no evidence for the class. They are zero everywhere.{advice and ' '}{advice}",
            BlankHeatmapWarning,
            stacklevel=4,  # the line that called the explainer
        )
