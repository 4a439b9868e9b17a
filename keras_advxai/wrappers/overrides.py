"""Which training and prediction methods a model overrides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras

TRAINING = (
    "compile",
    "compile_from_config",
    "compute_loss",
    "compute_metrics",
    "evaluate",
    "fit",
    "get_compile_config",
    "get_metrics_result",
    "make_test_function",
    "make_train_function",
    "metrics",
    "reset_metrics",
    "test_on_batch",
    "test_step",
    "train_on_batch",
    "train_step",
)
"""What decides, beside calling the model, how it is trained and evaluated."""

PREDICTION = ("make_predict_function", "predict", "predict_on_batch", "predict_step")
"""What decides, beside calling the model, what it predicts."""


def overridden(model: keras.Model, names: Iterable[str]) -> list[str]:
    """Those of the methods and properties that the model's class, or the model itself, defines anew.

    Args:
        model: The model.
        names: Names of methods and properties of `keras.Model`.
    """
    # Set on the model itself, too: `model.train_step = ...` is a way to change the training.
    return [
        name for name in names if name in vars(model) or getattr(type(model), name) is not getattr(keras.Model, name)
    ]


def check_trains_alike(model: keras.Model) -> None:
    """Raise if the model would not train around a wrapper as it does by itself.

    Args:
        model: The inner model.

    Raises:
        ValueError: It has training methods of its own.
    """
    own = overridden(model, TRAINING)  # else it would silently train in another way
    if own:
        raise ValueError(
            f"The inner model {model.name!r} trains or evaluates by methods of its own, which a wrapper would leave "
            f"out. Received: a {type(model).__name__} with its own {', '.join(own)}. Compile and train the inner "
            "model itself, `model.inner`: the wrapper shares its weights, and still predicts, explains, attacks and "
            "saves."
        )


def check_own_optimizer(model: keras.Model, optimizer: Any) -> None:
    """Raise if the optimizer is the inner model's. Keras would save its state once, and look for it twice.

    Args:
        model: The inner model.
        optimizer: What the wrapper is compiled with.

    Raises:
        ValueError: It is the same one.
    """
    if optimizer is not None and optimizer is getattr(model, "optimizer", None):  # by identity: equal ones do no harm
        raise ValueError(
            f"The wrapper needs an optimizer of its own. Received: the {type(optimizer).__name__} that the inner "
            f"model {model.name!r} is compiled with. Pass a new one, or keep training the inner model, `model.inner`: "
            "the wrapper shares its weights."
        )
