"""What a network takes: the shapes that it declares or was built on, and whether images fit them."""

from __future__ import annotations

import contextlib
import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_advxai._typing import Shape
from keras_advxai.models.selection import is_structure
from keras_advxai.models.shape_hint import shape_hint

_NOMINAL_SIZE = 224  # most pretrained networks were built for it, and fewer pixels are too few for some


def network_specs(model: keras.Model) -> Any:
    """What a network takes, as `tf.TensorSpec`; `None` if it does not say.

    A functional model says it; of another, what it was built on is known.
    """
    if getattr(model, "inputs", None):
        # `Sequential.input` belongs to a call of the whole model, which need not have happened yet.
        structure = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
        return keras.tree.map_structure(lambda item: tf.TensorSpec(item.shape, item.dtype), structure)
    # A `call` with several arguments has a shape for each, and no name for the images.
    shapes = [shape for shape in (getattr(model, "_build_shapes_dict", None) or {}).values() if shape]
    if len(shapes) != 1:
        return None
    return _spec_of(shapes[0])


def check_preprocessed_shape(
    preprocess: Any, shape: Sequence[int], takes: Sequence[int | None] | None, where: str
) -> None:
    """Raise unless `preprocess` makes of images what the network takes.

    Args:
        preprocess: From image space to what the network takes.
        shape: The shape of the images, with the batch.
        takes: The shape of what the network takes, without the batch; `None` where it does not say.
        where: What the images are called in messages.

    Raises:
        ValueError: It makes something else of them.
    """
    if takes is None:
        return
    # Traced, because a callable says nothing of its result, and may be slow to run on images.
    made = tf.function(preprocess, autograph=False).get_concrete_function(tf.TensorSpec((None, *shape[1:]), tf.float32))
    found = made.structured_outputs.shape
    if not found.is_compatible_with((None, *takes)) or len(found) != len(shape):
        sides = ", ".join("any" if side is None else str(side) for side in takes)
        raise ValueError(
            f"{where} must have the shape (batch, {sides}) after `preprocess`. Received: shape={tuple(shape)}, of "
            f"which `preprocess` makes {tuple(found)}.{shape_hint(takes, found[1:])}"
        )


def cannot_run(model: keras.Model, inputs: Any, error: Exception) -> ValueError:
    """What to raise where a model fails when it is called.

    Args:
        model: The model.
        inputs: What it was called on, nested tensors.
        error: What it raised.
    """
    shapes = keras.tree.map_structure(lambda item: tuple(item.shape), inputs)
    return ValueError(f"The model {model.name!r} cannot be run on inputs of shape {shapes}: {error}")


def check_numbers(model: keras.Model, x: Any) -> None:
    """Raise for inputs that are words, where the model does not take any.

    Args:
        model: The model.
        x: Its inputs, nested tensors.

    Raises:
        TypeError: Some of them are.
    """
    takes = [spec.dtype for spec in keras.tree.flatten(network_specs(model)) if spec is not None]
    if tf.string not in takes and any(getattr(part, "dtype", None) == tf.string for part in keras.tree.flatten(x)):
        raise TypeError(f"The inputs of {model.name!r} must be numbers. Received: words among them")


def match_structure(model: keras.Model, x: Any) -> Any:
    """The inputs in the structure that a model takes.

    A single input may stand in a list or dictionary, in the model or in what is given; what a functional model does not
    take is left out of a dictionary, of which Keras would warn in each pass.
    """
    specs = network_specs(model)
    if (
        isinstance(specs, Mapping)
        and isinstance(x, Mapping)
        and getattr(model, "inputs", None)
        and specs.keys() < x.keys()
    ):
        return {name: x[name] for name in specs}
    if specs is not None and not is_structure(specs) and is_structure(x) and len(x) == 1:
        return specs  # the images take its place
    return specs if not is_structure(x) and is_structure(specs) and len(specs) == 1 else x


def concrete_shape(shape: Shape, own: Shape, preprocesses: bool, name: str) -> tuple[int, ...]:
    """The shape of images to trace a model with: a usual size replaces each side that is open.

    Args:
        shape: The shape of the images; `None` for what the network takes.
        own: What the network takes; `None` where it does not say.
        preprocesses: Whether a function of the user's may change the shape before the network.
        name: The model's name.

    Raises:
        ValueError: It is not the shape of images.
    """
    if shape is None:
        shape = own
    elif not isinstance(shape, (Sequence, tf.TensorShape)) or not all(map(_is_side, shape)):
        raise ValueError(
            "Argument `shape` must be that of one image, (height, width, channels), whole numbers or None. "
            f"Received: shape={shape!r}"
        )
    elif own is not None and len(own) == len(shape) and not preprocesses:
        shape = tuple(known if side is None else side for side, known in zip(shape, own, strict=True))
    # Of images without any known number of channels, (None, None, None), no network can be built.
    if not shape or not 1 <= len(shape) <= 4 or (shape[0] is None and shape[-1] is None):
        raise ValueError(
            f"The model {name!r} must take images, (batch, height, width, channels). Received: a model that takes "
            f"{shape or 'inputs of a shape that it does not say'}. Pass the images' shape as `shape`."
        )
    return tuple(_NOMINAL_SIZE if side is None else side for side in shape)


def _is_side(side: Any) -> bool:
    """Whether this may be the size of a dimension: a whole number from 1 on, or one that is open."""
    return side is None or (isinstance(side, numbers.Integral) and not isinstance(side, bool) and int(side) > 0)


def _spec_of(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {key: _spec_of(item) for key, item in shape.items()}
    if is_structure(shape) and any(is_structure(item) for item in shape):
        return [_spec_of(item) for item in shape]
    return tf.TensorSpec((None, *shape[1:]), tf.float32)


def declared_batch(model: keras.Model) -> int | None:
    """The batch size that a model declares, as of a stateful layer; `None` where it is open."""
    sizes = [tensor.shape[0] for tensor in getattr(model, "inputs", None) or () if tensor.shape[0] is not None]
    return int(sizes[0]) if sizes else None


@contextlib.contextmanager
def naming_fixed_batch(model: keras.Model) -> Iterator[None]:
    """Inside of it, a pass that fails says so if the model declares a batch size.

    Many models that declare one take others all the same, as exported ones do; so they are run, and not refused before.

    Args:
        model: The model.

    Raises:
        ValueError: An operation failed, and the model declares the size of its batches.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        size = declared_batch(model)
        if size is None:
            raise
        raise ValueError(
            f"The model {model.name!r} is built for batches of {size} images, and failed on another number: last "
            "batches are shorter, and attacks go on with the images that are left. Build it with an open batch size, "
            f"keras.Input(shape), and reshape to -1 instead of {size}."
        ) from error
