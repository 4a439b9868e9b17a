"""Refuses a Keras backend that the package cannot work on, before anything is computed."""

from __future__ import annotations

import os


def check_environment() -> None:
    """Raise if the environment asks Keras for another backend than TensorFlow. It imports nothing.

    This has to come before Keras is imported: if the other backend is not installed, that fails with a
    message about the backend, not about the choice.

    Raises:
        ImportError: `KERAS_BACKEND` names another backend.
    """
    _check(os.environ.get("KERAS_BACKEND") or "tensorflow")


def check_keras() -> None:
    """Raise if Keras runs on another backend than TensorFlow, because its configuration file says so.

    Raises:
        ImportError: It does.
    """
    import keras

    _check(keras.config.backend())


def _check(backend: str) -> None:
    if backend != "tensorflow":
        raise ImportError(
            "keras_advxai works on Keras' TensorFlow backend; other backends are not supported yet. "
            f"Received: KERAS_BACKEND={backend!r}. Set the environment variable KERAS_BACKEND=tensorflow "
            "(or the 'backend' entry of ~/.keras/keras.json) before Keras is imported."
        )
