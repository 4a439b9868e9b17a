"""Whether evaluations were made alike, so that their figures compare: what is refused, and what is stated."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_advxai.comparison.layered import of_one_kind
from keras_advxai.comparison.matching import Place, Run
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.metrics.at_size import size_of
from keras_advxai.text import enumeration, epsilon_text

_CONDITIONS = {"attack": "attacks", "explainer": "explainers", "metric": "dissimilarities", "epsilon": "epsilons"}


@dataclasses.dataclass(frozen=True)
class Common:
    """What all evaluations of a comparison have.

    Attributes:
        attacks: Names of the attacks, noise controls among them.
        explainers: Names of the explainers.
        metrics: Names of the dissimilarities of heatmaps that compare.
        epsilons: The budgets.
    """

    attacks: tuple[str, ...]
    explainers: tuple[str, ...]
    metrics: tuple[str, ...]
    epsilons: tuple[float, ...]


def common(runs: Sequence[Run]) -> Common:
    """What all evaluations have, in the order of the first.

    Args:
        runs: The evaluations.

    Raises:
        ValueError: They do not compare: another task, target or norm, attacks of one name with other parameters, or
            nothing in common.
    """
    first = runs[0]
    for run in runs:
        _check_whole(run)
        for key, what in (
            ("task", "what the models predict"),
            ("target", "whose class heatmaps explain"),
            ("attack_targets", "which class targeted attacks are to reach"),
        ):
            one, other = (each.report.provenance[key] for each in (first, run))
            if one != other:
                raise ValueError(
                    f"{first.model!r} and {run.model!r} do not compare: `{key}`, {what}, is {one!r} and {other!r}. "
                    "Evaluate both alike."
                )
    attacks = _shared("attack", [run.report.attacks for run in runs])
    epsilons = _shared("epsilon", [run.report.epsilons for run in runs])
    # Names say every parameter but seeds, so attacks and explainers of one name are the same.
    for run in runs:
        for attack in attacks:
            if run.report.norms[attack] != first.report.norms[attack]:
                raise ValueError(f"{attack!r} of {first.model!r} and of {run.model!r} have budgets of other norms.")
    explainers = _shared("explainer", [run.report.explainers for run in runs], may_be_none=True)
    metrics = _metrics(runs) if explainers or any(run.report.explainers for run in runs) else first.report.metrics
    return Common(attacks, explainers, metrics, epsilons)


def notes(
    models: Mapping[str, Sequence[int]], runs: Sequence[Run], found: Sequence[Place], shared: Common
) -> Iterator[str]:
    """What would be misread otherwise: what only some of the evaluations have, and how images were matched.

    Args:
        models: Name of each model to the numbers of its runs.
        runs: The evaluations.
        found: Where the images of each lie.
        shared: What all of them have.
    """
    for name, known in (("attack", shared.attacks), ("epsilon", shared.epsilons), ("metric", shared.metrics)):
        labels = {label: None for run in runs for label in _labels(run.report, name)}
        missing = [label for label in labels if not _has(known, label)]
        if missing:
            said = enumeration([epsilon_text(item) if name == "epsilon" else str(item) for item in missing])
            yield (f"Not compared, because not all evaluations have them alike: the {_CONDITIONS[name]} {said}.")
    only = {
        name: None
        for run in runs
        for name in run.report.explainers
        if name not in shared.explainers and not set(of_one_kind(run.report, name)) & set(shared.explainers)
    }
    if shared.explainers and only:  # not those of every layer, which have other names in each model
        yield f"Not compared, because not all evaluations have them: the explainers {enumeration(list(only))}."
    if any(place.by == "name" for place in found):
        yield (
            "Images of other sizes were matched by the names of their files, and their labels agree; that these are "
            "the same files, no report can say."
        )
    sizes = {tuple(run.report.provenance["heatmap_size"]) for run in runs}
    if len(sizes) > 1 and shared.explainers:
        listed = enumeration(["x".join(map(str, size)) for size in sorted(sizes)])
        yield (
            f"The models take images of several sizes, {listed}: heatmaps were brought to one before they were "
            "compared, and an epsilon changes more values of a larger image."
        )
    for key, what in (("seed", "seeds of the noise"), ("versions", "versions of the packages")):
        values = [run.report.provenance[key] for run in runs]
        if any(value != values[0] for value in values):
            yield (f"The evaluations were made with several {what}.")
    for name, numbers in models.items():
        ids = {finding.id: None for index in numbers for finding in runs[index].report.warnings}
        if ids:
            yield (f"The evaluation of {name} has findings of its own, {enumeration(list(ids))}: print its report.")


def _check_whole(run: Run) -> None:
    for key, what in (("partial", "stopped before the end of its data"), ("part", "is that of one shard")):
        if run.report.provenance[key] is not None:
            raise ValueError(f"Only whole evaluations compare, and the one of {run.model!r} {what}.")
    if not len(run.report.measurements):
        raise ValueError(f"The report of {run.model!r} has no images.")


def _shared(dim: str, labels: Sequence[Sequence[Any]], may_be_none: bool = False) -> tuple[Any, ...]:
    found = tuple(label for label in labels[0] if all(_has(others, label) for others in labels[1:]))
    if not found and not may_be_none:
        each = "; ".join(", ".join(map(str, item)) or "none" for item in labels)
        raise ValueError(f"The evaluations have no {dim} in common. They have: {each}")
    return found


def _has(labels: Sequence[Any], label: Any) -> bool:
    if isinstance(label, float):  # which another machine may have read from a text
        return any(abs(label - other) <= 1e-6 * abs(label) for other in labels)
    return label in labels


def _labels(report: EvaluationReport, dim: str) -> tuple[Any, ...]:
    return report.measurements.coordinates.labels(dim)


def _metrics(runs: Sequence[Run]) -> tuple[str, ...]:
    """The dissimilarities that all have of heatmaps of one size."""
    named = _shared("metric", [run.report.metrics for run in runs], may_be_none=True)
    sizes = [tuple(run.report.provenance["heatmap_size"]) for run in runs]
    one_size = len(set(sizes)) == 1 and sizes[0] != ()
    found = tuple(name for name in named if one_size or size_of(name) is not None)
    if found:
        return found
    if not named:
        raise ValueError(
            "The evaluations have no dissimilarity in common. They have: "
            + "; ".join(f"{run.model}: {', '.join(run.report.metrics)}" for run in runs)
        )
    listed = "; ".join(
        f"{run.model}: {'x'.join(map(str, size)) or 'several'}" for run, size in zip(runs, sizes, strict=True)
    )
    smallest = tuple(min(sides) for sides in zip(*(size for size in sizes if size), strict=False))
    raise ValueError(
        f"Dissimilarities of heatmaps of several sizes do not compare ({listed}). Evaluate all of them at one size, "
        f"with metrics=kax.metrics.at_size({named[0]!r}, {smallest}), as kax.compare does with models."
    )
