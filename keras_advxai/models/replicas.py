"""The devices that a model is mirrored on, and what runs on all of them at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_advxai.models.compiled import cached_structure


def strategy_of(model: keras.Model) -> tf.distribute.Strategy | None:
    """The `MirroredStrategy` of several devices that a model is used under; `None` for one device.

    It is the one in whose scope the model was made, or else the one whose scope is open.

    Args:
        model: The model.

    Example:

    >>> import keras
    >>> from keras_advxai.models.replicas import strategy_of
    >>> strategy_of(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])) is None
    True
    """
    own = getattr(model, "_distribute_strategy", None)  # without it, Keras' property says TensorFlow's default
    open_one = tf.distribute.get_strategy() if tf.distribute.has_strategy() else None
    found = own or open_one
    # The replicas of other strategies are on machines that this process does not see the results of.
    mirrored = isinstance(found, tf.distribute.MirroredStrategy) and found.num_replicas_in_sync > 1
    return found if mirrored else None


def current_replica() -> int:
    """The number of the replica whose graph is being traced; 0 where there are none."""
    context = tf.distribute.get_replica_context()  # None in a strategy's scope, outside of its replicas
    return 0 if context is None else int(tf.get_static_value(context.replica_id_in_sync_group) or 0)


@dataclasses.dataclass(frozen=True)
class OnReplicas:
    """A function that runs on each replica with arguments of its own, to be compiled by `ImageClassifier.compiled`.

    Args:
        function: A function of a classifier and of tensors, as `ImageClassifier.compiled` takes it.
        strategy: The strategy.
        arguments: How many tensors, or structures of them, it takes.
    """

    function: Callable[..., Any]
    strategy: tf.distribute.Strategy
    arguments: int

    @tf.autograph.experimental.do_not_convert
    def __call__(self, model: Any, *given: Any) -> list[Any]:
        """What the function returns on each replica. It runs while a graph is traced.

        Args:
            model: The classifier.
            *given: The arguments for the first replica, then those for the second, and so on.
        """
        found: dict[int, Any] = {}

        def run() -> None:
            replica = current_replica()
            own = given[replica * self.arguments : (replica + 1) * self.arguments]
            with cached_structure(model.model):  # known to the thread that traces, and each replica has its own
                found[replica] = self.function(model, *own)

        # Kept here and not returned: the strategy would make values of its own of them, and one of what is the same.
        self.strategy.run(run)
        return [found[replica] for replica in range(self.strategy.num_replicas_in_sync)]
