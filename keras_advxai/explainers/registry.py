"""The explainers that are found by name."""

from __future__ import annotations

from typing import Any

from keras_advxai._registry import Registry
from keras_advxai.explainers.explainer import Explainer

REGISTRY: Registry[Explainer] = Registry("explainer", Explainer)
register = REGISTRY.register


def get(identifier: str | dict[str, Any] | Explainer | type[Explainer]) -> Explainer:
    """The explainer that a name, a configuration, a class or an instance means.

    Args:
        identifier: Such as `"grad_cam"`, `GradCAM(layer="conv1")`, or what `serialize` made.

    Raises:
        ValueError: The name is unknown; the message lists the known ones and the nearest.
        TypeError: `identifier` is something else.

    Example:

    >>> import keras_advxai as kax
    >>> kax.explainers.get("grad_cam")
    GradCAM(layer=None, score='logit', relu=True, reshape_transform=None)
    """
    return REGISTRY.get(identifier)


def serialize(explainer: Explainer) -> dict[str, Any]:
    """The explainer as plain Python values, for `deserialize`."""
    return REGISTRY.serialize(explainer)


def deserialize(config: dict[str, Any]) -> Explainer:
    """The explainer that `serialize` described."""
    return REGISTRY.deserialize(config)
