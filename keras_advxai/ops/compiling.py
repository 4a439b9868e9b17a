"""Calls what is compiled, whatever TensorFlow was told for debugging; refuses where it cannot be."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context

_forked = False


def check_usable() -> None:
    """Raise if TensorFlow cannot run anything in this process.

    Raises:
        RuntimeError: Eager execution was disabled, or the process was forked from one that had used TensorFlow.
    """
    if _forked:  # the threads that run graphs stayed behind, and whoever waits for them waits for ever
        raise RuntimeError(
            "This process was forked from one that had used TensorFlow, which does not work after that: it would hang. "
            "Start processes by multiprocessing.get_context('spawn'), and load the model there."
        )
    if not tf.compat.v1.executing_eagerly_outside_functions():
        raise RuntimeError(
            "keras_advxai needs TensorFlow's eager execution. Leave out tf.compat.v1.disable_eager_execution() and "
            "disable_v2_behavior(), and call nothing inside of `with tf.Graph().as_default()`."
        )


def check_eager(what: str) -> None:
    """Raise inside of a graph, where nothing has a value.

    Args:
        what: What is called, as `"An evaluation"`.

    Raises:
        RuntimeError: It is called inside of a `tf.function`, or TensorFlow cannot run anything.
    """
    check_usable()
    if not tf.executing_eagerly():
        raise RuntimeError(
            f"{what} returns numbers, which nothing has inside of a tf.function or of dataset.map. Call it outside; it "
            "is compiled by itself."
        )


@contextlib.contextmanager
def unwatched() -> Iterator[None]:
    """Inside of it, TensorFlow's debugging adds nothing to what is traced.

    `tf.debugging.enable_check_numerics` raises at every infinity. Ours have their place: a mask, a distance that was
    not found, a dissimilarity that is not defined. And XLA, which compiles SSIM, does not know the operations that it
    adds. What the user's own training computes is checked all the same.
    """
    watching = context.context().op_callbacks  # this thread's own list: eager calls ask it, whatever else is said
    kept = tuple(watching)
    watching.clear()
    try:
        yield
    finally:
        watching[:0] = kept


def call_compiled(function: Any, *args: Any) -> Any:
    """The result of a `tf.function`, as a graph to which no debugging adds anything.

    Args:
        function: The `tf.function`.
        *args: Its arguments, nested structures of tensors.

    Raises:
        RuntimeError: TensorFlow cannot run it in this process.
    """
    check_usable()
    with unwatched():
        # What a graph may do, and our code relies on inside of one, is another thing than what eager code may: the
        # checks of a public call look at values there, and a loop takes a hundred times as long.
        if tf.config.functions_run_eagerly() and tf.executing_eagerly():
            function = function.get_concrete_function(*args)
        return function(*args)


def _after_fork() -> None:
    global _forked
    own = context.context_safe()
    _forked = _forked or bool(getattr(own, "_initialized", False))  # else its threads are yet to be made


def _register(after_fork: Callable[[], None]) -> None:
    if hasattr(os, "register_at_fork"):  # not on Windows, where nothing is forked
        os.register_at_fork(after_in_child=after_fork)


_register(_after_fork)
