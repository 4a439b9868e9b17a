"""The dissimilarities that are found by name, and the decorator that declares one."""

from __future__ import annotations

import copyreg
import importlib
import re
from collections.abc import Callable
from typing import Any, overload

from keras_advxai._choice import nearest
from keras_advxai.metrics.dissimilarity import Dissimilarity, DissimilarityFunction

_KNOWN: dict[str, Dissimilarity] = {}
_FAMILIES: dict[str, Callable[..., Dissimilarity]] = {}


@overload
def register(
    function: DissimilarityFunction, /, *, name: str | None = None, upper: float | None = None, numpy: bool = False
) -> Dissimilarity: ...


@overload
def register(
    *, name: str | None = None, upper: float | None = None, numpy: bool = False
) -> Callable[[DissimilarityFunction], Dissimilarity]: ...


def register(
    function: DissimilarityFunction | None = None,
    /,
    *,
    name: str | None = None,
    upper: float | None = None,
    numpy: bool = False,
) -> Dissimilarity | Callable[[DissimilarityFunction], Dissimilarity]:
    """Declares a dissimilarity: a decorator of a function of two batches of heatmaps to `(batch,)`, 0 for the same.

    Used bare or with arguments. What is decorated is found by its name from then on, as ours are.

    Args:
        function: What is decorated.
        name: What it is called; a Python identifier. Defaults to `None`, the function's own name.
        upper: The largest value that it may take. Defaults to `None`, unknown.
        numpy: Whether the function computes with NumPy or SciPy rather than TensorFlow. It is then given NumPy arrays,
            and called from graphs by `tf.numpy_function`. Defaults to `False`.

    Raises:
        ValueError: If another function has the name already, or there is no usable name. (A definition that is run
            again, in a notebook or by `importlib.reload`, replaces the older one.)
        TypeError: If what is decorated is not a function, or `numpy` not `True` or `False`.

    Example:

    >>> import numpy as np
    >>> import tensorflow as tf
    >>> import keras_advxai as kax
    >>> @kax.metrics.register(upper=1)
    ... def mean_change(heatmaps, others):
    ...     return tf.reduce_mean(tf.abs(heatmaps - others), axis=(1, 2, 3))
    >>> kax.metrics.get("mean_change")(np.zeros((2, 4, 4, 1)), np.full((2, 4, 4, 1), 0.25))
    array([0.25, 0.25])
    """

    def declare(function: DissimilarityFunction) -> Dissimilarity:
        return _add(Dissimilarity(function, name=name, upper=upper, numpy=numpy))

    return declare if function is None else declare(function)


def family(pattern: str) -> Callable[[Callable[..., Dissimilarity]], Callable[..., Dissimilarity]]:
    """Declares what makes dissimilarities of names that nobody can list, such as those at a size.

    Args:
        pattern: A regular expression of the whole name, whose groups the decorated function is called with.
    """

    def declare(make: Callable[..., Dissimilarity]) -> Callable[..., Dissimilarity]:
        _FAMILIES[pattern] = make
        return make

    return declare


def get(identifier: str | DissimilarityFunction | Dissimilarity) -> Dissimilarity:
    """The dissimilarity that a name or a function means.

    Args:
        identifier: A name, in which case, hyphens and underscores do not matter; a dissimilarity; or a function of
            two batches of heatmaps that nothing declares, which is then called by its own name.

    Raises:
        ValueError: The name is unknown, and the message lists the known ones and the nearest; or a function has no
            usable name, or that of another one.
        TypeError: `identifier` is something else.

    Example:

    >>> import keras_advxai as kax
    >>> kax.metrics.get("rank_distance")
    <Dissimilarity 'rank_distance'>
    >>> def my_function(heatmaps, others):
    ...     return abs(heatmaps - others)[:, 0, 0, 0]
    >>> kax.metrics.get(my_function).name
    'my_function'
    """
    if isinstance(identifier, Dissimilarity):
        return identifier
    if isinstance(identifier, str):
        return _by_name(identifier)
    if not callable(identifier) or isinstance(identifier, type):
        raise TypeError(
            f"Argument `identifier` must be the name of a known dissimilarity ({', '.join(sorted(_names()))}) or a "
            "function of two batches of heatmaps. "
            f"Received: {identifier!r} (of type {type(identifier).__name__})"
        )
    # `register(name=...)(function)` leaves the function as it was, and it may be passed by itself afterwards.
    declared = [metric for metric in _KNOWN.values() if metric.function == identifier]
    if declared:
        return declared[0]
    metric = Dissimilarity(identifier)
    _check_free(metric)
    return metric


def serialize(metric: str | DissimilarityFunction | Dissimilarity) -> str:
    """The name of a dissimilarity, by which `deserialize` finds it.

    Raises:
        ValueError: It is a function that nothing declares, which no name would find.
    """
    found = get(metric)
    if _KNOWN.get(_squeezed(found.name)) != found:
        raise ValueError(
            f"The dissimilarity {found.name!r} cannot be saved by its name, because it was never declared. Decorate "
            "the function with @keras_advxai.metrics.register."
        )
    return found.name


def deserialize(name: str) -> Dissimilarity:
    """The dissimilarity that `serialize` described.

    Raises:
        ValueError: No dissimilarity of that name has been declared.
        TypeError: `name` is not a string.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"Argument `name` must be what `serialize` made of some dissimilarity. Received: {name!r} (of type "
            f"{type(name).__name__})"
        )
    return _by_name(name)


def declared() -> tuple[Dissimilarity, ...]:
    """Every dissimilarity that has been declared so far, in the order of their declarations."""
    return tuple(_KNOWN.values())


def _add(metric: Dissimilarity) -> Dissimilarity:
    key = _squeezed(metric.name)
    if key in _KNOWN and not _is_run_again(metric, _KNOWN[key]):
        _check_free(metric)
    _KNOWN[key] = metric
    return metric


def _check_free(metric: Dissimilarity) -> None:
    """Refuse a name that belongs to another dissimilarity: in a report the two could not be distinguished."""
    other = _KNOWN.get(_squeezed(metric.name), metric)
    if other != metric:
        raise ValueError(
            f"Another function is the dissimilarity {other.name!r} already. Give this one a name of its own: "
            f'keras_advxai.metrics.register(name="my_{metric.name}")(function). Received: {metric.function!r} beside '
            f"{other.function!r}"
        )


def _is_run_again(metric: Dissimilarity, older: Dissimilarity) -> bool:
    """Whether one definition made both: a cell of a notebook that is run twice, or a module that is reloaded.

    Two functions inside functions may have one qualified name and still be two.
    """
    places = [
        (getattr(each.function, "__module__", None), getattr(each.function, "__qualname__", "<locals>"))
        for each in (metric, older)
    ]
    return places[0] == places[1] and "<" not in places[0][1]


def _by_name(name: str) -> Dissimilarity:
    if _squeezed(name) in _KNOWN:
        return _KNOWN[_squeezed(name)]
    for pattern, make in _FAMILIES.items():
        found = re.fullmatch(pattern, name)
        if found is not None and _squeezed(found[1]) in _KNOWN:
            return make(*found.groups())
    raise ValueError(
        f"Unknown dissimilarity {name!r}.{nearest(name, _names())} Known: {', '.join(sorted(_names()))}. A function of "
        "two batches of heatmaps may be passed as well, and @keras_advxai.metrics.register makes it known by name."
    )


def _names() -> list[str]:
    return [metric.name for metric in _KNOWN.values()]


def _squeezed(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter not in "_- ")


def _restored(name: str, module: str) -> Dissimilarity:
    """What a pickled name means, in a process that may not have imported yet what declares it."""
    if _squeezed(name) not in _KNOWN:
        importlib.import_module(module)
    return _by_name(name)


def _reduced(metric: Dissimilarity) -> tuple[Any, ...]:
    """How to pickle and copy: by name, because the decorated function cannot be found by its own any more."""
    if _KNOWN.get(_squeezed(metric.name)) == metric:
        return _restored, (metric.name, metric.__module__)
    return get, (metric.function,)  # one that nothing declares is pickled by its function


copyreg.pickle(Dissimilarity, _reduced)  # here rather than as a method, since the class knows of no registry
