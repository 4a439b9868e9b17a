"""Finds a layer by its name, its path or itself, and says what to do where it cannot be."""

from __future__ import annotations

from collections.abc import Iterable

import keras

from keras_advxai._choice import nearest
from keras_advxai._warnings import warn
from keras_advxai.models.layer_table import LayerReference
from keras_advxai.models.recording import all_operations
from keras_advxai.models.topology import Topology

_MOST_NAMED = 12


def layer_path(model: keras.Model, topology: Topology, layer: str | keras.Operation | None, *, spatial: bool) -> str:
    """The full path of a layer; see `ImageClassifier.layer_path`.

    Args:
        model: The model.
        topology: The layers between the images and the classes.
        layer: The layer's name or path, or the layer itself; `None` for the default layer.
        spatial: Whether its output must have a spatial extent.
    """
    if layer is None:
        if topology.layers.default is None:
            raise ValueError(_none_to_explain(model.name, topology.tokens) + _passed_over(topology))
        default = topology.layers.default.name
        if topology.passed_over:
            warn(f"In the model {model.name!r}, {default} is explained.{_passed_over(topology)}", stacklevel=2)
        # A residual sum made by `+` in a subclassed model: no layer returns it, and either branch is half of the
        # truth.
        if topology.unmerged:
            several = ", ".join((*topology.unmerged, default))
            warn(
                f"The classes of the model {model.name!r} are computed from several feature maps that no "
                f"layer merges: {several}. {default} is explained; name another as `layer`, or merge them in a layer.",
                stacklevel=2,
            )
        return default
    # A map of one position says how much and not where; who names it, as one of several layers, gets it.
    known = [*(info.name for info in topology.layers), *topology.points] if spatial else list(topology.locations)
    if isinstance(layer, str) and not isinstance(layer, LayerReference):
        name, paths, reached = layer, _named(layer, known), _named(layer, topology.locations)
    else:
        operation = layer.layer() if isinstance(layer, LayerReference) else layer
        # By identity: after `clone_model` or `load_model`, names are the same and layers are not.
        if not any(item is operation for item in all_operations(model)):
            raise ValueError(
                f"The layer {str(getattr(operation, 'name', layer))!r} that was passed does not belong to the model "
                f"{model.name!r}; a clone, or a model loaded from a file, has layers of its own. Pass its name, or the "
                "model's layer."
            )
        name, reached = str(getattr(operation, "name", layer)), list(topology.operations.get(id(operation), ()))
        # A layer that is called twice means its last call, as its plain name does.
        paths = [path for path in reached if path in known][-1:]
    if len(paths) > 1:
        raise ValueError(f"There are {len(paths)} layers named {name!r}. Pass one of the paths {', '.join(paths)}")
    if not paths:
        # A layer of another output, or one that is never called, gets another message than a misspelt name.
        exists = any(name.rsplit("/", 1)[-1] == item.name for item in all_operations(model))
        hint = ""
        if spatial and any(name == path.rsplit("/", 1)[-1] or name == path for path in topology.tokens):
            hint = '. It returns tokens: pass GradCAM(layer=..., reshape_transform="tokens"), or a function.'
        kind = " with a spatial output" if spatial else " on the path from the images to the classes"
        raise ValueError(_unknown_layer(model.name, name, known, kind, exists and not reached) + hint)
    return paths[0]


def _passed_over(topology: Topology) -> str:
    """What to do about layers whose maps are laid out otherwise than the images; nothing where there are none."""
    if not topology.passed_over:
        return ""
    return (
        f" The maps of {', '.join(topology.passed_over)} have other dimensions than the images, and where their values "
        "lie cannot be told. To explain such a layer, say it: GradCAM(layer=..., reshape_transform=...), a function "
        "from what it returns to the dimensions of the images, channels last, such as lambda output: output[:, None] "
        "for one map of all frames, or one row of all."
    )


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
            "layer before the last attention: after it, the other tokens have no gradient."
        )
    return (
        f"The model {model!r} has no layer with a spatial output (batch, height, width, channels) between its first "
        "weights and its classes, so Grad-CAM has no feature map to explain. Attacks still work on it, and so do "
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
    # Users know layers by the names of the application, `conv5_block3_out`, not by the paths in the nested model.
    near = nearest(layer, dict.fromkeys([*names, *(name.rsplit("/", 1)[-1] for name in names)]))
    known = ", ".join(names if len(names) <= _MOST_NAMED else [*names[:4], "...", *names[-6:]]) or "none"
    if unreached:
        return (
            f"The layer {layer!r} of the model {model!r} is not reached on the path from the images to the classes, "
            f"so it cannot be explained.{near} Layers that can be: {known}"
        )
    return f"The model {model!r} has no layer {layer!r}{kind}.{near} Layers that can be explained: {known}"
