"""How a wrapper is saved, and the functions among its settings, and found again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from keras_advxai.settings.arguments import FUNCTION_SETTINGS


def serialized(name: str, function: Any) -> Any:
    """A configuration from which the very same function, or an equal layer, is found again.

    Args:
        name: What the setting is called, `"preprocess"` or `"reduce"`.
        function: A callable, the name of a module of `keras.applications`, or `None`.

    Raises:
        ValueError: A function that is not registered, or something else that Keras could not find again.
    """
    if function is None or isinstance(function, str):
        return function
    cause: Exception | None = None
    if getattr(function, "__name__", "") != "<lambda>":  # loading refuses its bytecode, unless `safe_mode` is off
        try:
            config = keras.saving.serialize_keras_object(function)
            found = keras.saving.deserialize_keras_object(config)  # tried: some are written and not found again
            if found is function or (hasattr(function, "get_config") and type(found) is type(function)):
                return config
        except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
            # Keras raises one or another: NotImplementedError for a layer without `get_config`, AttributeError for a
            # callable without a name, TypeError and ValueError for what is not found. All mean the same here.
            cause = error
    other = ", or pass the name of a module of keras.applications" if name == "preprocess" else ""
    raise ValueError(
        f"The model cannot be saved, because loading it would not find its `{name}` again. Decorate the function "
        f'with @keras.saving.register_keras_serializable(package="..."){other}. Received: {name}={function!r}'
    ) from cause


def deserialized(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> dict[str, Any]:
    """The arguments of a wrapper that its configuration describes.

    Args:
        config: What `get_config` returned.
        custom_objects: Classes and functions by name, which Keras does not know otherwise.
    """
    found = dict(config)
    for key in ("model", *FUNCTION_SETTINGS):
        if isinstance(found.get(key), dict):
            found[key] = keras.saving.deserialize_keras_object(found[key], custom_objects=custom_objects)
    # Keras saves the policy of layers, but of no functional or sequential model, and so forgets the loss scale.
    policy = keras.dtype_policies.get(found.pop("dtype"))
    if policy.name != found["model"].dtype_policy.name:
        found["model"].dtype_policy = policy
    return found
