"""Finds a layer by its name, its path or itself, and says what to do where it cannot be."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import keras

from keras_advxai._registry import nearest
from keras_advxai.models.discovery import Found
from keras_advxai.models.layer_table import LayerReference
from keras_advxai.models.recording import all_operations

_MOST_NAMED = 12


def layer_path(model: keras.Model, found: Found, layer: str | keras.Operation | None, *, spatial: bool) -> str:
    """The full path of a layer; see `ImageClassifier.layer_path`.

    Args:
        model: The model.
        found: What was found on the way from the images to the classes.
        layer: The layer's name or path, or the layer itself; `None` for the default layer.
        spatial: Whether its output must have a spatial extent.
    """
    if layer is None:
        if found.layers.default is None:
            raise ValueError(_none_to_explain(model.name, found.tokens))
        default = found.layers.default.name
        if found.beside:
            several = ", ".join((*found.beside, default))
            warnings.warn(
                f"The classes of the model {model.name!r} are computed from several maps that no layer brings "
                f"together: {several}. {default} is explained; name another as `layer`, or join them in a layer.",
                stacklevel=2,
            )
        return default
    known = [info.name for info in found.layers] if spatial else list(found.places)
    if isinstance(layer, str) and not isinstance(layer, LayerReference):
        name, paths, reached = layer, _named(layer, known), _named(layer, found.places)
    else:
        operation = layer.layer() if isinstance(layer, LayerReference) else layer
        if not any(item is operation for item in all_operations(model)):
            raise ValueError(
                f"The layer {str(getattr(operation, 'name', layer))!r} that was passed is none of the model "
                f"{model.name!r}; a clone, or a model loaded from a file, has layers of its own. Pass its name, or the "
                "model's layer."
            )
        name, reached = str(getattr(operation, "name", layer)), list(found.operations.get(id(operation), ()))
        paths = [path for path in reached if path in known][-1:]
    if len(paths) > 1:
        raise ValueError(f"There are {len(paths)} layers named {name!r}. Pass one of the paths {', '.join(paths)}")
    if not paths:
        exists = any(name.rsplit("/", 1)[-1] == item.name for item in all_operations(model))
        hint = ""
        if spatial and any(name == path.rsplit("/", 1)[-1] or name == path for path in found.tokens):
            hint = ' It returns tokens: pass GradCAM(layer=..., reshape_transform="tokens"), or a function.'
        kind = " with a spatial output" if spatial else " on the way from the images to the classes"
        raise ValueError(_unknown_layer(model.name, name, known, kind, exists and not reached) + hint)
    return paths[0]


def _named(layer: str, names: Iterable[str]) -> list[str]:
    """The names that a name or path may mean: itself, or those that end in it.

    Args:
        layer: A name, `"conv1"`, or a path or the end of one, `"backbone/conv1"`.
        names: The known paths.
    """
    names = list(names)
    return [layer] if layer in names else [name for name in names if name.endswith(f"/{layer}")]


def _none_to_explain(model: str, tokens: tuple[str, ...]) -> str:
    """Why no layer of a model is explained unless one is named, and what to do."""
    if tokens:
        shown = ", ".join(tokens if len(tokens) <= _MOST_NAMED else ["...", *tokens[-_MOST_NAMED:]])
        return (
            f"The model {model!r} has no layer with a spatial output to explain by default: it sees the image as "
            "tokens, (batch, tokens, channels). Say which layer is explained, and where its tokens lie: "
            'GradCAM(layer=..., reshape_transform="tokens"), or a function from tokens to (batch, height, width, '
            f"channels). Layers that return tokens: {shown}. Where the classes are read off one class token, take a "
            "layer before the last attention: behind it, the other tokens have no gradient."
        )
    return (
        f"The model {model!r} has no layer with a spatial output (batch, height, width, channels) between its first "
        "weights and its classes, so there is nothing for Grad-CAM to look at. Attacks still work on it, and so do "
        "explainers that look at no layer: 'integrated_gradients', 'saliency'."
    )


def _unknown_layer(model: str, layer: str, names: list[str], kind: str, unreached: bool) -> str:
    """Why a layer cannot be explained, and which ones can.

    Args:
        model: The model's name.
        layer: What was asked for.
        names: The layers that can be explained.
        kind: What is asked of the layer.
        unreached: Whether the model has such a layer, away from the path between images and classes.
    """
    near = nearest(layer, dict.fromkeys([*names, *(name.rsplit("/", 1)[-1] for name in names)]))
    known = ", ".join(names if len(names) <= _MOST_NAMED else [*names[:4], "...", *names[-6:]]) or "none"
    if unreached:
        return (
            f"The layer {layer!r} of the model {model!r} is not reached on the way from the images to the classes, "
            f"so it cannot be explained.{near} Layers that can be: {known}"
        )
    return f"The model {model!r} has no layer {layer!r}{kind}.{near} Layers that can be explained: {known}"
