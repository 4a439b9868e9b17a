"""The configuration of a model of Keras 2 as Keras 3 reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from keras_advxai.models.older_operations import PACKAGE, first_argument

_MODELS = ("Sequential", "Functional", "Model")
_FUNCTION_LAYERS = ("TFOpLambda", "SlicingOpLambda")

_GONE: dict[str, tuple[Any, ...]] = {
    "batch_input_shape": (...,),  # of a layer; a Sequential gets an InputLayer instead
    "fused": (...,),
    "function_type": (...,),
    "implementation": (...,),
    "module": (...,),
    "noise_shape": (None,),
    "output_shape_module": (...,),
    "output_shape_type": (...,),
    "rng_type": (...,),
    "groups": (1,),
    "renorm": (False,),
    "renorm_clipping": (...,),
    "renorm_momentum": (...,),
    "time_major": (False,),
    "virtual_batch_size": (None,),
}
"""Argument that Keras 3 does not have to the values with which a layer is what it is without; `...` for any."""

_GROUPS_REMAIN = ("Conv1D", "Conv2D", "Conv3D")
_SEPARABLE = ("SeparableConv1D", "SeparableConv2D")
"""Keras 2 wrote settings of a kernel beside those of the depthwise and the pointwise ones, which are what counts."""

_RENAMED = {"BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization"}
_RENAMED_ARGUMENTS = {("LeakyReLU", "alpha"): "negative_slope"}


def current_config(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a model of Keras 2 as Keras 3 reads it.

    Keras 3 reads few of them by itself. It does not know the arguments that Keras 2 wrote at their defaults, a
    `Sequential` that is a list, the numbering of calls of nested models, and layers that are functions of TensorFlow;
    and it takes `hard_sigmoid` for another function without a word.

    Args:
        config: The configuration as JSON has it. It is changed.

    Returns:
        The same configuration, changed.

    Raises:
        ValueError: A layer has a setting that no layer of Keras 3 has.
    """
    _layer(config)
    return config


def _layer(layer: dict[str, Any]) -> None:
    kind = layer["class_name"] = _RENAMED.get(layer["class_name"], layer["class_name"])
    for key in ("build_config", "compile_config"):
        layer.pop(key, None)
    if isinstance(layer["config"], list):  # until Keras 2.2.2
        layer["config"] = {"name": "sequential", "layers": layer["config"]}
    if "module" in layer and kind in _MODELS:
        layer["module"] = "keras"
        if kind == "Functional":
            layer["module"] = "keras.src.models.functional"
    if kind in _MODELS:
        _model(layer["config"], kind)
    elif kind in _FUNCTION_LAYERS:
        _function(layer)
    elif kind != "InputLayer":
        _arguments(kind, layer["config"])
    if kind == "Lambda" and isinstance(layer["config"].get("function"), list):
        # The form that safe mode knows, and refuses.
        parts = dict(zip(("code", "defaults", "closure"), layer["config"]["function"], strict=False))
        layer["config"]["function"] = {"class_name": "__lambda__", "config": parts}


def _model(config: dict[str, Any], kind: str) -> None:
    layers = config["layers"]
    if kind == "Sequential":
        first: dict[str, Any] = layers[0] if layers else {"class_name": "", "config": {}}
        shape = isinstance(first["config"], dict) and first["config"].get("batch_input_shape")
        if shape and first["class_name"] != "InputLayer":
            dtype = first["config"].get("dtype", "float32")
            name = f"{first['config']['name']}_input"
            given = {"batch_shape": shape, "dtype": dtype if isinstance(dtype, str) else "float32", "name": name}
            beginning = {"class_name": "InputLayer", "config": given}
            layers.insert(0, {"module": "keras.layers", **beginning} if "module" in first else beginning)
    for layer in layers:
        _layer(layer)
    if kind != "Sequential":
        _renumber(config)


def _renumber(config: dict[str, Any]) -> None:
    """Let the calls of nested models begin at 0: in Keras 2, the model itself was the first call of its layers."""
    nested = {layer["name"]: layer for layer in config["layers"] if layer["class_name"] in _MODELS}
    references = [item for layer in config["layers"] for item in _references(layer["inbound_nodes"])]
    ends = list(_references(config["output_layers"]))
    for name, layer in nested.items():
        calls = [item for item in references if item[0] == name]
        # One whose shape was not known when it was made had no such call.
        if max((item[1] for item in (*calls, *ends) if item[0] == name), default=0) < len(layer["inbound_nodes"]):
            continue
        # Keras 3 does this by itself for the outputs of a functional model.
        for item in calls if layer["class_name"] != "Sequential" else [*calls, *(e for e in ends if e[0] == name)]:
            item[1] -= 1
    for key in ("input_layers", "output_layers"):  # a list of one would ask for lists of images
        if len(config[key]) == 1:
            (config[key],) = config[key]


def _references(nodes: Any) -> Iterator[list[Any]]:
    """Where a call takes its inputs from: lists of a layer's name, which of its calls and which of the outputs."""
    if isinstance(nodes, dict):
        for value in nodes.values():
            yield from _references(value)
    elif isinstance(nodes, list):
        if _is_reference(nodes):
            yield nodes
        for item in nodes:
            yield from _references(item)


def _is_reference(item: Any) -> bool:
    is_list = isinstance(item, list) and len(item) in (3, 4)
    return is_list and isinstance(item[0], str) and all(type(number) is int for number in item[1:3])


def _function(layer: dict[str, Any]) -> None:
    """A layer that is a function of TensorFlow, as one of ours."""
    config = layer["config"]
    (node,) = layer["inbound_nodes"]
    name = first_argument(config["function"])
    if isinstance(node[0], list):  # several tensors are the first argument
        inputs, arguments = [item[:3] for item in node], {name: ..., **node[0][3]}
    else:
        first, _, value, others = node
        arguments = {name: value if first == "_CONSTANT_VALUE" else node[:3], **others}
        inputs = [item for item in arguments.values() if _is_reference(item)]
    tensors = [key for key, item in arguments.items() if item is ... or _is_reference(item)]
    arguments.pop("name", None)
    layer["class_name"] = "TensorFlowFunction" if "module" in layer else f"{PACKAGE}>TensorFlowFunction"
    if "module" in layer:
        layer.update(module=None, registered_name=f"{PACKAGE}>TensorFlowFunction")
    config["tensors"] = tensors
    config["constants"] = {key: item for key, item in arguments.items() if key not in tensors}
    layer["inbound_nodes"] = [[[*item, {}] for item in inputs]]


def _arguments(kind: str, config: dict[str, Any]) -> None:
    for argument, value in list(config.items()):
        if _is_gone(kind, argument, value):
            del config[argument]
        elif (kind, argument) in _RENAMED_ARGUMENTS:
            config[_RENAMED_ARGUMENTS[kind, argument]] = config.pop(argument)
        elif argument == "dtype" and isinstance(value, dict) and value["class_name"] in ("Policy", "PolicyV1"):
            config[argument] = value["config"]["name"]
        elif argument == "axis" and isinstance(value, list) and len(value) == 1:
            config[argument] = value[0]
        elif argument.endswith("activation") and value == "hard_sigmoid":
            name = f"{PACKAGE}>hard_sigmoid_of_keras_2"
            config[argument] = {"class_name": "function", "config": name, "module": "builtins", "registered_name": name}
        elif argument.endswith("_initializer") and isinstance(value, dict):
            value.get("config", {}).pop("dtype", None)
        elif isinstance(value, dict) and "class_name" in value and isinstance(value.get("config"), (dict, list)):
            _nested(value)  # the layer in a wrapper


def _is_gone(kind: str, argument: str, value: Any) -> bool:
    """Whether Keras 3 does without an argument, and nothing is lost with it."""
    if kind in _SEPARABLE and argument.startswith("kernel_") and argument != "kernel_size":
        return True
    if kind.startswith("SpatialDropout") and argument == "trainable":
        return True
    same = () if argument == "groups" and kind in _GROUPS_REMAIN else _GONE.get(argument, ())
    if same in ((), (...,)) or value in same:
        return bool(same)
    if argument == "noise_shape" and kind == "Dropout":
        return False
    raise ValueError(f"it has a {kind} with {argument}={value!r}, which Keras 3 has not")


def _nested(value: dict[str, Any]) -> None:
    is_layer = isinstance(value["config"], list) or "trainable" in value["config"] or value["class_name"] in _MODELS
    if is_layer:
        _layer(value)
