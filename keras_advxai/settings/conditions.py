"""Attacks and corruptions, which one argument names, told apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_advxai import attacks as attacks_module
from keras_advxai._choice import nearest
from keras_advxai.attacks import Attack
from keras_advxai.attacks.registry import REGISTRY as ATTACKS
from keras_advxai.corruptions import COMMON, LARGEST_SEVERITY, Corruption, declared
from keras_advxai.corruptions.registry import find

COMMON_CORRUPTIONS = "common_corruptions"
"""The name that stands for all fifteen."""


def conditions(items: Iterable[Any], noise_control: bool) -> tuple[tuple[Attack, ...], tuple[Corruption, ...]]:
    """The attacks and the corruptions among what the argument `attacks` names, each in its order.

    Args:
        items: Names, configurations, classes and instances.
        noise_control: Whether noise is measured, too: without it, there must be an attack.

    Raises:
        ValueError: A name is unknown, or there is nothing that has an epsilon.
        TypeError: Something is neither an attack nor a corruption.
    """
    given = list(items)
    attacks: list[Attack] = []
    corruptions: list[Corruption] = []
    for item in given:
        found = corruptions_of(item)
        corruptions += found
        if not found:
            attacks.append(_attack(item))
    if not given:
        raise ValueError(f"Argument `attacks` must name at least one attack. Received: {given!r}")
    if not attacks and not noise_control:
        raise ValueError(
            "Corruptions have no epsilon, and nothing here has one. Add an attack, or leave noise_control at True. "
            f"Received: attacks={[str(getattr(item, 'name', item)) for item in given]}, noise_control=False"
        )
    return tuple(attacks), tuple(corruptions)


def corruptions_of(item: Any) -> list[Corruption]:
    """The corruptions that a name or an instance means; none where it means something else."""
    if isinstance(item, Corruption):
        return [item]
    if not isinstance(item, str):
        return []
    if item.lower().replace("-", "_") == COMMON_CORRUPTIONS:
        return [found for name in COMMON if (found := find(name)) is not None]
    found = find(item)
    return [] if found is None else [found]


def _attack(item: Any) -> Attack:
    try:
        return attacks_module.get(item)
    except ValueError as error:
        if not isinstance(item, str) or item in ATTACKS.classes:
            raise
        names = [corruption.name for corruption in declared()]
        meant = nearest(item, names, cutoff=0.7)
        if not meant:
            raise
        raise ValueError(f"{error} Corruptions: {', '.join(names)}.{meant}") from error


def check_severities(severities: Any) -> tuple[int, ...]:
    """The severities as integers.

    Args:
        severities: One or more.

    Raises:
        ValueError: There is none, one is not from 1 to 5, or one is there twice.
    """
    try:
        given = np.atleast_1d(np.asarray(severities))
        if given.dtype.kind not in "iu" or given.ndim > 1:  # `True` is no severity
            raise TypeError
        found = tuple(int(item) for item in given)
        if isinstance(severities, (list, tuple)) and any(isinstance(item, (bool, np.bool_)) for item in severities):
            raise TypeError
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Argument `severities` must be whole numbers from 1 to {LARGEST_SEVERITY}. Received: "
            f"severities={severities!r}"
        ) from error
    if not found or not all(1 <= item <= LARGEST_SEVERITY for item in found) or len(set(found)) < len(found):
        raise ValueError(
            f"Argument `severities` must be different whole numbers from 1 to {LARGEST_SEVERITY}. Received: "
            f"severities={severities!r}"
        )
    return found
