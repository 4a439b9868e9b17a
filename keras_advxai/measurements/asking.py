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

    A figure of an attack at an epsilon is asked of a corruption at a severity in the same way: it is then that of what
    was measured under corruptions, and the severity may be named as such.

    So each figure stands once: in the function, which needs no report, and in the report for whoever has one.

    Args:
        function: Its first argument, `found`, are the measurements; the method takes those of its object,
            `self.measurements`.
    """
    names = list(inspect.signature(function).parameters)[1:]
    leads = names[:1] == ["attack"]  # of those without an attack, no corruption is asked for

    @functools.wraps(function)
    def ask(self: Any, *args: P.args, **kwargs: P.kwargs) -> R:
        found, given = self.measurements, dict(kwargs)
        if leads and found.coordinates.is_corruption(args[0] if args else given.get("attack")):
            found = found.corrupted
            if "severity" in given and "epsilon" in names:
                given["epsilon"] = given.pop("severity")
        return cast("Callable[..., R]", function)(found, *args, **given)

    # Whoever reads the report's help has no measurements to pass.
    ask.__doc__ = (function.__doc__ or "").replace("    found: What was measured.\n    ", "")
    signature = inspect.signature(function)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [own, *list(signature.parameters.values())[1:]]
    vars(ask)["__signature__"] = signature.replace(parameters=parameters)  # where `inspect` looks first
    return cast("Callable[Concatenate[Any, P], R]", ask)
