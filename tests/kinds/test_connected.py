"""Models that take more than one input, and models that use a layer more than once."""

from __future__ import annotations

import numpy as np
import pytest

from kinds import CONNECTED, Case
from kinds.connected import CALLED_EARLIER, SHARED_BACKBONE
from kinds.contract import Explained, each


@each(CONNECTED)
class TestConnected(Explained):
    """Attacks, explanations and evaluations."""


def heatmaps(kind: str, x: list) -> np.ndarray:
    case = Case(CONNECTED[kind])
    return case.explainer(case.classifier, x)


def test_the_heatmaps_of_a_siamese_model_are_those_of_the_chosen_image():
    left, right = CONNECTED["siamese_left"].x
    of_left, of_right = heatmaps("siamese_left", [left, right]), heatmaps("siamese_right", [left, right])
    assert np.abs(of_left - of_right).max(axis=(1, 2, 3)).min() > 0.1
    np.testing.assert_allclose(heatmaps("siamese_right", [right, left]), of_left, atol=1e-5)
    np.testing.assert_allclose(heatmaps("siamese_left", [right, left]), of_right, atol=1e-5)


@pytest.mark.parametrize(
    ("earlier", "later", "side_by_side"),
    [
        (CONNECTED["shared_layer_called_earlier"], CONNECTED["shared_layer"], False),
        (CALLED_EARLIER, SHARED_BACKBONE, True),
    ],
    ids=["a layer", "a backbone"],
)
@pytest.mark.filterwarnings("ignore:The classes of the model .* are computed from several feature maps")
def test_every_call_of_a_layer_can_be_explained_by_itself(earlier, later, side_by_side):
    earlier, later = Case(earlier), Case(later)
    layer = later.kind.layer
    names = [info.name for info in later.classifier.layers()]
    assert [name for name in names if name.split(":")[0] == layer] == [f"{layer}:1", layer]
    maps = []
    for case in (earlier, later):
        maps.append(case.explainer(case.classifier, case.kind.x))
        np.testing.assert_allclose(maps[-1], case.heatmaps(), atol=1e-5)
    assert np.abs(maps[0] - maps[1]).max(axis=(1, 2, 3)).min() > 0.1
    assert later.classifier.topology(later.kind.x.shape[1:]).unmerged == ((f"{layer}:1",) if side_by_side else ())
