"""What the user of a callback is told while the model is trained."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import warnings
from collections.abc import Iterable

from tqdm.auto import tqdm

from keras_advxai._failures import LOGGER, FailureWarning, log_failure
from keras_advxai._warnings import each_once
from keras_advxai.measurements.finding import Finding


class FindingWarning(UserWarning):
    """A finding of severity warning or error about the model that is trained."""


class Teller:
    """Says things in the middle of a training, each of them once.

    Args:
        shows: Whether the training shows something, as it does without `verbose=0`.
        by_all: What all callbacks of the training have said, by topic and sentence, to which this one adds. Defaults
            to `None`: there is no other.
    """

    def __init__(self, shows: bool, by_all: set[tuple[str, str]] | None = None) -> None:
        self.shows = shows
        self._said: set[tuple[str, str]] = set()
        self._by_all = set() if by_all is None else by_all

    def each_warning_once(self) -> contextlib.AbstractContextManager[None]:
        """Inside of it, what is warned of anywhere is said once in all of the training, as what is said here."""
        return each_once(self._by_all)

    def line(self, text: str) -> None:
        """Say a line: to the log, or where that shows nothing, on standard error."""
        if LOGGER.isEnabledFor(logging.INFO):
            LOGGER.info(text)
        elif self.shows:
            tqdm.write(text, file=sys.stderr)

    def findings(self, found: Iterable[Finding], when: str) -> None:
        """Warn of what is more than a note, and was not said yet.

        Args:
            found: The findings.
            when: What they are about, as `"After epoch 1"`.
        """
        for finding in found:
            if finding.severity != "note":
                self.warn(finding.id, str(finding), f"{when}: {finding} ({finding.link})")

    def warn(self, id: str, text: str, sentence: str | None = None) -> None:
        """Warn, unless it was said already, with whatever numbers, or by another callback with the same ones.

        Args:
            id: What it is about.
            text: The sentence by which it is known again.
            sentence: The sentence to say. Defaults to `text`.
        """
        is_new = self._is_new(id, text)
        # Of another callback only what is the same to the last digit: other numbers are of other images.
        if is_new and (id, text) not in self._by_all:
            self._by_all.add((id, text))
            warnings.warn(sentence or text, FindingWarning, stacklevel=2)

    def failure(self, text: str, sentence: str, error: Exception) -> None:
        """Warn of what failed, and write its traceback to the log, unless that was said already.

        Args:
            text: What failed and why.
            sentence: The sentence to say.
            error: The error.
        """
        if self._is_new("failure", text):
            log_failure(sentence, error)
            warnings.warn(sentence, FailureWarning, stacklevel=2)

    def _is_new(self, id: str, text: str) -> bool:
        key = (id, re.sub(r"\d[\d.]*", "", text))  # with other numbers after each epoch it is the same
        is_new = key not in self._said
        self._said.add(key)
        return is_new
