"""Warnings that are given once, however often a call comes upon what they are about."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

_TOLD = threading.local()


@contextlib.contextmanager
def each_once(told: set[tuple[str, str]] | None = None) -> Iterator[None]:
    """Inside of it, `warn` gives each warning once. Also a decorator.

    A model is looked at several times in one call: before anything is computed, in each trace, and for the report.
    Python's own filter is no help, since whoever changes filters in between, as Keras does, makes it forget.

    Args:
        told: What was said before, by topic and sentence, to which it adds. Defaults to `None`: nothing, or what the
            call around this one has said.

    Example:

    >>> import warnings
    >>> from keras_advxai._warnings import each_once, warn
    >>> with warnings.catch_warnings(record=True) as caught, each_once():
    ...     warnings.simplefilter("always")
    ...     for _ in range(3):
    ...         warn("The layer has no weights.")
    >>> len(caught)
    1
    """
    before = getattr(_TOLD, "texts", None)
    _TOLD.texts = (set() if before is None else before) if told is None else told
    try:
        yield
    finally:
        _TOLD.texts = before


def warn(text: str, category: type[Warning] = UserWarning, stacklevel: int = 1) -> None:
    """Warn as `warnings.warn` does, but for what was said already inside of `each_once`.

    Args:
        text: The sentence.
        category: The class of the warning. Defaults to `UserWarning`.
        stacklevel: As that of `warnings.warn`. Defaults to 1.
    """
    told = getattr(_TOLD, "texts", None)
    if told is not None:
        if ("warning", text) in told:
            return
        told.add(("warning", text))
    warnings.warn(text, category, stacklevel=stacklevel + 1)
