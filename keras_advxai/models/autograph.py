"""`tf.autograph.experimental.do_not_convert` with types: TensorFlow's own makes what it decorates untyped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf

F = TypeVar("F", bound=Callable[..., Any])


def do_not_convert(function: F) -> F:
    """Decorates a function that AutoGraph calls as it is, inside a user's `tf.function` too."""
    unconverted: F = tf.autograph.experimental.do_not_convert(function)
    return unconverted
