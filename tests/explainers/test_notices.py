"""What is said of heatmaps that mean nothing: of which images, and what to do."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

from keras_advxai.explainers.notices import (
    BlankHeatmapWarning,
    NonFiniteHeatmapWarning,
    NonFiniteOutputWarning,
    warn_of_blank,
    warn_of_nan,
    warn_of_output,
)

MAPS = np.ones((4, 2, 2, 1), "float32")
MAPS[1], MAPS[3] = 0, 0
MAPS[2, 0, 0] = np.nan


@pytest.mark.parametrize("advice", ["Pass relu=False.", ""])
def test_blank_heatmaps_and_the_way_out(advice):
    text = (
        "2 of 4 heatmaps of 'it' are blank (image 1 the first): they show no evidence for the class. They are zero "
        "everywhere."
    )
    with pytest.warns(BlankHeatmapWarning, match=f"^{re.escape(f'{text} {advice}'.strip())}$"):
        warn_of_blank(MAPS, "it", lambda: advice)


def test_nan_is_told_of_where_the_output_is_none():
    with pytest.warns(NonFiniteHeatmapWarning, match=r"^1 of 4 heatmaps of 'it' are NaN \(image 2 the first\), though"):
        warn_of_nan(MAPS, np.array([True, False, True, True]), "it")


def test_outputs_that_are_none_are_counted():
    with pytest.warns(NonFiniteOutputWarning, match=r"infinite for 2 of 4 images \(image 1 the first\), so 'it' has "):
        warn_of_output(np.array([True, False, False, True]), "it")


def test_nothing_is_said_of_what_is_sound():
    def never() -> str:
        raise AssertionError("it takes a look at the model")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_blank(MAPS[:1], "it", never)
        warn_of_nan(MAPS, np.array([True, True, False, True]), "it")
        warn_of_output(np.array([True, True]), "it")
