"""What failed and is not to cost what was computed: said once, with its traceback in the log."""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator

LOGGER = logging.getLogger("keras_advxai")
_LONGEST = 300  # characters
_PREAMBLE = (" ", "\t", "Graph execution error:", "Detected at node", "<stack traces unavailable>")
"""What TensorFlow puts in front of an error in a graph, or within: pages on where the graph was made."""


class FailureWarning(UserWarning):
    """Something failed beside the computation, which went on: an evaluation during a training, logging or saving."""


def failure_text(what: str, error: BaseException) -> str:
    """What failed and why, in one line.

    Args:
        what: What was done, as `"Logging epoch 3"`.
        error: The error.

    Example:

    >>> from keras_advxai._failures import failure_text
    >>> failure_text("Logging epoch 3", OSError(28, "No space left on device"))
    'Logging epoch 3 failed (OSError: [Errno 28] No space left on device)'
    """
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith(_PREAMBLE)]
    said = re.sub(r"^\{\{.*?\}\} ", "", " ".join((lines or [""])[0].split()))
    shown = said if len(said) <= _LONGEST else f"{said[:_LONGEST]} ..."
    return f"{what} failed ({type(error).__name__}{': ' if shown else ''}{shown})"


def log_failure(text: str, error: BaseException) -> None:
    """Write to the log what failed, with its traceback."""
    LOGGER.warning(text, exc_info=error)


class Failures:
    """What failed of several things that are done one after another, to be said in one warning.

    Example:

    >>> import warnings
    >>> from keras_advxai._failures import Failures
    >>> failures = Failures()
    >>> with failures.noted("Drawing"):
    ...     raise ValueError("No such colour.")
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     failures.tell("The report is returned.")
    >>> print(caught[0].message)
    Drawing failed (ValueError: No such colour.). The report is returned.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []

    @contextlib.contextmanager
    def noted(self, what: str) -> Iterator[None]:
        """Goes on after an error in its body, whose traceback is written to the log.

        Args:
            what: What the body does, as `"Writing the report"`.
        """
        try:
            yield
        except Exception as error:  # whatever matplotlib, TensorBoard or the disk come up with
            self._texts.append(failure_text(what, error))
            log_failure(self._texts[-1], error)

    def tell(self, then: str) -> None:
        """Warn of what failed, if anything did.

        Args:
            then: A sentence on what is not lost.
        """
        if self._texts:
            text = f"{'; '.join(self._texts)}. {then}"
            warnings.warn(text, FailureWarning, stacklevel=5)  # where `evaluate` was called
