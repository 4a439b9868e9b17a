"""Refuses a Keras backend that the package cannot work on, before anything is computed."""

from __future__ import annotations

import os


def require_tensorflow() -> None:
    """Raise unless Keras runs on TensorFlow.

    The environment variable is read first, because importing Keras with another backend that is not
    installed fails with a message about that backend, not about the choice.

    Raises:
        ImportError: The backend is not `"tensorflow"`.
    """
    backend = os.environ.get("KERAS_BACKEND") or None
    if backend in (None, "tensorflow"):
        import keras

        backend = keras.config.backend()
    if backend != "tensorflow":
        raise ImportError(
            "keras_advxai works on Keras' TensorFlow backend; other backends are not supported yet. "
            f"Received: KERAS_BACKEND={backend!r}. Set the environment variable KERAS_BACKEND=tensorflow "
            "(or the 'backend' entry of ~/.keras/keras.json) before Keras is imported."
        )


require_tensorflow()
