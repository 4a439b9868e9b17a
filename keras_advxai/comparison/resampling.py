"""Figures of several models over the same resampled images, for intervals of their differences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_advxai.comparison.matching import Place
from keras_advxai.measurements.statistics import bootstrap_means


def resampled_means(values: Sequence[np.ndarray], places: Sequence[Place], seed: int) -> list[np.ndarray]:
    """For each evaluation, its means over resampled sets of images, the same sets for all that are of these images.

    Args:
        values: What was measured in each evaluation, `(conditions, images)`, in its own order of the images.
        places: Where the images of each lie.
        seed: Seed of the drawing; that of further sets of images, such as folds, follows it.

    Returns:
        Means, `(conditions, resamples)`, for each evaluation.
    """
    found: list[np.ndarray | None] = [None] * len(values)
    for images in sorted({place.images for place in places}):
        members = [index for index, place in enumerate(places) if place.images == images]
        together = np.stack([values[index][:, places[index].order] for index in members])
        for index, means in zip(members, bootstrap_means(together, seed + images), strict=True):
            found[index] = means
    return [means for means in found if means is not None]
