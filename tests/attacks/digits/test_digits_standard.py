"""The ensembles on three CNNs: how near they come to what much longer runs reach."""

from __future__ import annotations

import functools

import digits
import numpy as np
import pytest
from helpers import slow

from keras_advxai.attacks import FGSM, PGD, Ensemble

KINDS = ["plain", slow("overconfident"), slow("adversarial")]


@pytest.fixture(scope="module")
def standard(models, images):
    """By kind and norm, the images that `standard` returns, each computed once."""

    @functools.cache
    def found(kind: str, norm: str) -> np.ndarray:
        return Ensemble.preset("standard", norm=norm)(models[kind], *images, digits.EPSILONS[norm])

    return found


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "norm"), [("plain", "l2"), ("overconfident", "linf"), ("adversarial", "linf")])
def test_long_runs_with_many_restarts_get_one_image_more_misclassified_at_most(kind, norm, standard, models, images):
    model, (x, y), epsilon = models[kind], images, digits.EPSILONS[norm]
    assert digits.within(x, standard(kind, norm), norm, epsilon).all()
    stands = digits.standing(model, x, y, standard(kind, norm))
    common = {"norm": norm, "start": "uniform", "schedule": "cosine", "steps": 50, "step_size": 1.0, "seed": 1}
    attack = Ensemble(
        [
            PGD(restarts=8, loss="margin", **common),
            PGD(restarts=4, loss="dlr", **common),
        ]
    )
    longer = attack(model, x[stands], y[stands], epsilon)
    assert digits.standing(model, x[stands], y[stands], longer).sum() >= stands.sum() - 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_attack_is_at_least_as_strong_as_the_one_before(kind, standard, models, images):
    model = models[kind]
    found = [attack(model, *images, 0.1) for attack in (FGSM(), PGD())]
    left = [digits.standing(model, *images, adversarial).sum() for adversarial in (*found, standard(kind, "linf"))]
    assert left == sorted(left, reverse=True)
    assert left[0] > left[-1]


@pytest.mark.slow
def test_adversarial_training_helps_and_confidence_is_not_robustness(standard, models, images):
    left = {kind: digits.standing(model, *images, standard(kind, "linf")).mean() for kind, model in models.items()}
    assert left["adversarial"] > 0.5
    assert max(left["plain"], left["overconfident"]) < 0.4
    lead = np.sort(models["overconfident"].predict(images[0], verbose=0))
    assert np.median(lead[:, -1] - lead[:, -2]) > 10
