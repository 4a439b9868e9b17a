"""Whether a model predicts, is evaluated or trained otherwise than by its call."""

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
    return _own(model, "predict_step", "predict")


def own_evaluation(model: keras.Model) -> str | None:
    """The method of a user's class by which `model.evaluate` measures a model, or by which alone it is trained.

    Such as `"Net.test_step"` or `"Net.compute_metrics"`; `"Net.train_step"` only where it is evaluated in Keras' way;
    `None` if it has neither.

    Args:
        model: The model.
    """
    return _own(model, "test_step", "evaluate", "compute_metrics") or _own(model, "train_step")


def _own(model: keras.Model, *names: str) -> str | None:
    for name in names:
        owner = next(cls for cls in type(model).__mro__ if name in vars(cls))
        if owner.__module__.split(".")[0] not in _KNOWN:
            return f"{owner.__name__}.{name}"
    return None
