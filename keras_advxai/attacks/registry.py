"""The attacks that are found by name."""

from __future__ import annotations

from typing import Any

from keras_advxai._registry import Registry
from keras_advxai.attacks.attack import Attack

REGISTRY: Registry[Attack] = Registry("attack", Attack)
register = REGISTRY.register


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
    FGSM(norm='linf', loss='log_odds', targeted=False, samples=1)
    """
    return REGISTRY.get(identifier)


def serialize(attack: Attack) -> dict[str, Any]:
    """The attack as plain Python values, for `deserialize`."""
    return REGISTRY.serialize(attack)


def deserialize(config: dict[str, Any]) -> Attack:
    """The attack that `serialize` described."""
    return REGISTRY.deserialize(config)
