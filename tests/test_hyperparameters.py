"""What attacks and explainers are built with: given by name, and the least and the largest of whole numbers."""

from __future__ import annotations

import inspect
import numbers

import pytest

from keras_advxai import attacks, contrib, explainers

BY_PLACE = {"Ensemble": ["attacks"], "CleverHans": ["method"], "TFKerasVis": ["method"]}
"""What may be given without its name."""

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

CLASSES = (*attacks.ALL_OBJECTS, *explainers.ALL_OBJECTS)
CASES = [
    pytest.param(cls, name, id=f"{cls.__name__}-{name}")
    for cls in CLASSES
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


@pytest.mark.parametrize("cls", [*CLASSES, *contrib.ALL_OBJECTS], ids=lambda cls: cls.__name__)
def test_all_are_given_by_name(cls):
    """So that another one may be put in between."""
    _, *given = inspect.signature(cls.__init__).parameters.values()
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    assert [parameter.name for parameter in given if parameter.kind not in named] == BY_PLACE.get(cls.__name__, [])
