"""How the preprocessing of a wrapper is saved."""

from __future__ import annotations

from typing import Any

import keras

from keras_advxai._typing import Preprocess


def serialized(preprocess: Preprocess) -> Any:
    """A configuration from which the very same function, or an equal layer, is found again.

    Args:
        preprocess: A callable, the name of a module of `keras.applications`, or `None`.

    Raises:
        ValueError: A function that is not registered, or something else that Keras could not find again.
    """
    if preprocess is None or isinstance(preprocess, str):
        return preprocess
    cause: Exception | None = None
    if getattr(preprocess, "__name__", "") != "<lambda>":  # loading refuses its bytecode, unless `safe_mode` is off
        try:
            config = keras.saving.serialize_keras_object(preprocess)
            found = keras.saving.deserialize_keras_object(config)  # tried: some are written and not found again
            if found is preprocess or (hasattr(preprocess, "get_config") and type(found) is type(preprocess)):
                return config
        except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
            cause = error  # Keras raises one or another for what it cannot find again; all mean the same here
    raise ValueError(
        "The model cannot be saved, because loading it would not find its `preprocess` again. Decorate the function "
        'with @keras.saving.register_keras_serializable(package="..."), or pass the name of a module of '
        f"keras.applications. Received: preprocess={preprocess!r}"
    ) from cause
