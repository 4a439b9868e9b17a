"""Functions of measurements as methods of what holds measurements."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from keras_advxai.measurements.measurements import Measurements

P = ParamSpec("P")
R = TypeVar("R")


def figure(function: Callable[Concatenate[Measurements, P], R]) -> Callable[Concatenate[Any, P], R]:
    """A function of measurements as a method, with the signature and documentation of the function.

    So each figure stands once: in the function, which needs no report, and in the report for whoever has one.

    Args:
        function: Its first argument, `found`, are the measurements; the method takes those of its object,
            `self.measurements`.
    """

    @functools.wraps(function)
    def ask(self: Any, *args: P.args, **kwargs: P.kwargs) -> R:
        return function(self.measurements, *args, **kwargs)

    # Whoever reads the report's help has no measurements to pass.
    ask.__doc__ = (function.__doc__ or "").replace("    found: What was measured.\n    ", "")
    signature = inspect.signature(function)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [own, *list(signature.parameters.values())[1:]]
    vars(ask)["__signature__"] = signature.replace(parameters=parameters)  # where `inspect` looks first
    return cast("Callable[Concatenate[Any, P], R]", ask)
