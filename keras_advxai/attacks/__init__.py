"""Attacks: immutable configurations that perturb images within a budget."""

from __future__ import annotations

from typing import Any

from keras_advxai._registry import Registry
from keras_advxai.attacks.attack import Attack
from keras_advxai.attacks.fgsm import FGSM
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.attacks.uniform_noise import UniformNoise

ALL_OBJECTS: tuple[type[Attack], ...] = (FGSM, UniformNoise)

_REGISTRY = Registry("attack", Attack, ALL_OBJECTS)

__all__ = ["ALL_OBJECTS", "FGSM", "Attack", "GradientAttack", "UniformNoise", "deserialize", "get", "serialize"]


def get(identifier: str | dict[str, Any] | Attack | type[Attack]) -> Attack:
    """The attack that a name, a configuration, a class or an instance means.

    Args:
        identifier: Such as `"fgsm"`, `FGSM(norm="l2")`, or what `serialize` made.

    Raises:
        ValueError: The name is unknown; the message lists the known ones and the nearest.
        TypeError: `identifier` is something else.

    Example:

    >>> import keras_advxai as kax
    >>> kax.attacks.get("fgsm")
    FGSM(norm='linf', loss='log_odds', targeted=False)
    """
    return _REGISTRY.get(identifier)


def serialize(attack: Attack) -> dict[str, Any]:
    """The attack as plain Python values, for `deserialize`."""
    return _REGISTRY.serialize(attack)


def deserialize(config: dict[str, Any]) -> Attack:
    """The attack that `serialize` described."""
    return _REGISTRY.deserialize(config)
