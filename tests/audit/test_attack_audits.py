"""Checks that attack again, on a linear model, of which every number is worked out by hand."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from helpers import linear_model

import keras_advxai as kax
from keras_advxai.attacks import FGSM, PGD, UniformNoise
from keras_advxai.audit.attacks import depends_on_scale, epsilon_zero_differs, full_range, more_steps
from keras_advxai.audit.context import AuditContext
from keras_advxai.measurements import Coordinates, Measurements

EPSILON = 0.1
SHORT = PGD(steps=1, step_size=0.25, start="zero")
"""It changes each pixel by a quarter of epsilon, which lowers a lead by half of epsilon."""
# The class of the brighter one of two pixels: how far it leads, for three images that fall to twice the steps, and five
# that do not even at the whole range in one step of a quarter.
LEADS = np.array([0.075, 0.075, 0.075, 0.6, 0.6, 0.6, 0.6, 0.6])


@functools.cache
def linear(scale: float) -> kax.ImageClassifier:
    """The logits are the two pixels, times a number. One for all tests, so that each attack is traced once."""
    return kax.ImageClassifier(linear_model(scale * np.eye(2), (1, 2, 1)))


def context(attack, *, robust=True, leads=LEADS, scale=1.0) -> AuditContext:
    """Images of class 0, all of which the evaluation found robust, or none."""
    x = np.stack([0.5 + leads / 2, 0.5 - leads / 2], axis=1).astype("float32").reshape(-1, 1, 2, 1)
    known = Coordinates((attack.name,), (), ("nissim",), ("predicted",), (EPSILON,), classes=2)
    none = np.zeros(len(leads), "int32")
    measured = Measurements.of(known, label=none, prediction=[none, none if robust else none + 1])
    settings = kax.EvaluationSettings(attacks=[attack], explainers=(), epsilons=(EPSILON,), noise_control=False)
    return AuditContext.of(linear(scale), measured, settings, [(x, none)])


def test_twice_the_steps_succeed_where_the_lead_is_within_twice_the_way():
    (said,) = more_steps(context(SHORT))
    assert said.startswith(
        f"With twice the steps and restarts, {SHORT.name} turns 3 of 8 images at epsilon 0.1 on which no attack"
    )
    assert "robust accuracy would be lower by 37.5 %. " in said
    # One image may lie on the edge.
    assert not list(more_steps(context(SHORT, leads=LEADS[2:])))
    assert not list(more_steps(context(SHORT, robust=False)))  # they have fallen already
    assert not list(more_steps(context(FGSM())))  # of one step there is no twice


def test_at_the_whole_range_what_withstands_a_quarter_of_it_is_counted():
    (said,) = full_range(context(SHORT))
    assert "5 of 8 images are robust to all iterative attacks (linf): these do not find what is there." in said
    assert not list(full_range(context(SHORT, leads=LEADS[:4])))  # one image
    assert not list(full_range(context(PGD(steps=4, step_size=0.25, start="zero"))))
    assert not list(full_range(context(SHORT, robust=False)))
    for attack in (FGSM(), UniformNoise()):  # in one step it may go too far, and noise does not aim
        assert not list(full_range(context(attack)))


@pytest.mark.parametrize("loss", ["cross_entropy", "log_odds"])
def test_cross_entropy_finds_more_on_a_tenth_of_logits_on_which_it_underflows(loss):
    # A gap of 225: the gradient of cross-entropy is exp(-225), which is 0 in float32.
    large = {"leads": LEADS[:1].repeat(8), "scale": 3000.0, "robust": loss == "cross_entropy"}
    said = list(depends_on_scale(context(FGSM(loss=loss), **large)))
    if loss == "log_odds":
        assert not said
        return
    assert said[0].startswith(
        "With the logits times 0.1, which changes no prediction, fgsm_cross_entropy would leave 0 instead of 8 of "
        "8 images robust at epsilon 0.1: what it finds depends on the scale of the logits. "
    )
    assert len(said) == 1
    # Five of five may be chance: one in 16, on both sides.
    assert not list(depends_on_scale(context(FGSM(loss=loss), **{**large, "leads": LEADS[:1].repeat(5)})))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_budget_of_zero_changes_nothing(norm):
    assert not list(epsilon_zero_differs(context(FGSM(norm=norm))))
