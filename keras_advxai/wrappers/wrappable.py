"""What can be wrapped."""

from __future__ import annotations

from typing import Any

import keras

from keras_advxai.models import ImageClassifier


def check_wrappable(model: Any, wrapper: type[keras.Model]) -> None:
    """Make sure that a model can be wrapped.

    Args:
        model: What was received.
        wrapper: The class that is to wrap it.

    Raises:
        TypeError: It is not a `keras.Model`, or is wrapped already.
    """
    if isinstance(model, keras.Model) and not isinstance(model, wrapper):
        return
    received = f"{type(model).__module__}.{type(model).__name__}"
    remedy = ""
    if isinstance(model, wrapper):
        received = f"an {wrapper.__name__}, {model.name!r}"
        remedy = " Use it as it is, or wrap its `inner` with other settings."
    elif isinstance(model, ImageClassifier):
        received = "an ImageClassifier"
        remedy = " Wrap its `model`, and say its settings again."
    raise TypeError(f"Argument `model` must be a keras.Model (of Keras 3) by itself. Received: {received}.{remedy}")
