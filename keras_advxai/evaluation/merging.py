"""Reports of parts of the data: what each of them keeps beside its measurements, and the whole that they make."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np

from keras_advxai import checks
from keras_advxai._answer import Answer
from keras_advxai.checks.evidence import Evidence
from keras_advxai.data import Batches
from keras_advxai.data.fingerprint import of_batches
from keras_advxai.measurements.examples import Example
from keras_advxai.measurements.finding import Finding
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.part import MOMENTS
from keras_advxai.measurements.reading import shown
from keras_advxai.models.arriving import Arriving, compared, pooled
from keras_advxai.models.ranges import OtherRange
from keras_advxai.settings.evaluation_settings import EvaluationSettings

_OF_SIZES = {"heatmap_size": [], "ssim": ""}
"""What a provenance says of images of several sizes."""
_OF_A_PART = ("part", "source", "data_sha256", *_OF_SIZES, "layers", "depths", "head")
"""The entries of a provenance in which parts of one evaluation may differ."""


class Report(Protocol):
    """What an `EvaluationReport` has, which lies above this file."""

    @property
    def measurements(self) -> Measurements:
        """What was measured of each image."""

    @property
    def provenance(self) -> dict[str, Any]:
        """How it was measured."""

    @property
    def examples(self) -> tuple[Example, ...]:
        """A few images with their heatmaps."""

    @property
    def settings(self) -> EvaluationSettings:
        """What it was made with."""


class Mergeable:
    """Gives `EvaluationReport` its `merge`."""

    @classmethod
    def merge(cls, parts: Iterable[Any]) -> Self:
        """The report of all of the data, of the reports of all of their parts, in any order.

        It equals that of one process, of arrays in every bit. Of a dataset no part sees all: its `data_sha256` is made
        of the hashes of its batches, begins with `batches:`, and is the same for any number of parts.

        Args:
            parts: What `evaluate(..., shard=(0, 16))` to `shard=(15, 16)` returned, or `load` of their files, which
                have no examples.

        Raises:
            ValueError: A part is missing or was passed twice, or they are not of one evaluation, with the same
                settings, weights, data and versions; the message says which part, and what differs.

        Example:

        >>> import keras, numpy as np
        >>> import keras_advxai as kax
        >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
        >>> data = np.random.default_rng(0).random((6, 4, 4, 1)), [0, 1, 0, 1, 0, 1]
        >>> settings = kax.EvaluationSettings(explainers=(), epsilons=(0.1,), batch_size=2)
        >>> parts = [kax.evaluate(model, data, settings=settings, shard=(i, 3), progress=False) for i in range(3)]
        >>> kax.EvaluationReport.merge(parts) == kax.evaluate(model, data, settings=settings, progress=False)
        True
        """
        make: Callable[..., Self] = cls  # of the report, whose fields these are
        return make(*merged(list(parts)))


def location(batches: Batches, first: int, hashes: Sequence[str]) -> dict[str, Any]:
    """Where a part of the data lies in the whole, as an entry of its provenance.

    Args:
        batches: The data of the part.
        first: The number of its first image.
        hashes: The hash of each of its batches, where nobody sees all of the data.

    Returns:
        `shard`, its number and how many there are; `batches`, the number of its first batch and of the one after its
        last, `of_batches` in all; `first`, the number of its first image, `of_images` in all, as far as that is known;
        `hashes`.
    """
    shard = batches.shard
    return {
        "shard": [] if shard is None else [shard.index, shard.count],
        "batches": list(batches.batch_range),
        "of_batches": batches.total_batches,
        "first": first,
        "of_images": batches.total_images if batches.are_arrays else None,
        "hashes": list(hashes),
    }


def facts(
    evidence: Evidence,
    shapes: Iterable[tuple[int, ...]],
    weights: str,
    arriving: dict[str, Any] | None,
    answer: Answer | None,
) -> dict[str, Any]:
    """What the checks of the whole have to know of a part beside its measurements, as entries of its provenance.

    Args:
        evidence: What the checks of the part looked at.
        shapes: The shapes of its images.
        weights: The hash of the model's weights.
        arriving: What `pooled_moments` returned.
        answer: What the model says of an image that is made; `None` where that is not known.
    """
    return {
        "weights_sha256": weights,
        "shapes": sorted(list(shape) for shape in shapes),
        "has_sample_weights": evidence.has_sample_weights,
        "unsure_logits": evidence.unsure_logits,
        "visible_end": evidence.visible_end,
        "ways_out": dict(evidence.ways_out),
        "random": list(evidence.random),
        "non_finite_weights": list(evidence.non_finite_weights),
        "arriving": arriving,
        "other_range": None if evidence.other_range is None else list(evidence.other_range),
        "audit": [],
        **({"own_prediction": evidence.own_prediction} if evidence.own_prediction else {}),
        **({"own_evaluation": evidence.own_evaluation} if evidence.own_evaluation else {}),
        **({} if evidence.own_threshold is None else {"own_threshold": evidence.own_threshold}),
        **({"unmerged": list(evidence.unmerged)} if evidence.unmerged else {}),
        **({"passed_over": list(evidence.passed_over)} if evidence.passed_over else {}),
        **({} if evidence.mixing_layer is None else {"mixing_layer": evidence.mixing_layer}),
        **({"signal": list(evidence.signal)} if evidence.signal else {}),
        **({"stateful": list(evidence.stateful)} if evidence.stateful else {}),
        **({"masking": list(evidence.masking)} if evidence.masking else {}),
        **({} if answer is None else {"answer": answer.to_dict()}),
    }


def pooled_moments(layer: str | None, arriving: Sequence[tuple[dict[str, np.ndarray], int]]) -> dict[str, Any] | None:
    """What arrived at a layer with statistics of its training, in all batches; see `models.arriving`.

    Args:
        layer: The layer's path; `None` if there is none.
        arriving: The moments of each batch, and how many images it has.
    """
    if layer is None or not arriving:
        return None
    moments, counts = zip(*arriving, strict=True)
    found = pooled(moments, counts)
    return {"layer": layer, **{name: [_plain(value) for value in found[name]] for name in MOMENTS}}


def merged(
    reports: Sequence[Report],
) -> tuple[Measurements, dict[str, Any], tuple[Finding, ...], tuple[Example, ...], EvaluationSettings]:
    """What the report of the whole is made of; see `EvaluationReport.merge`."""
    parts = _ordered(list(reports))
    for one, other in itertools.pairwise(parts):
        _check_alike(one, other)
    measurements = Measurements.concat([report.measurements for report in parts])
    evidence = _evidence(parts, measurements)
    provenance = {**parts[-1].provenance, "part": None, "data_sha256": _data(parts)}
    provenance |= _OF_SIZES if evidence.image_sizes > 1 else {}
    return measurements, provenance, _findings(parts, evidence), _examples(parts), parts[0].settings


def _evidence(parts: Sequence[Report], measurements: Measurements) -> Evidence:
    """What the checks of the whole look at: its measurements, and what `facts` has kept of each part."""
    known = [report.provenance["part"] for report in parts]
    settings, last = parts[0].settings, known[-1]
    shapes = {tuple(shape) for part in known for shape in part["shapes"]}
    return Evidence(
        measurements,
        settings.attacks_and_controls,
        has_labels=parts[-1].provenance["labels"] == "given",
        has_sample_weights=any(part["has_sample_weights"] for part in known),
        image_sizes=len(shapes),
        unsure_logits=last["unsure_logits"],
        from_logits=None if settings.reduce is not None else settings.from_logits,
        reduces=settings.reduce is not None,
        visible_end=last["visible_end"],
        explainers=settings.explainers,
        ways_out=last["ways_out"],
        random=tuple(last["random"]),
        non_finite_weights=tuple(last["non_finite_weights"]),
        own_prediction=last.get("own_prediction"),
        own_evaluation=last.get("own_evaluation"),
        own_threshold=last.get("own_threshold"),
        unmerged=tuple(last.get("unmerged", ())),
        passed_over=tuple(last.get("passed_over", ())),
        mixing_layer=last.get("mixing_layer"),
        signal=tuple(last.get("signal", ())),
        stateful=tuple(last.get("stateful", ())),
        masking=tuple(last.get("masking", ())),
        arriving=_arriving(parts),
        other_range=None if known[0]["other_range"] is None else OtherRange(*known[0]["other_range"]),
    )


def _findings(parts: Sequence[Report], evidence: Evidence) -> tuple[Finding, ...]:
    """Those of the whole, and before them those of an audit, which was of the first part."""
    found = checks.findings(evidence)
    said = {finding.id for finding in found}
    audited = [Finding.from_dict(item) for report in parts for item in report.provenance["part"]["audit"]]
    return (*(finding for finding in audited if finding.id not in said), *found)


def _examples(parts: Sequence[Report]) -> tuple[Example, ...]:
    """Those of all parts, numbered as the images of the whole: a part of a dataset may only guess where it begins."""
    found: list[Example] = []
    begin = 0
    for report in parts:
        shift = begin - report.provenance["part"]["first"]
        found += [dataclasses.replace(example, index=example.index + shift) for example in report.examples]
        begin += len(report.measurements)
    return tuple(found)


def _ordered(reports: list[Report]) -> list[Report]:
    """The parts in the order of the data, if they are all there."""
    for report in reports:
        if report.provenance["part"] is None:
            raise ValueError(
                "Only reports of parts can be merged, as evaluate(..., shard=(3, 16)) returns them. Received: the "
                f"report of all of its data, {len(report.measurements)} images"
            )
        if report.provenance.get("partial") is not None:
            raise ValueError(f"Part {_number(report)} stopped before its end. Evaluate it again. Received: {report!r}")
    if not reports:
        raise ValueError("Argument `parts` must have the reports of all parts. Received: none")
    total = reports[0].provenance["part"]["shard"][1]
    others = [report for report in reports if report.provenance["part"]["shard"][1] != total]
    if others:
        raise ValueError(f"All parts must be of one division. Received: {_number(reports[0])} and {_number(others[0])}")
    found: dict[int, Report] = {}
    for report in reports:
        index = report.provenance["part"]["shard"][0]
        if index in found:
            raise ValueError(f"Part {_number(report)} was passed twice.")
        found[index] = report
    missing = [index for index in range(total) if index not in found]
    if missing:
        listed = ", ".join(f"shard=({index}, {total})" for index in missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise ValueError(f"{len(missing)} of {total} parts are missing. Evaluate and pass them, too: {listed}")
    return [found[index] for index in range(total)]


def _check_alike(one: Report, other: Report) -> None:
    """Raise unless one part is followed by the other, of the same evaluation."""
    before, after = (report.provenance["part"] for report in (one, other))
    where = f"Part {_number(one)} and part {_number(other)}"
    if before["weights_sha256"] != after["weights_sha256"]:
        raise ValueError(f"{where} are of different weights of the model. Evaluate all parts of one and the same.")
    answer = Answer.from_dict(before.get("answer"))
    if answer is not None and not answer.is_that_of(Answer.from_dict(after.get("answer"))):
        raise ValueError(
            f"{where} are of different functions: with the same weights, the model says something else of the same "
            "image. Its code, an attribute of a layer, `preprocess` or `reduce` was another. Evaluate all parts of one "
            "and the same."
        )
    for name, value in one.provenance.items():
        theirs = other.provenance[name]
        if name not in _OF_A_PART and value != theirs:
            raise ValueError(f"{where} were not evaluated alike: {_difference(name, value, theirs)}")
    ends, begins = before["batches"][1], after["batches"][0]
    if ends != begins or before["of_batches"] != after["of_batches"]:
        raise ValueError(
            f"{where} are not consecutive: one ends before batch {ends} of {before['of_batches']}, and the other "
            f"begins with batch {begins} of {after['of_batches']}."
        )
    first = before["first"] + len(one.measurements)
    # What a random model draws for a batch depends on how many images come before.
    if first != after["first"] and after["random"]:
        raise ValueError(
            f"{where} are not consecutive: one ends before image {first}, and the other took its first one for image "
            f"{after['first']}. All batches of a dataset but the last must have one size, so that each part knows "
            "which images come before it."
        )
    if not (before["hashes"] or after["hashes"]) and one.provenance["data_sha256"] != other.provenance["data_sha256"]:
        raise ValueError(f"{where} are of different data: their hashes, `data_sha256`, are not the same.")


def _difference(name: str, value: Any, other: Any) -> str:
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        key = next(key for key in (*value, *other) if value.get(key) != other.get(key))
        return f"`{name}.{key}` is {shown(value.get(key))}, and {shown(other.get(key))}"
    return f"`{name}` is {shown(value)}, and {shown(other)}"


def _data(parts: Sequence[Report]) -> str:
    """The hash of the data: what each part says where it saw all of them, else put together from hashes of batches."""
    hashes = [item for report in parts for item in report.provenance["part"]["hashes"]]
    return of_batches(hashes) if hashes else str(parts[0].provenance["data_sha256"])


def _arriving(parts: Sequence[Report]) -> Arriving | None:
    known = [(report.provenance["part"]["arriving"], len(report.measurements)) for report in parts]
    found = [(arriving, count) for arriving, count in known if arriving is not None]
    if not found:
        return None
    moments = [{name: np.array(item[name], float) for name in MOMENTS} for item, _ in found]  # None becomes NaN
    return compared(found[0][0]["layer"], moments, [count for _, count in found])


def _number(report: Report) -> str:
    index, total = report.provenance["part"]["shard"]
    return f"shard=({index}, {total})"


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
