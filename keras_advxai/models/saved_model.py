"""A SavedModel as a model of Keras 3."""

from __future__ import annotations

import contextlib
import logging
import pathlib
import tempfile
from collections.abc import Iterator

import keras
from tensorflow.core.protobuf import saved_model_pb2


def saved_model(path: pathlib.Path, unsafe: bool) -> keras.Model:
    """The serving function of a SavedModel as a model of one layer.

    Args:
        path: The folder that the `saved_model.pb` lies in.
        unsafe: Whether its operations may be run.

    Raises:
        ValueError: They may not, it cannot be read, or its function takes other things than images.
    """
    if not unsafe:
        raise ValueError(
            f"{str(path)!r} is a SavedModel, whose operations may read and write files. Pass unsafe=True if you trust "
            "whoever made it."
        )
    try:
        layer = _layer(path)
    except Exception as error:  # TensorFlow's own, of whatever is wrong with the folder
        raise ValueError(f"{str(path)!r} cannot be read as a SavedModel: {reason(error)}") from error
    specs = list(layer.call_endpoint_fn.structured_input_signature[1].values())
    if len(specs) != 1:
        raise ValueError(f"The serving function of {str(path)!r} must take images alone. It takes {len(specs)} inputs.")
    image = keras.Input(tuple(specs[0].shape[1:]), dtype=specs[0].dtype.name)
    outputs = keras.tree.flatten(layer(image))
    return keras.Model(image, outputs[0] if len(outputs) == 1 else outputs, name="saved_model")


def reason(error: Exception) -> str:
    """What an exception of another package says, in one line: the cause of all, where it quotes others.

    Args:
        error: The exception.
    """
    said = str(error).rpartition("Exception encountered: ")[2]
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__


def _layer(path: pathlib.Path) -> keras.layers.TFSMLayer:
    try:
        return keras.layers.TFSMLayer(path, call_endpoint="serving_default")
    except AttributeError as error:
        if "add_slot" not in str(error):
            raise
    with _without_optimizer(path) as other:
        return keras.layers.TFSMLayer(other, call_endpoint="serving_default")


@contextlib.contextmanager
def _without_optimizer(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A SavedModel without the state of its optimizer, which TensorFlow without Keras 2 cannot restore."""
    found = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    for graph in found.meta_graphs:
        for node in graph.object_graph_def.nodes:
            del node.slot_variables[:]
    logger = logging.getLogger("tensorflow")
    level = logger.level
    with tempfile.TemporaryDirectory() as folder:
        other = pathlib.Path(folder)
        (other / "saved_model.pb").write_bytes(found.SerializeToString())
        for part in path.iterdir():
            if part.name != "saved_model.pb":
                (other / part.name).symlink_to(part.resolve())
        logger.setLevel(logging.ERROR)  # it names each array of the optimizer that nothing takes from the checkpoint
        try:
            yield other
        finally:
            logger.setLevel(level)
