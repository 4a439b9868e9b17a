"""The callbacks of one `fit`, which do not know of each other."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import keras

_STARTED: weakref.WeakKeyDictionary[keras.callbacks.Callback, frozenset[str]] = weakref.WeakKeyDictionary()

_SAID: weakref.WeakKeyDictionary[keras.callbacks.Callback, tuple[Any, set[tuple[str, str]]]] = (
    weakref.WeakKeyDictionary()
)


def said_in_fit(callback: keras.callbacks.Callback) -> set[tuple[str, str]]:
    """What our callbacks of one `fit` have said: the same set for all of them, empty when the training begins.

    Args:
        callback: One of them, when its training begins.
    """
    params: Any = callback.params
    # With the parameters that it began with: a callback may still have the set of an earlier training.
    siblings = (said for other, (theirs, said) in _SAID.items() if other is not callback and theirs is params)
    found = next(siblings, set()) if params else set()
    _SAID[callback] = params, found
    return found


def check_keys(callback: keras.callbacks.Callback, keys: Iterable[str]) -> None:
    """Raise if another of our callbacks in the same `fit` writes one of these keys.

    Args:
        callback: The callback, when its training begins.
        keys: What it is going to write into the logs.

    Raises:
        ValueError: Another one does, too.
    """
    own = frozenset(keys)
    params: Any = callback.params
    # Keras gives the callbacks of one list the same dictionary, and those of another training another one; one that is
    # left from a training that broke off holds its own. A `CallbackList` of a user's own may give none.
    if params:
        for other, theirs in list(_STARTED.items()):
            if other is not callback and other.params is params and own & theirs:
                raise ValueError(
                    f"Two callbacks write the same keys into the logs, such as {min(own & theirs)!r}. Give each "
                    "AdversarialEvaluation a `name` of its own, which its keys begin with: name='pgd' makes "
                    "'val_pgd_accuracy_clean'."
                )
    _STARTED[callback] = own
