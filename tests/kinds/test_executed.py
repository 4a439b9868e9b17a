"""The same network, run in other ways: subclassed, compiled, rematerialised, in half precision, at an open size."""

from __future__ import annotations

import numpy as np
import pytest

from kinds import EXECUTED, Case
from kinds.contract import Explained, each


@each(EXECUTED)
class TestExecuted(Explained):
    """Attacks, explanations and evaluations."""


@pytest.mark.parametrize("kind", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_not_found_in_heatmaps_and_adversarial_images(kind):
    case = Case(EXECUTED[kind])
    assert case.model(case.kind.x[:1]).dtype == "float32"
    assert case.model.get_layer("last").compute_dtype == kind.removeprefix("mixed_")
    maps = case.explainer(case.classifier, case.kind.x)
    assert maps.dtype == np.float32
    assert (np.abs(maps - case.heatmaps()) > 1e-5).any()
