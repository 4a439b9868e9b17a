"""What describes something is not changed after it was made."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re

import keras_advxai

CHANGED = {
    "_Trace": "learns, at its first trace, what the model looked like before it",
    "Call": "is completed while a pass is recorded",
}
"""Dataclasses whose attributes are set later, and why."""


def classes():
    for info in pkgutil.walk_packages(keras_advxai.__path__, "keras_advxai."):
        if ".contrib" in info.name or info.name.endswith("__main__"):
            continue  # of packages that need not be there
        for value in vars(importlib.import_module(info.name)).values():
            if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == info.name:
                yield value


def test_every_dataclass_is_frozen_but_for_two():
    found = {cls.__name__: cls.__dataclass_params__.frozen for cls in classes()}
    assert len(found) > 40
    assert {name for name, frozen in found.items() if not frozen} == set(CHANGED)


def test_what_holds_arrays_is_not_compared_field_by_field():
    """`==` of arrays has no truth value, and they have no hash: two of them would raise an error instead."""
    holding = {
        cls.__name__: cls.__dataclass_params__.eq
        for cls in classes()
        if any(re.search(r"\b(ndarray|Tensor)\b", str(field.type)) for field in dataclasses.fields(cls))
    }
    assert len(holding) > 15
    assert [name for name, compared in holding.items() if compared] == []
