"""Functions of measurements as methods: of which of the measurements, and with which words."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
from made_measurements import COORDINATES, make_measurements

from keras_advxai.measurements.asking import figure


def of_condition(found, attack, epsilon=None, explainer="grad_cam"):
    """A figure of a condition.

    Args:
        found: What was measured.
        attack: The attack.
    """
    return found.coordinates.scale, attack, epsilon, explainer


def of_attack(found, attack, **more):
    """A figure of all epsilons."""
    return found.coordinates.scale, attack, more


def of_explainer(found, explainer, attack=None):
    """A figure of an explainer."""
    return found.coordinates.scale, explainer, attack


class Held:
    """Whatever holds measurements, some of them with an explainer that is called as a corruption is."""

    measurements = dataclasses.replace(
        make_measurements(), coordinates=dataclasses.replace(COORDINATES, explainers=("fog", "grad_cam", "saliency"))
    )
    of_condition = figure(of_condition)
    of_attack = figure(of_attack)
    of_explainer = figure(of_explainer)


def test_a_figure_of_an_attack_is_asked_of_all_measurements():
    assert Held().of_condition("ddn", 0.1) == ("epsilon", "ddn", 0.1, "grad_cam")
    assert Held().of_condition(attack="ddn", epsilon=0.1, explainer="fog") == ("epsilon", "ddn", 0.1, "fog")
    assert Held().of_condition(None) == ("epsilon", None, None, "grad_cam")
    with pytest.raises(TypeError, match="severity"):
        Held().of_condition("ddn", severity=1)  # which has none


def test_one_of_a_corruption_is_asked_of_what_was_measured_under_corruptions():
    expected = ("severity", "fog", 5, "grad_cam")
    for found in (
        Held().of_condition("fog", 5),
        Held().of_condition("fog", severity=5),
        Held().of_condition(attack="fog", severity=5),
        Held().of_condition("fog", epsilon=5),
    ):
        assert found == expected
    assert Held().of_attack("fog", severity=5) == ("severity", "fog", {"severity": 5})  # it has no epsilon to stand for


def test_an_explainer_of_that_name_is_no_corruption():
    assert Held().of_explainer("fog") == ("epsilon", "fog", None)
    assert Held().of_explainer(explainer="fog") == ("epsilon", "fog", None)
    assert Held().of_explainer("grad_cam", attack="fog") == ("epsilon", "grad_cam", "fog")


def test_it_is_documented_and_called_as_the_function_without_the_measurements():
    assert str(inspect.signature(Held.of_condition)) == "(self, attack, epsilon=None, explainer='grad_cam')"
    assert str(inspect.signature(Held().of_condition)) == "(attack, epsilon=None, explainer='grad_cam')"
    assert Held.of_condition.__name__ == "of_condition"
    assert inspect.getdoc(Held.of_condition) == "A figure of a condition.\n\nArgs:\n    attack: The attack."
