"""The random numbers that a model draws when it runs: anew in each pass, and not from the user's own generators."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.ops.resource_variable_ops import ResourceVariable

from keras_advxai._typing import Tensor
from keras_advxai.models.graph import ancestors
from keras_advxai.models.replicas import current_replica

_LOCK = threading.Lock()
_TURN = threading.RLock()
_STATE: dict[int, tf.Variable] = {}
"""By replica, a seed, and how many numbers were drawn since it was set, for as long as the process lives.

Replicas that run at the same time draw from series of their own, each as if it ran by itself.
"""

_LARGEST = 2**31 - 2  # Keras takes seeds modulo this
_STATEFUL = re.compile(
    "Random|TruncatedNormal|ParameterizedTruncatedNormal|Multinomial|NonDeterministicInts|RngReadAndSkip"
    "|Stateful(Uniform|StandardNormal|TruncatedNormal|RandomBinomial)"
    "|SampleDistortedBoundingBox|Fractional(Max|Avg)Pool"  # random crops, and poolings over regions that are drawn
)
"""TensorFlow's operations that draw from a generator of their own; `tf.random.stateless_*` draw by a seed."""


class Draws(keras.StatelessScope):
    """A `StatelessScope` in which each seed that a model draws is a new one.

    Without it a pass would begin with the state that a seed generator has, and leave it there: an attack, and the pass
    that judges what it found, would see one and the same mask of a Dropout that is always on. The numbers
    come from a variable, so that those in the body of a loop are new in each iteration. Nothing is done for a model
    that draws none.

    Args:
        state: Pairs of variables and the values that they have in here. Defaults to none.

    Attributes:
        seeds: The seeds that were drawn, tensors of the graph in which they were asked for.
        drawn_from: The variables of the seed generators.
    """

    def __init__(self, state: Sequence[tuple[keras.Variable, Any]] = ()) -> None:
        super().__init__(state)
        self.seeds: list[Tensor] = []
        self.drawn_from: list[keras.Variable] = []

    def get_current_value(self, variable: keras.Variable) -> Any:
        """What a variable is worth in here; of a seed generator's, a new seed each time."""
        if not is_seed(variable):
            return super().get_current_value(variable)
        self.seeds.append(_next())
        self.drawn_from.append(variable)
        return tf.cast(self.seeds[-1], variable.dtype)

    def add_update(self, update: tuple[keras.Variable, Any]) -> None:
        """Note what a variable was set to, but for seed generators'."""
        # What was drawn in the branch of a condition, or in a loop, could not be read outside of it.
        if not is_seed(update[0]):
            super().add_update(update)


def is_seed(variable: Any) -> bool:
    """Whether a variable is the state of a `keras.random.SeedGenerator`, the global one among them."""
    # The global one belongs to no layer, nor do those in closures and lists, so there is no object to ask.
    return getattr(variable, "name", "") == "seed_generator_state" and tuple(variable.shape) == (2,)


@contextlib.contextmanager
def turn(wanted: bool = True) -> Iterator[None]:
    """Inside of it, other threads wait with a turn of their own: all take their numbers from the same variables.

    Args:
        wanted: Whether it is one; a model that draws no numbers need not make anybody wait. Defaults to `True`.
    """
    with _TURN if wanted else contextlib.nullcontext():
        yield


def restart(seed: int, number: int = 0, replica: int = 0) -> None:
    """Begin a series of random numbers, the same for the same arguments.

    Args:
        seed: A whole number.
        number: The number of the series, such as that of the first image of a batch. Defaults to 0.
        replica: Which replica of a distribution strategy draws it. Defaults to 0, which is also where there are none.
    """
    # Far apart, so that the numbers of two batches do not meet.
    _state(replica).assign([seed % _LARGEST, (number << 24) % 2**62])


def random_operations(end: Tensor, scope: Draws, layers: Iterable[keras.Layer] = ()) -> tuple[str, ...]:
    """What is random among the operations that lead to a tensor: names of layers or seed generators, and operations.

    Args:
        end: A symbolic tensor, such as the logits.
        scope: The scope in which they were traced.
        layers: The layers of the model, by which their seed generators are named. Defaults to none.
    """
    before = ancestors(end)
    # All seed generators of a model are named alike: seed_generator/seed_generator_state.
    owners = {
        id(value.state): f"the layer {layer.name!r}"
        for layer in layers
        for value in vars(layer).values()
        if isinstance(value, keras.random.SeedGenerator)
    }
    # Seeds from inside of a condition or a loop lie in a graph of their own. Whether the tensor depends on what was
    # drawn there is not followed up.
    seeds = zip(scope.seeds, scope.drawn_from, strict=True)
    found = [
        owners.get(id(item), getattr(item, "path", item.name))
        for seed, item in seeds
        if seed.graph is not end.graph or _in(seed, before)
    ]
    found += [operation.name for operation in _with_functions(before.values()) if _draws(operation)]
    return tuple(dict.fromkeys(found))


def _draws(operation: Any) -> bool:
    """Whether an operation draws from a generator of TensorFlow's."""
    # With a seed, a fractional pooling has the same regions each time.
    return bool(_STATEFUL.match(operation.type)) and not _is_set(operation, "deterministic")


def _is_set(operation: Any, attribute: str) -> bool:
    return attribute in operation.node_def.attr and bool(operation.get_attr(attribute))


def _in(tensor: Tensor, operations: dict[int, Any]) -> bool:
    return id(tensor.op) in operations


def _with_functions(operations: Iterable[Any]) -> Iterable[Any]:
    """Some operations, and those in the functions, conditions and loops among them."""
    for operation in operations:
        yield operation
        for name in _functions(operation):
            # A function that TensorFlow made by itself, as of a gradient, may have left no graph behind.
            inner = getattr(operation.graph._get_function(name), "graph", None)
            yield from () if inner is None else _with_functions(inner.get_operations())


def _functions(operation: Any) -> list[str]:
    if not operation.type.endswith(("PartitionedCall", "While", "If", "Case")):
        return []
    attributes = operation.node_def.attr.values()
    return [item.func.name for item in attributes if item.HasField("func")] + [
        function.name for item in attributes for function in item.list.func
    ]


def _next() -> Tensor:
    """A seed that was not drawn before, `(2,)` int64."""
    # The assignment orders passes as the code does, in loops as well, so that a seed repeats an evaluation.
    return tf.convert_to_tensor(_state(current_replica()).assign_add([0, 1]))


def _state(replica: int) -> tf.Variable:
    with _LOCK:
        if replica not in _STATE:
            with tf.init_scope(), tf.device("CPU:0"):  # outside of the graph that happens to be traced
                # Not `tf.Variable`, of which a strategy would make copies on all devices, which no replica may change.
                _STATE[replica] = ResourceVariable([0, 0], dtype=tf.int64, trainable=False, name="draws")
        return _STATE[replica]
