"""What can be wrapped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from keras_advxai.models import ImageClassifier
from keras_advxai.models.applications import image_space
from keras_advxai.models.heads import check_reduce
from keras_advxai.models.inputs import check_flag
from keras_advxai.models.kinds import kind_of
from keras_advxai.models.own_preprocessing import own_preprocessor


def check_settings(model: keras.Model, settings: Mapping[str, Any]) -> None:
    """Raise if settings are wrong by themselves, whatever the model is that has not been built yet.

    Args:
        model: The model.
        settings: What `ImageClassifier` will be given.

    Raises:
        TypeError: One is of a wrong kind.
        ValueError: One is wrong, or they contradict one another.
    """
    for name in ("from_logits", "fold_batch_norm", "jit_compile"):
        if settings[name] is not None:
            check_flag(name, settings[name])
    check_reduce(settings["reduce"])
    kind_of(settings["labels"], settings["task"], settings["from_logits"])
    image_space(settings["preprocess"], settings["bounds"], None, own_preprocessor(model))


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
