"""Models of several labels: attacks that raise all labels alike, which is no sign of masked gradients."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.checks import Evidence, findings
from keras_advxai.evaluation import Coordinates, Measurements

L = keras.layers
FGSM = kax.attacks.FGSM
ID = "log-odds-of-all-labels"


@pytest.fixture(scope="module")
def easy_and_hard():
    """A linear model whose first label is far from its boundary, with a large gradient, and whose second is near."""
    model = keras.Sequential([L.Input((2, 2, 1)), L.Flatten(), L.Dense(2, activation="sigmoid")])
    kernel = np.array([[8.0, -1], [8, -1], [8, -1], [8, -1]])
    model.set_weights([kernel, np.array([4.0, 2.2])])  # at 0.5, logits of 20 and of 0.2
    return model, np.full((4, 2, 2, 1), 0.5, "float32"), np.ones((4, 2), int)


def run(model, data, attacks, **settings):
    given = {"explainers": (), "epsilons": (0.1,), "noise_control": False, "progress": False, **settings}
    report = kax.evaluate(model, data, attacks=attacks, labels="multi", **given)
    return report, {finding.id: finding for finding in report.warnings}


def test_log_odds_leave_all_labels_right_where_cross_entropy_does_not(easy_and_hard):
    model, x, y = easy_and_hard
    log_odds, said = run(model, (x, y), "fgsm")
    assert log_odds.exact_accuracy("fgsm", 0.1) == 1
    assert said[ID].severity == "warning"
    assert said[ID].startswith("fgsm raises the log-odds of all labels alike")
    both, said = run(model, (x, y), ["fgsm", FGSM(loss="cross_entropy")])
    assert both.exact_accuracy(FGSM(loss="cross_entropy"), 0.1) == 0
    assert ID not in said


def test_weaker_attacks_are_not_blamed_on_masked_gradients(easy_and_hard):
    model, x, y = easy_and_hard
    _, said = run(model, (x, y), [kax.attacks.BIM(steps=2), FGSM(loss="cross_entropy")])
    assert (
        "Its loss raises the log-odds of all labels alike; pass loss='cross_entropy'" in said["weaker-than-single-step"]
    )
    assert not any("masked" in finding for finding in said.values())


def evidence(*attacks, several=True):
    """Attacks that succeed on no image, but for noise and those without gradients, which succeed on all."""
    names = tuple(attack.name for attack in attacks)
    coordinates = Coordinates(names, (), ("nissim",), ("predicted",), (0.1,), classes=2)
    labels = np.ones((2, 120), bool)
    wins = [False, *(not attack.uses_gradients for attack in attacks)]
    said = np.stack([~labels if win else labels for win in wins], axis=1)
    sets = {"true_labels": labels, "predicted_labels": said} if several else {}
    prediction = np.where(np.asarray(wins)[:, None], 0, np.ones((1, 120), int))
    found = Measurements.of(coordinates, label=np.ones(120, int), prediction=prediction, **sets)
    return {finding.id: finding for finding in findings(Evidence(found, attacks))}


class BlackBox(kax.attacks.Attack):
    def perturb(self, model, x, y, epsilon, forward):
        return x


@pytest.mark.parametrize("other", [BlackBox(), kax.attacks.UniformNoise()], ids=lambda attack: attack.name)
def test_the_siblings_are_not_blamed_either(other):
    id = "black-box-stronger" if isinstance(other, BlackBox) else "weaker-than-noise"
    alike = evidence(FGSM(), other)[id]
    assert "raises the log-odds of all labels alike" in alike
    assert "masked" not in alike
    assert "masked" in evidence(FGSM(loss="cross_entropy"), other)[id]
    assert "masked" in evidence(FGSM(), other, several=False)[id]


def test_one_class_and_one_label_have_no_such_finding(easy_and_hard):
    _, x, y = easy_and_hard
    softmax = keras.Sequential([L.Input((2, 2, 1)), L.Flatten(), L.Dense(2, activation="softmax")])
    report = kax.evaluate(softmax, x, explainers=(), epsilons=(0.1,), noise_control=False, progress=False)
    assert ID not in [finding.id for finding in report.warnings]
    one = keras.Sequential([L.Input((2, 2, 1)), L.Flatten(), L.Dense(1, activation="sigmoid")])
    assert ID not in run(one, (x, y[:, :1]), "fgsm")[1]
