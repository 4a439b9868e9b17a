"""Where a model was loaded from, for whoever reads its figures."""

from __future__ import annotations

import contextlib
import weakref

import keras

_SOURCES: weakref.WeakKeyDictionary[keras.Model, str] = weakref.WeakKeyDictionary()


def note_source(model: keras.Model, source: str) -> None:
    """Note where a model was loaded from, as long as it lives; nothing of it is changed.

    Args:
        model: The model.
        source: The name of a file or of a function, in one line.
    """
    with contextlib.suppress(TypeError):  # of a class whose objects have no hash
        _SOURCES[model] = source


def source_of(model: keras.Model) -> str | None:
    """What was noted; `None` for a model that was made elsewhere.

    Args:
        model: The model.
    """
    try:
        return _SOURCES.get(model)
    except TypeError:
        return None
