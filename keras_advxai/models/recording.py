"""Records every layer's call while a model runs, without changing the model."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from keras_advxai.text import enumeration

_LOCK = threading.RLock()
_ABSENT = object()
_MOST_NAMES = 3
_FRAMEWISE = keras.layers.TimeDistributed
_KERAS_OWN = frozenset({"call", *dir(keras.Model)})
"""Methods, such as `make_predict_function`, that take no part in a pass."""


class UnbuiltLayerError(ValueError):
    """A model calls a layer that has no weights yet."""

    _keras_call_info_injected = True  # Keras leaves such an error as it is, in place of one about an inner layer


@dataclasses.dataclass(eq=False)
class Call:
    """One call of one layer or operation during a recorded pass.

    Attributes:
        path: The layer's name, after those of the nested models around it: `"backbone/conv1"`. Empty for
            the model itself.
        operation: The layer or operation.
        inputs: The tensors it was called on.
        frames: How many frames each outer `TimeDistributed` layer has folded into the batch, the outermost first.
        output: What it returned.
        children: The calls made inside this one, in order.
    """

    path: str
    operation: keras.Operation
    inputs: list[Any]
    frames: tuple[Any, ...] = ()
    output: Any = None
    children: list[Call] = dataclasses.field(default_factory=list)

    def walk(self) -> Iterator[Call]:
        """The calls inside this one, innermost first, in the order in which they returned."""
        for child in self.children:
            yield from child.walk()
            yield child


Interceptor: TypeAlias = Callable[[Call, Callable[..., Any], Any, Any], Any]


@contextlib.contextmanager
def record(model: keras.Model, intercept: Interceptor | None = None) -> Iterator[Callable[[], Call]]:
    """Record the calls that this thread makes inside `model`, until the block is left.

    Every layer's `call` is shadowed by an instance attribute for the duration, past Keras' own
    `__setattr__`, and restored whatever happens. Calls from other threads pass through
    unrecorded, and two recordings never overlap. A `call` that is a `tf.function`, and rematerialisation,
    would hide tensors in graphs of their own; both are stepped around, as are other methods that are
    `tf.function`s. `TimeDistributed`, which calls its layer frame by frame, calls it once on all frames instead.
    Tensors that a layer keeps in its attributes are put back as they were. A layer that has no weights yet is not built
    here: inside of a function that is traced they would be of no use, neither to it nor to the user's model.

    Args:
        model: A built model.
        intercept: Computes the output of each call, given the call with its inputs, what the layer does by itself, and
            the arguments of that. Defaults to `None`: what the layer does.

    Yields:
        A function that returns the recorded call of `model` itself.

    Raises:
        UnbuiltLayerError: The model calls a layer that has no weights yet.
    """
    owner = threading.get_ident()
    root = Call("", model, [])
    stack: list[Call] = []
    folded: list[Any] = []

    def shadow(operation: keras.Operation) -> Callable[..., Any]:
        # A `call` that is a `tf.function` would put its tensors into a graph of its own, out of reach.
        original = getattr(operation.call, "python_function", operation.call)
        run = _all_frames(operation, original, folded) if isinstance(operation, _FRAMEWISE) else original

        def call(*args: Any, **kwargs: Any) -> Any:
            # A server that predicts in other threads goes on while this one explains; its calls are not this pass'.
            if threading.get_ident() != owner:
                return original(*args, **kwargs)
            if not stack:
                current = root
            else:
                outer = stack[-1].path
                path = f"{outer}/{operation.name}" if outer else operation.name
                current = Call(path, operation, [], tuple(folded))
                stack[-1].children.append(current)
            # Tensors come by position, by name, in lists and in dictionaries; flags such as `training` are no inputs.
            current.inputs = [item for item in keras.tree.flatten((args, kwargs)) if hasattr(item, "shape")]
            stack.append(current)
            try:
                current.output = intercept(current, run, args, kwargs) if intercept else run(*args, **kwargs)
            finally:
                stack.pop()
            return current.output

        return call

    def for_others(original: Callable[[], None]) -> Callable[[], None]:
        """Nothing for this thread, whose pass adds no losses, so that none of another thread's are cleared."""
        return lambda: None if threading.get_ident() == owner else original()

    with _LOCK:
        operations = all_operations(model)
        # Everything is prepared before anything is patched, so an error here leaves the model alone.
        patches: list[tuple[keras.Operation, str, Any]]
        patches = [(operation, "call", shadow(operation)) for operation in operations]
        patches += _refusals_to_build(model, operations)
        # Under `keras.RematScope` a layer runs in a function that is repeated on the way back, and hides its tensors.
        patches += [(item, "_remat_mode", None) for item in operations if getattr(item, "_remat_mode", None)]
        # Subclassed models put their layers into methods such as `features`, decorated like a `call`.
        patches += _graph_functions(operations)
        # Keras clears the losses of the user's last call when the next begins, and a training loop may not have read
        # them.
        patches.append((model, "_clear_losses", for_others(model._clear_losses)))
        # A `call` that the user has replaced by hand has to be found again afterwards, and not the method of the
        # class.
        before = [(operation, name, vars(operation).get(name, _ABSENT)) for operation, name, _ in patches]
        restore = _restorer(operations)
        try:
            for operation, name, patch in patches:
                # Keras' own `__setattr__` tracks what it is given as a part of the layer.
                object.__setattr__(operation, name, patch)
            yield lambda: root
        finally:
            for operation, name, previous in before:
                if previous is _ABSENT:
                    vars(operation).pop(name, None)
                else:
                    object.__setattr__(operation, name, previous)
            restore()


def _all_frames(
    layer: keras.layers.TimeDistributed, original: Callable[..., Any], folded: list[Any]
) -> Callable[..., Any]:
    """A `call` of a `TimeDistributed` layer that folds the frames into the batch and calls the inner layer once.

    Args:
        layer: The layer.
        original: Its own `call`, which is left to work with masks.
        folded: Where the number of frames is noted for as long as the inner layer runs.
    """

    def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
        # With a mask, frames are left out one by one, which a single call on all frames cannot do.
        if mask is not None:
            return original(inputs, training=training, mask=mask)
        sizes = keras.ops.shape(inputs)
        # As `TimeDistributed` itself does, since the wrapped layer is called past its `__call__`.
        settings = {"training": training} if layer.layer._call_has_training_arg else {}
        folded.append(sizes[1])
        try:
            output = layer.layer.call(keras.ops.reshape(inputs, (-1, *sizes[2:])), **settings)
        finally:
            folded.pop()
        return keras.ops.reshape(output, (-1, sizes[1], *keras.ops.shape(output)[1:]))

    return call


def _refusals_to_build(
    model: keras.Model, operations: Sequence[keras.Operation]
) -> list[tuple[keras.Operation, str, Any]]:
    """What raises in place of the `build` of each layer that has one and was never built."""
    # `build` with a shape marks a subclassed model as built, and leaves layers that its first call would build.
    unbuilt = [
        layer
        for layer in reversed(operations)  # in the model's order
        if isinstance(layer, keras.layers.Layer) and not layer.built and not getattr(layer.build, "_is_default", False)
    ]

    def build(*_: Any, **__: Any) -> None:
        names = enumeration([repr(layer.name) for layer in unbuilt[:_MOST_NAMES]])
        more = f" and {len(unbuilt) - _MOST_NAMES} more" if len(unbuilt) > _MOST_NAMES else ""
        raise UnbuiltLayerError(
            f"Layers of the model {model.name!r} have no weights yet: {names}{more}. It was built by a shape alone. "
            "Call it once on a batch first, such as model(x[:1])."
        )

    return [(layer, "build", build) for layer in unbuilt]


def _graph_functions(operations: Iterable[keras.Operation]) -> list[tuple[keras.Operation, str, Any]]:
    """The methods of layers that are `tf.function`s, but for `call` and those that Keras makes, as plain ones."""
    classes: dict[type, set[str]] = {}
    return [
        (operation, name, getattr(operation, name).python_function)
        for operation in operations
        for name in sorted(_names(operation, classes) - _KERAS_OWN)
    ]


def _names(operation: keras.Operation, classes: dict[type, set[str]]) -> set[str]:
    # A model has hundreds of layers of a dozen classes, and a class hundreds of attributes: each is looked at once.
    for cls in type(operation).__mro__:
        if cls not in classes:
            classes[cls] = _in(vars(cls))
    return _in(vars(operation)).union(*(classes[cls] for cls in type(operation).__mro__))


def _in(attributes: Mapping[str, Any]) -> set[str]:
    function = tf.types.experimental.PolymorphicFunction
    return {name for name, value in attributes.items() if isinstance(value, function)}


def all_operations(model: keras.Model) -> list[keras.Operation]:
    """The model and everything that it may call: nested layers, and operations of functional models."""
    found: dict[int, keras.Operation] = {}
    queue: list[keras.Operation] = [model]
    while queue:
        operation = queue.pop()
        if id(operation) in found:
            continue
        found[id(operation)] = operation
        # Subclassed layers track what is in their attributes. Functional models also have operations that are no
        # layers, such as the sum of two tensors.
        if isinstance(operation, keras.layers.Layer):
            queue.extend(getattr(operation, "_layers", ()))
        if isinstance(operation, keras.Model):
            queue.extend(getattr(operation, "_operations", ()))
    return list(found.values())


def _restorer(operations: list[keras.Operation]) -> Callable[[], None]:
    """A function that puts back what calling a layer changes in it: notes of the first call, and kept tensors."""
    # A first call marks a layer as called and notes where: both would show up in saved files and summaries.
    noted = [
        (vars(operation), name, vars(operation)[name])
        for operation in operations
        for name in ("_called", "_parent_path")
        if name in vars(operation)
    ]
    before = [(vars(operation), dict(vars(operation))) for operation in operations]

    def restore() -> None:
        for attributes, name, value in noted:
            attributes[name] = value
        for attributes, kept in before:
            for name, value in list(attributes.items()):
                # Some layers keep a tensor of each call, as attention scores are kept; one of our graph is of no use
                # outside of it.
                # Nearly all of them are what they were, and to ask TensorFlow takes long.
                if value is not kept.get(name) and tf.is_tensor(value):
                    attributes.pop(name)
                    attributes.update({name: kept[name]} if name in kept else {})

    return restore
