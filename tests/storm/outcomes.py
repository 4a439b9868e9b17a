"""What may come out of a call: a right result, or an error of ours before anything is computed."""

from __future__ import annotations

import contextlib
import logging
import pathlib
import re
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import offered
import subjects
from calls import Call
from results import RUNS, UnmadeError, WrongError

import keras_advxai as kax
from keras_advxai.testing import unchanged

PACKAGE = str(pathlib.Path(kax.__file__).parent)
NAMES_SOMETHING = re.compile(
    r"`[\w.]+`|Received: |Pass |[Tt]he (model|images|dataset|data|layer|journal)\b|batch \d+ of"
    r"|Unknown (attack|explainer|dissimilarity) |takes a single"
)
"""An error of ours says what it is about."""


def outcome(call: Call) -> str:
    """`"right"` or `"refused"`, or `"not ours"` where the data could not even be made.

    Raises:
        WrongError: It is neither.
    """
    values = call.values  # made outside: what fails here is the storm's own
    spy = call.subject.spy
    computed = spy.seen.computed if spy else 0
    model = getattr(call.subject.model, "inner", call.subject.model)
    said: Exception | None = None
    with quiet() as heard, unchanged(model, *arrays(values)):
        try:
            RUNS[call.entry](call, dict(values))
        except WrongError:
            raise
        except UnmadeError:
            return "not ours"
        except Exception as error:
            said = error
    check_heard(heard)
    if said is None:
        if any(value.right is False for value in call.given.values()):
            raise WrongError("It was accepted.")
        return "right"
    check_refusal(said)
    if spy and spy.seen.computed != computed and "batch" not in str(said):
        raise WrongError(f"It computed before it said: {said}") from said
    return "refused"


def arrays(values: dict[str, Any]) -> list[np.ndarray]:
    """The arrays of the user's among what is passed."""
    parts = keras.tree.flatten([values.get("x"), values.get("y")])
    return [part for part in parts if type(part) is np.ndarray and part.dtype != object]


def check_refusal(error: Exception) -> None:
    """Raise unless it is an error as we document them."""
    frames = traceback.extract_tb(error.__traceback__)
    last, text = frames[-1], str(error)
    if any(frame.filename in (subjects.__file__, offered.__file__) for frame in frames):
        return  # a function or a dataset of the user's failed, whose error it is
    if isinstance(error, ImportError) and "needs alibi" in text:
        return
    if isinstance(error, OSError) and "Argument `journal` must be a file that can be written" in text:
        return
    if type(error) not in (TypeError, ValueError, RuntimeError) and not type(error).__module__.startswith("keras_adv"):
        raise WrongError(f"It raised {type(error).__name__}: {text[:300]}") from error
    if not last.filename.startswith(PACKAGE):
        raise WrongError(f"It raised from {last.filename}, line {last.lineno}: {text[:300]}") from error
    if not NAMES_SOMETHING.search(text):
        raise WrongError(f"Its error names nothing: {text[:300]}") from error
    if len(text) > 4000:
        raise WrongError(f"Its error has {len(text)} characters: {text[:300]}") from error


@contextlib.contextmanager
def quiet() -> Iterator[list[Any]]:
    """Whatever is warned or logged in the meantime."""
    heard: list[Any] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record)

    listener = Listener(logging.WARNING)
    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl", "")]
    for logger in loggers[:2]:
        logger.addHandler(listener)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield heard
        heard += caught
    finally:
        for logger in loggers[:2]:
            logger.removeHandler(listener)


def check_heard(heard: list[Any]) -> None:
    """Raise for a warning that is none of ours."""
    for item in heard:
        if isinstance(item, logging.LogRecord):
            raise WrongError(f"It logged {item.getMessage()[:300]}")
        if "__array__ implementation doesn't accept a copy" in str(item.message):
            continue  # TensorFlow's variables under NumPy 2
        ours = item.category.__module__.startswith("keras_advxai")
        plain = item.category is UserWarning and "site-packages" not in item.filename
        if not ours and not plain:
            raise WrongError(
                f"{item.filename}, line {item.lineno}: {item.category.__name__}: {str(item.message)[:300]}"
            )
