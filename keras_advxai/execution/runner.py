"""What measures the batches of an evaluation somewhere else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Protocol

from keras_advxai.data import Batches, Fingerprint
from keras_advxai.measurements.part import Part


def check_runner(runner: Any, shard: Any) -> None:
    """Raise unless a runner is one, or none, and divides the data by itself.

    Raises:
        TypeError: It is something else.
        ValueError: A shard was named, too.
    """
    if runner is None:
        return
    if isinstance(runner, type) or not callable(getattr(runner, "parts", None)):
        raise TypeError(
            "Argument `runner` must be one of keras_advxai.distributed, such as RayRunner(shards=16). Received: "
            f"runner={runner!r}"
        )
    if shard is not None:
        raise ValueError(
            f"A runner evaluates all shards. Leave out `shard`, or the runner. Received: shard={shard!r} and "
            f"runner={runner!r}"
        )


class Runner(Protocol):
    """Measures batches on other machines, as `keras_advxai.distributed.RayRunner` does."""

    def parts(
        self,
        evaluator: Any,
        batches: Batches,
        hashes: Fingerprint,
        progress: bool,
        title: str,
        journal: str | os.PathLike[str] | None,
    ) -> Iterable[Part]:
        """What is found on each batch, in their order.

        Args:
            evaluator: The `Evaluator`, whose `classifier`, `settings` and `measure` are asked for.
            batches: The data. What is known of them when they were read, such as `has_labels`, is set.
            hashes: What each batch is added to; of arrays nothing.
            progress: Whether to show a bar.
            title: What the bar says.
            journal: A folder for the journals of all shards; `None` for none.
        """
