import math

import numpy as np
import pytest

from keras_advxai.cli.limits import broken
from keras_advxai.evaluation import Coordinates, EvaluationReport, Measurements


def _report(mods):
    """Two of four images are robust to the attack at 0.1, and three to the noise."""
    coordinates = Coordinates(
        ("fgsm", "uniform_noise"), ("grad_cam",), ("nissim",), ("predicted",), (0.05, 0.1), classes=2
    )
    predictions = [[0, 1, 0, 1], [0, 1, 0, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0, 1, 1, 1]]
    dissimilarity = np.array(mods, float)[None, None, None, :, :, None].repeat(4, -1)
    found = Measurements.of(coordinates, label=[0, 1, 0, 1], prediction=predictions, dissimilarity=dissimilarity)
    return EvaluationReport(found, {"model": "net", "aims": {"fgsm": "label", "uniform_noise": "noise"}})


MODS = [[0.1, 0.2], [0.3, 0.4]]  # of the attack, of the noise


def test_what_is_kept_is_not_spoken_of():
    assert broken(_report(MODS), None, None) == []
    assert broken(_report(MODS), 0.25, 0.2) == []


def test_the_accuracy_is_the_worst_case_at_the_largest_epsilon():
    assert broken(_report(MODS), 0.26, None) == [
        "The robust accuracy at 0.1 is 25.0 %, and --min-accuracy asks for 0.26."
    ]


def test_the_mod_is_the_largest_of_all_but_the_noise():
    (said,) = broken(_report(MODS), None, 0.19)
    assert said == "The MOD of grad_cam under fgsm at 0.1 is 0.200, and --max-mod allows 0.19."
    assert len(broken(_report(MODS), 0.9, 0)) == 2


@pytest.mark.parametrize("most", [0.0, 1.0])
def test_what_could_not_be_measured_is_not_kept(most):
    (said,) = broken(_report([[math.nan, math.nan], [0.1, 0.1]]), None, most)
    assert "could not be measured" in said
