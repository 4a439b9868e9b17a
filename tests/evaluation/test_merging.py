"""Which reports of parts make a whole: those of all parts of one evaluation, and no others."""

from __future__ import annotations

from typing import Any

import pytest
from measurements.made_measurements import make_report

from keras_advxai import EvaluationReport

IMAGES = 5


def part(index: int, count: int = 3, *, hashes: tuple[str, ...] = (), settings: Any = None, **changed: Any):
    """A report of one part, of five images in two batches, as an evaluation of the data in order makes it."""
    known = {
        "shard": [index, count],
        "batches": [2 * index, 2 * index + 2],
        "of_batches": 2 * count,
        "first": IMAGES * index,
        "of_images": IMAGES * count,
        "hashes": list(hashes),
        "weights_sha256": "aa",
        "shapes": [[4, 4, 1]],
        "has_sample_weights": False,
        "unsure_logits": False,
        "visible_end": None,
        "ways_out": {},
        "random": [],
        "non_finite_weights": [],
        "arriving": None,
        "other_range": None,
        "audit": [],
        **changed,
    }
    return make_report(IMAGES, index, part=known, **(settings or {}))


def merge(*parts: EvaluationReport) -> EvaluationReport:
    return EvaluationReport.merge(parts)


def refused(message: str, *parts: EvaluationReport) -> None:
    with pytest.raises(ValueError, match=message):
        merge(*parts)


def test_a_whole_needs_each_part_once():
    one, two, three = map(part, range(3))
    refused("must have the reports of all parts. Received: none")
    refused(r"Only reports of parts can be merged.* Received: the report of all of its data, 5 images", make_report())
    refused(r"^Part shard=\(1, 3\) was passed twice\.$", one, two, two, three)
    refused(r"^1 of 3 parts are missing\. Evaluate and pass them, too: shard=\(1, 3\)$", three, one)
    refused(r"^7 of 8 parts are missing\. .*: shard=\(0, 8\), .*, shard=\(5, 8\), \.\.\.$", part(3, 8))
    refused(r"^5 of 6 parts are missing\. .*: shard=\(0, 6\), .*, shard=\(5, 6\)$", part(3, 6))
    refused(r"of one division\. Received: shard=\(0, 3\) and shard=\(1, 2\)$", one, part(1, 2), three)
    stopped = {"images": 2, "of": 5, "batch": 1, "batches": 2, "reason": "the disk is full"}
    refused(r"Part shard=\(1, 3\) stopped before its end", one, part(1, settings={"partial": stopped}), three)


def test_all_parts_are_of_one_model_evaluated_alike_on_one_set_of_data():
    one, two = part(0), part(1)

    def third(**changed: Any) -> EvaluationReport:
        return part(2, **changed)

    where = r"^Part shard=\(1, 3\) and part shard=\(2, 3\) "
    refused(f"{where}are of different weights of the model", one, two, third(weights_sha256="bb"))
    for settings, difference in (
        ({"seed": 1}, "`seed` is 0, and 1"),
        ({"versions": {"numpy": "3"}}, "`versions.numpy` is '2', and '3'"),
        ({"settings": {"attacks": ["fgsm"]}}, r"`settings.attacks` is \[.*\], and \['fgsm'\]"),
    ):
        refused(f"{where}were not evaluated alike: {difference}$", one, two, third(settings=settings))
    refused(
        f"{where}are not consecutive: one ends before batch 4 of 6, and the other begins with batch 5 of 6",
        *(one, two, third(batches=[5, 6])),
    )
    refused(f"{where}are not consecutive: .* of 6, .* with batch 4 of 7", one, two, third(of_batches=7))
    refused(f"{where}are of different data", one, two, third(settings={"data_sha256": "11ff"}))


def test_only_what_is_random_has_to_know_how_many_images_came_before():
    message = r"not consecutive: one ends before image 10, and the other took its first one for image 9\. All batches"
    refused(message, part(0), part(1), part(2, first=9, random=["noise"]))
