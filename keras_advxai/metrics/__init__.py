"""Metrics of explanation drift: NISSIM of pairs of heatmaps, and MOD and VID over adversarial sets."""

from __future__ import annotations

from typing import Any

import keras

from keras_advxai._registry import Registry
from keras_advxai.metrics.drift import MOD, VID, mod, vid
from keras_advxai.metrics.nissim import nissim

ALL_OBJECTS: tuple[type[keras.metrics.Metric], ...] = (MOD, VID)

_REGISTRY = Registry("metric", keras.metrics.Metric, ALL_OBJECTS)

__all__ = ["ALL_OBJECTS", "MOD", "VID", "deserialize", "get", "mod", "nissim", "serialize", "vid"]


def get(identifier: str | dict[str, Any] | keras.metrics.Metric | type[keras.metrics.Metric]) -> keras.metrics.Metric:
    """The metric that a name, a configuration, a class or an instance means.

    Args:
        identifier: Such as `"mod"`, `VID(epsilons=(0.01, 0.1))`, or what `serialize` made.

    Raises:
        ValueError: The name is unknown; the message lists the known ones and the nearest.
        TypeError: `identifier` is something else.

    Example:

    >>> import keras_advxai as kax
    >>> type(kax.metrics.get("mod")).__name__
    'MOD'
    """
    return _REGISTRY.get(identifier)


def serialize(metric: keras.metrics.Metric) -> dict[str, Any]:
    """The metric as plain Python values, for `deserialize`."""
    return _REGISTRY.serialize(metric)


def deserialize(config: dict[str, Any]) -> keras.metrics.Metric:
    """The metric that `serialize` described."""
    return _REGISTRY.deserialize(config)
