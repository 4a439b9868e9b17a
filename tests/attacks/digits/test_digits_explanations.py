"""What an attack on the explanation reaches on three CNNs."""

from __future__ import annotations

import digits
import numpy as np
import pytest

import keras_advxai as kax

KINDS = ["plain", "overconfident", "adversarial"]


@pytest.mark.slow
@pytest.mark.parametrize("norm", digits.EPSILONS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_label_stays_and_the_heatmaps_move_three_times_as_far_as_under_noise(kind, norm, models, images):
    model, epsilon = models[kind], digits.EPSILONS[norm]
    attack = kax.attacks.ExplanationPGD(norm=norm)
    found = kax.evaluate(model, images, attacks=attack, epsilons=(epsilon,), batch_size=64, progress=False)
    aimed, noise = (found.mod(name, "grad_cam", epsilon) for name in found.attacks)
    assert aimed >= 3 * noise > 0
    assert found.flip_rate(attack, epsilon) == 0


@pytest.mark.slow
@pytest.mark.parametrize("norm", digits.EPSILONS)
def test_the_model_itself_says_that_every_label_stays(norm, models, images):
    model, (x, _), epsilon = models["plain"], images, digits.EPSILONS[norm]
    found = kax.attacks.ExplanationPGD(norm=norm)(model, x, epsilon=epsilon)
    assert digits.within(x, found, norm, epsilon).all()
    np.testing.assert_array_equal(digits.predictions(model, found), digits.predictions(model, x))
