"""Whether explanations depend on what a model has learned: heatmaps of it beside those of re-drawn weights."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from keras_advxai.measurements.row import pandas
from keras_advxai.tables import Tabulated

LIMIT = 0.2
"""The share of chance up to which heatmaps count as the same."""
_SAME = 1e-3
"""A dissimilarity that counts as none where there is no chance to compare it with."""


@dataclasses.dataclass(frozen=True, eq=False)
class Randomization(Tabulated):
    """How far heatmaps change when weights are re-drawn, from the head downwards. Printed, it is a table.

    Attributes:
        model: Name of the model.
        metric: Name of the dissimilarity.
        images: How many images were explained.
        explainers: Names of the explainers.
        layers: The lowest layer that was re-drawn at each depth; all those above it were re-drawn, too.
        dissimilarity: The mean dissimilarity from the heatmaps of the model itself, `(explainers, depths)`; NaN where
            one of the two is blank on every image.
        rank_correlation: The mean rank correlation with them, `(explainers, depths)`.
        blank: The share of the heatmaps that are blank, `(explainers, depths)`.
        chance: The mean dissimilarity between the model's own heatmaps of different images, `(explainers,)`; NaN of one
            image.
    """

    model: str
    metric: str
    images: int
    explainers: tuple[str, ...]
    layers: tuple[str, ...]
    dissimilarity: np.ndarray
    rank_correlation: np.ndarray
    blank: np.ndarray
    chance: np.ndarray

    @property
    def relative(self) -> np.ndarray:
        """The dissimilarity as a share of chance, `(explainers, depths)`; NaN where chance is 0 or not known."""
        known = np.where(self.chance > 0, self.chance, np.nan)
        share: np.ndarray = self.dissimilarity / known[:, None]
        return share

    @property
    def insensitive(self) -> tuple[str, ...]:
        """The explainers whose heatmaps stay the same with all weights re-drawn: up to a fifth of chance apart."""
        limits = np.fmax(LIMIT * self.chance, _SAME)
        same = self.dissimilarity[:, -1] <= limits  # NaN, of blank heatmaps, is not
        return tuple(name for name, flag in zip(self.explainers, same, strict=True) if flag)

    def to_dataframe(self) -> Any:
        """One row for each depth and one column for each explainer, as a `pandas.DataFrame` of dissimilarities.

        Raises:
            ImportError: pandas is not installed.
        """
        index = pandas().Index(self.layers, name="down to layer")
        return pandas().DataFrame(self.dissimilarity.T, index=index, columns=list(self.explainers))
