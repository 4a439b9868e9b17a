"""Runs what may fail, and must not end a training."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Generic, Literal, TypeAlias, TypeVar, get_args

import tensorflow as tf

from keras_advxai._choice import check_one_of
from keras_advxai._failures import failure_text
from keras_advxai.callbacks.telling import Teller
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.execution.errors import EvaluationError

OnError: TypeAlias = Literal["warn", "raise"]

T = TypeVar("T")


def check_on_error(on_error: OnError) -> OnError:
    """Return what is to be done about errors, if it is one of the things that can be.

    Raises:
        ValueError: It is something else.
    """
    check_one_of("on_error", on_error, get_args(OnError), hint=False)
    return on_error


@dataclasses.dataclass(frozen=True)
class Done(Generic[T]):
    """What came of something that went well."""

    value: T


@dataclasses.dataclass(frozen=True)
class Failure:
    """What is kept of something that failed.

    Attributes:
        text: What failed and why, in a line.
        of_memory: Whether the memory was too small.
        report: Of an evaluation that failed in the middle, the report of what was measured before; else `None`.
    """

    text: str
    of_memory: bool
    report: EvaluationReport | None = None


class Guard:
    """Runs what may fail, and keeps what is to be said of it until everything is in its place.

    Args:
        on_error: `"warn"` to go on after errors, `"raise"` not to.
        teller: Who says it.
        close: What to do when the program is interrupted.
    """

    def __init__(self, on_error: OnError, teller: Teller, close: Callable[[], None]) -> None:
        self._raises = on_error == "raise"
        self._teller = teller
        self._close = close
        self._untold: list[tuple[str, str, Exception]] = []

    def run(self, what: str, call: Callable[[], T], then: str) -> Done[T] | Failure:
        """Run something.

        Args:
            what: What it is, as `"Logging epoch 3"`.
            call: The call.
            then: A sentence on what happens after an error, for the user.

        Returns:
            What came of it.

        Raises:
            KeyboardInterrupt: Somebody wants the training to end, in whatever thread that was noticed.
            Exception: It failed, and errors are to be raised.
        """
        try:
            with self._teller.each_warning_once():
                return Done(call())
        except Exception as error:
            interrupt = interrupt_of(error)
            if interrupt is not None:
                self._close()
                vars(interrupt)["report"] = getattr(error, "report", None)  # as of one that came by itself
                raise interrupt from error
            if self._raises:
                self._close()
                raise
            text = failure_text(what, _first(error))
            self._untold.append((text, f"{text}. {then}", error))
            return Failure(text, is_of_memory(error), error.report if isinstance(error, EvaluationError) else None)
        except BaseException:
            self._close()
            raise

    def tell(self) -> None:
        """Say what failed since it was said last, each kind of failure once."""
        untold, self._untold = self._untold, []  # an error holds whatever was at hand when it was raised
        for text, sentence, error in untold:
            self._teller.failure(text, sentence, error)


def is_of_memory(error: Exception) -> bool:
    """Whether an error says that the memory was too small."""
    return isinstance(_first(error), (MemoryError, tf.errors.ResourceExhaustedError))


def interrupt_of(error: Exception) -> BaseException | None:
    """The `KeyboardInterrupt` or `SystemExit` that TensorFlow has made an error of, as one in a generator that it runs.

    Args:
        error: An error.

    Returns:
        What it was; `None` if the error is one.
    """
    # "{{function_node ...}} KeyboardInterrupt: " begins its message, or a line of it.
    first = _first(error)
    if not isinstance(first, tf.errors.UnknownError):
        return None
    found = re.search(r"(?m)^(?:\{\{.*\}\} )?(KeyboardInterrupt|SystemExit)\b", first.message)
    return {"KeyboardInterrupt": KeyboardInterrupt, "SystemExit": SystemExit}[found[1]]() if found else None


def _first(error: BaseException) -> BaseException:
    """What went wrong in a batch, of an error that has the report of those before it."""
    return error.__cause__ if isinstance(error, EvaluationError) and error.__cause__ is not None else error
