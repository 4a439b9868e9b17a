"""The preprocessing that a model brings along, as KerasHub's classifiers do."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import keras

from keras_advxai._registry import hashable

OWN = "model"
"""As `preprocess`: the model's own. It is the default of a model that has one."""

NOTHING = "none"
"""As `preprocess`: none, also of a model that has its own."""


def own_preprocessor(model: keras.Model) -> Callable[[Any], Any] | None:
    """What a model's `fit`, `evaluate` and `predict` do to images before they call it; `None` if they do nothing.

    Args:
        model: The model. One of KerasHub's has a `preprocessor`, and applies it by a method `preprocess_samples`.
    """
    # By the method, and not by the attribute alone: a model of a user's own may apply its `preprocessor` in its `call`.
    if not callable(getattr(model, "preprocess_samples", None)):
        return None
    # All of it, and not its image converter alone: what `predict` does is what is meant. It is made of TensorFlow's
    # operations, so gradients go through it.
    found: Callable[[Any], Any] | None = getattr(model, "preprocessor", None)
    return found if callable(found) else None


def preprocessor_key(preprocessor: Any) -> Hashable:
    """What distinguishes a preprocessor from another, and from itself after its image size was set."""
    config = getattr(preprocessor, "get_config", None)
    return hashable(preprocessor) if config is None else (id(preprocessor), repr(config()))
