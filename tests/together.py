"""Functions run by several threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

PATIENCE = 120.0
"""Seconds until threads count as waiting for one another, on however slow a machine."""


def together(*functions: Callable[[], Any]) -> list[Any]:
    """What the functions return, each run in a thread of its own, all of them released at once."""
    barrier = threading.Barrier(len(functions))
    results: list[Any] = [None] * len(functions)
    errors: list[BaseException] = []

    def run(index: int) -> None:
        try:
            barrier.wait(PATIENCE)
            results[index] = functions[index]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "the threads wait for one another"
    if errors:
        raise errors[0]
    return results
