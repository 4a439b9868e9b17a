"""What explainers warn of."""

from __future__ import annotations


class BlankHeatmapWarning(UserWarning):
    """Some heatmaps show no evidence at all: they are zero everywhere, and cannot be compared."""


class NonFiniteOutputWarning(UserWarning):
    """The model's output is NaN or infinite for some images, so their heatmaps mean nothing."""
