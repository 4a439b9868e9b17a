"""What a command says: results on standard output, everything else on standard error."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

import click

from keras_advxai.cli.failing import as_options, one_line


class Console:
    """Where a command writes.

    Args:
        quiet: Whether progress and hints are left out. Defaults to `False`.
        as_json: Whether the result is one JSON document instead of text. Defaults to `False`.
        debug: Whether tracebacks are shown, and the warnings of other packages. Defaults to `False`.
    """

    def __init__(self, quiet: bool = False, as_json: bool = False, debug: bool = False) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self.debug = debug
        self._said: set[str] = set()

    @property
    def progress(self) -> bool:
        """Whether to show progress."""
        return not self.quiet

    def say(self, text: str) -> None:
        """What goes on, on standard error."""
        if not self.quiet:
            click.echo(text, err=True)

    def show(self, text: str = "") -> None:
        """A part of the result as text."""
        if not self.as_json:
            click.echo(text)

    def finish(self, result: Any) -> None:
        """The whole result as JSON, where that is asked for."""
        if self.as_json:
            click.echo(json.dumps(result, indent=2, allow_nan=False))

    def warn(self, text: str) -> None:
        """What would be misread, on standard error, also where it is quiet."""
        click.echo(f"keras-advxai: warning: {one_line(text)}", err=True)

    def _load(self) -> None:
        """Import TensorFlow without what it says of itself while it is imported, which no setting keeps it from."""
        if self.debug:
            importlib.import_module("tensorflow")
            return
        sys.stderr.flush()
        kept = os.dup(2)
        try:
            with tempfile.TemporaryFile() as said:
                os.dup2(said.fileno(), 2)
                try:
                    importlib.import_module("keras_advxai.api")
                except BaseException:
                    said.seek(0)
                    os.write(kept, said.read())
                    raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Keeps what others print off standard output, such as Keras' downloads, and warnings to one line each."""
        if "tensorflow" not in sys.modules:
            self.say("Loading TensorFlow ...")
            self._load()
        said = self._said

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            ours = category.__module__.startswith("keras_advxai") or "keras_advxai" in filename
            text = one_line(as_options(str(message)))
            if (ours or self.debug) and text not in said:
                said.add(text)
                self.warn(text)

        with contextlib.ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(nowhere if self.quiet else sys.stderr))
            warnings.showwarning = show
            yield
