"""A progress bar that moves while a step is compiled."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

SECONDS = 1.0
"""How often the bar is drawn."""


@contextlib.contextmanager
def moving(bar: Any) -> Iterator[None]:
    """Inside of it a bar is drawn again and again until it has counted something, so that its clock goes on.

    A bar draws itself when it counts, and before the first batch is done nothing is counted: a minute, for a model of a
    thousand layers, in which it would look as if it hung.

    Args:
        bar: A bar of tqdm. One that is disabled stays as it is.
    """
    if bar.disable:
        yield
        return
    begin, over = bar.n, threading.Event()

    def draw() -> None:
        with contextlib.suppress(OSError, ValueError):  # of a closed stream the bar tells when it counts
            while not over.wait(SECONDS) and bar.n == begin:
                bar.refresh()

    thread = threading.Thread(target=draw, name="keras_advxai bar", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()  # or it would draw a bar that is closed
