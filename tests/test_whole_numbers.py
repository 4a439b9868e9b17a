"""Whole numbers that attacks and explainers are built with: the least and the largest that each one takes."""

from __future__ import annotations

import inspect
import numbers

import pytest

from keras_advxai import attacks, explainers

MOST = 2**31 - 1
LEAST = {
    "candidates": 1,
    "draws": 1,
    "internal_batch_size": 1,
    "max_channels": 1,
    "max_steps": 7,
    "queries": 1,
    "restarts": 1,
    "samples": 1,
    "steps": 1,
    "targets": 1,
}
BESIDE = {"max_steps": {"steps": "auto"}, "draws": {"baseline": "noise"}}
"""What an argument has an effect with alone."""

CASES = [
    pytest.param(cls, name, id=f"{cls.__name__}-{name}")
    for cls in (*attacks.ALL_OBJECTS, *explainers.ALL_OBJECTS)
    for name, parameter in inspect.signature(cls.__init__).parameters.items()
    if name in LEAST or (isinstance(parameter.default, numbers.Integral) and not isinstance(parameter.default, bool))
]


@pytest.mark.parametrize(("cls", "name"), CASES)
def test_the_least_and_the_largest_are_taken_and_those_beyond_refused(cls, name):
    least = LEAST[name] if name != "seed" else 0 if cls in explainers.ALL_OBJECTS else -(2**31)
    most = 16383 if name == "max_steps" else MOST
    beside = BESIDE.get(name, {})
    for number in (least, most):
        assert getattr(cls(**{name: number}, **beside), name) == number
    for number in (least - 1, most + 1):
        with pytest.raises(ValueError, match=rf"Argument `{name}` must be .*Received: {name}={number}"):
            cls(**{name: number}, **beside)
