"""Why a drift could not be measured, in words, for whoever watches a training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_advxai.measurements.measurements import Measurements


def cause_text(found: Measurements, earlier: Mapping[int, Measurements]) -> str:
    """Why there is no MOD: the outputs are not finite, and since when, or else the clean heatmaps are blank.

    Args:
        found: What was measured after the last epoch.
        earlier: What was measured after each epoch, from 0, that one among them.

    Returns:
        A clause, in which epochs are counted from 1, as Keras shows them.
    """
    count = int(np.sum(found.at("prediction") < 0))
    if not count:
        return "Every heatmap of the clean images is blank"
    last = max((epoch for epoch, each in earlier.items() if each is found), default=0)
    since = last
    for epoch in sorted((epoch for epoch in earlier if epoch < last), reverse=True):
        if not np.any(earlier[epoch].at("prediction") < 0):
            break
        since = epoch
    return f"The model's outputs are NaN or infinite since epoch {since + 1}, for {count} of {len(found)} clean images"
