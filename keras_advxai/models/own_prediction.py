"""Whether a model predicts otherwise than by its call."""

from __future__ import annotations

import keras

_KNOWN = ("keras", "keras_hub", "keras_advxai")
"""What these predict is known: by the call, after the model's own `preprocessor` where it has one."""


def own_prediction(model: keras.Model) -> str | None:
    """The method of a user's class by which a model predicts, such as `"Net.predict_step"`; `None` if it has none.

    What such a method does to images beside calling the model, as standardising them, only the user knows.

    Args:
        model: The model.
    """
    for name in ("predict_step", "predict"):
        owner = next(cls for cls in type(model).__mro__ if name in vars(cls))
        if owner.__module__.split(".")[0] not in _KNOWN:
            return f"{owner.__name__}.{name}"
    return None
