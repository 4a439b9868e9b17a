"""What is said of an evaluation that stopped before the end of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_advxai.data import Batches
from keras_advxai.execution.collected import Collected
from keras_advxai.measurements.reading import reason


def entry(error: BaseException, collected: Collected, batches: Batches) -> dict[str, Any]:
    """The entry of a provenance.

    Args:
        error: What stopped it.
        collected: What was measured before.
        batches: The data.

    Returns:
        `images`, how many were measured, and `of` how many; `batch`, the number of the one that failed, from 0, and
        `batches`, how many there are; `None` where the data do not say; and `reason`.
    """
    # The length of a stream is known behind its end alone, and may be that of the time before.
    return {
        "images": collected.images,
        "of": batches.known_images,
        "batch": collected.batches,
        "batches": batches.batch_count,
        "reason": f"{type(error).__name__}: {_text(error)}".rstrip(": "),
    }


def sentence(known: Mapping[str, Any]) -> str:
    """A provenance's entry as a finding."""
    of = "" if known["of"] is None else f" of {known['of']}"
    batches = "" if known["batches"] is None else f" of {known['batches']}"
    return (
        f"Partial: the evaluation stopped after {known['images']}{of} images, at batch {known['batch']} of the data "
        f"(after {known['batch']}{batches} batches; {known['reason']}). All figures are of the images before."
    )


def message(error: BaseException, collected: Collected, batches: Batches) -> str:
    """The message of an error that has the report."""
    count = "" if batches.batch_count is None else f" of {batches.batch_count}"
    return (
        f"Batch {collected.batches} of the data failed, after {collected.batches}{count} batches with "
        f"{collected.images} images: {error}\nWhat was measured before is in the `report` of this error, and is "
        'returned with on_error="partial"; with `journal` the same call goes on from there.'
    )


def _text(error: BaseException) -> str:
    """The first line of an error, as a file can hold it."""
    lines = [line for line in reason(error).splitlines() if line.strip()]
    return lines[0].replace("\0", "").encode("utf-8", "replace").decode() if lines else ""
