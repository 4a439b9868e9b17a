"""BIM, a preset of PGD."""

from __future__ import annotations

import linear_models as linear
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.attacks import BIM, PGD


@pytest.mark.slow
def test_it_is_pgd_from_the_image_in_steps_that_add_up_to_the_budget(model, few):
    for norm in ("linf", "l2"):
        for options in ({}, {"loss": "margin"}, {"keep": "last"}, {"targeted": True}, {"steps": 4, "step_size": 0.4}):
            same = PGD(norm=norm, **{"step_size": 1 / 10, "start": "zero", **options})
            np.testing.assert_allclose(BIM(norm=norm, **options)(model, *few, 0.1), same(model, *few, 0.1), atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_of_two_linear_classes_it_reaches_the_optimum(norm):
    x, y, kernel = linear.images(), np.arange(12) % 2, linear.weights(2)
    found = BIM(norm=norm, keep="last")(linear.model(kernel), x, y, 0.1)
    np.testing.assert_allclose(found, linear.optimum(x, y, kernel, 0.1, norm), atol=1e-5)


def test_its_options_are_its_own():
    attack = BIM(norm="l2", steps=3)
    config = {"norm": "l2", "loss": "log_odds", "targeted": False, "steps": 3, "step_size": None, "keep": None}
    assert attack.get_config() == {**config, "samples": 1}
    assert BIM() != PGD()
    assert kax.attacks.get("bim") == BIM()
    with pytest.raises(TypeError, match="restarts"):
        BIM(restarts=2)
    with pytest.raises(ValueError, match="`steps` must be"):
        BIM(steps=0)
