"""Whether a call from a graph may run another graph, and wait for it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

import tensorflow as tf


class Threads:
    """Says whether one more of TensorFlow's threads may wait for another of them.

    A function that the graph calls holds one of the threads that run graphs. A compiled function that it calls needs
    another, and where there is none both would wait forever: on a machine with a single core, or with many such calls
    at a time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = 0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[bool]:
        """Inside of the block a thread may wait, if this says so."""
        with self._lock:
            # One thread must be left for whoever is waited for: on a single core there is none, ever.
            free = self._held + 1 < _thread_count()
            self._held += 1
        try:
            yield free
        finally:
            with self._lock:
                self._held -= 1


def _thread_count() -> int:
    """How many threads TensorFlow runs graphs with."""
    said = os.environ.get("TF_NUM_INTEROPTHREADS", "")
    # In a container, the process may run on fewer cores than the machine has.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return tf.config.threading.get_inter_op_parallelism_threads() or int(said if said.isdecimal() else 0) or cores


THREADS = Threads()
