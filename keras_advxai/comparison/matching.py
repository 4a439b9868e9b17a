"""Which images of several evaluations are the same: by their content, since shuffled data list them in other orders."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from keras_advxai.evaluation import EvaluationReport
from keras_advxai.measurements.outcomes import Numbers, outcomes


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One evaluation of one model.

    Attributes:
        model: What the model is called in the comparison.
        report: Its report.
        sources: What each image is known by in the data that it was made of, `(images,)`, such as a hash of its pixels
            before it was resized; `None` where it was evaluated elsewhere.
    """

    model: str
    report: EvaluationReport
    sources: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Place:
    """Where the images of one evaluation lie among those of all.

    Attributes:
        images: The number of the set of images that they are.
        order: Indices that bring them into the order of the first evaluation of that set, `(images,)`.
        by: How they were known again: `"the same data"`, `"content"` or `"name"`.
    """

    images: int
    order: np.ndarray
    by: str


def places(runs: Sequence[Run]) -> list[Place]:
    """The set of images that each evaluation is of, and their order in it.

    Images are the same where their pixels are, as their hashes say (`image_key`; of 31 bits: two images with one hash
    are told apart by their labels). Of models of other sizes they are those of one source, or files of one name.

    Args:
        runs: The evaluations.

    Raises:
        ValueError: Two evaluations are of the same images with other labels.
    """
    found: dict[int, Place] = {}
    images = 0
    for start in range(len(runs)):
        if start in found:
            continue
        found[start] = Place(images, np.arange(len(runs[start].report.measurements)), "the same data")
        reached = [start]
        # From one to the next: a report of resized images may know those of another report alone.
        for index in reached:
            for other in range(start + 1, len(runs)):
                match = None if other in found else _match(runs[index], runs[other])
                if match is not None:
                    order, by = match
                    found[other] = Place(images, order[found[index].order], by)
                    reached.append(other)
        images += 1
    return [found[index] for index in range(len(runs))]


def check_same_images(models: Mapping[str, Sequence[int]], runs: Sequence[Run], found: Sequence[Place]) -> None:
    """Raise unless all models were evaluated on the same sets of images.

    Args:
        models: Name of each model to the numbers of its runs.
        runs: The evaluations.
        found: What `places` returned for them.

    Raises:
        ValueError: They were not; the message says how many images the two have in common.
    """
    first, *others = models
    sets = {name: sorted({found[index].images for index in numbers}) for name, numbers in models.items()}
    for name in others:
        if sets[name] == sets[first]:
            continue
        apart = sorted(set(sets[name]) ^ set(sets[first]))
        theirs = next(index for index, place in enumerate(found) if place.images == apart[0])
        own = runs[theirs].model == first
        pair = (runs[theirs], runs[models[name][0]]) if own else (runs[models[first][0]], runs[theirs])
        raise ValueError(
            f"Only models on the same images compare, and {first!r} and {name!r} were evaluated on others: "
            f"{_in_common(*pair)}. Evaluate all of them on the same data, or leave one out."
        )


def _match(first: Run, run: Run) -> tuple[np.ndarray, str] | None:
    """Indices that bring the images of a run into the order of another, and how; `None` if they are others."""
    one, other = first.report, run.report
    if len(one.measurements) != len(other.measurements):
        return None
    if one.provenance["data_sha256"] and one.provenance["data_sha256"] == other.provenance["data_sha256"]:
        return np.arange(len(one.measurements)), "the same data"
    for by, keys in _keys(first, run):
        order = _order(*keys)
        if order is not None:
            _check_labels(first, run, order)
            return order, by
    return None


def _keys(first: Run, run: Run) -> list[tuple[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]]:
    """What the images of both are known by, the surest first: keys and labels of either."""
    one, other = first.report.measurements, run.report.measurements
    ways: list[tuple[str, np.ndarray, np.ndarray]] = []
    origins = [_origin(each) for each in (first, run)]
    if origins[0] is not None and origins[1] is not None and origins[0].dtype.kind == origins[1].dtype.kind:
        ways.append(("the same data" if origins[0].dtype.kind == "U" else "content", origins[0], origins[1]))
    if "image_key" in one and "image_key" in other:
        ways.append(("content", one.at("image_key"), other.at("image_key")))
    # Of one size and range, files of one name and other pixels are other images.
    resized = any(first.report.provenance[key] != run.report.provenance[key] for key in ("heatmap_size", "bounds"))
    names = [found.at("name") for found in (one, other)] if resized and "name" in one and "name" in other else []
    if names and all(len(np.unique(each)) == len(each) for each in names):
        ways.append(("name", names[0], names[1]))
    labels = [_classes(each.report) for each in (first, run)]
    return [(by, (mine, labels[0], theirs, labels[1])) for by, mine, theirs in ways]


def _origin(run: Run) -> np.ndarray | None:
    """What the images are known by before they were resized; of those that were not, a hash of their pixels."""
    if run.sources is not None:
        return run.sources
    found = run.report.measurements
    return found.at("image_key") if "image_key" in found else None


def _classes(report: EvaluationReport) -> np.ndarray:
    """A number of each image by which images with one hash are told apart: its label, where it has one."""
    given = report.provenance["labels"] == "given" and report.provenance["task"] == "classification"
    return report.measurements.at("label") if given else np.zeros(len(report.measurements), int)


def _order(keys: np.ndarray, labels: np.ndarray, other_keys: np.ndarray, other_labels: np.ndarray) -> np.ndarray | None:
    """Indices that bring the other images into the order of these; `None` if they are not the same ones."""
    # `lexsort` is stable: copies of one image keep their order.
    ours, theirs = np.lexsort((labels, keys)), np.lexsort((other_labels, other_keys))
    if not np.array_equal(keys[ours], other_keys[theirs]):
        return None
    order = np.empty(len(keys), int)
    order[ours] = theirs
    return order


def _check_labels(first: Run, run: Run, order: np.ndarray) -> None:
    one, other = (each.report.provenance["labels"] == "given" for each in (first, run))
    if one != other:
        given, lacking = (first, run) if one else (run, first)
        raise ValueError(
            f"{given.model!r} was evaluated with labels and {lacking.model!r} without: accuracy counts agreement with "
            "the labels, and with the clean predictions. Pass labels to both, or to neither."
        )
    mine, theirs = (outcomes(each.report.measurements) for each in (first, run))
    if not one or mine.task != theirs.task or isinstance(mine, Numbers):
        return
    labels, others = mine.labels(), theirs.labels()[order]
    apart = len(labels) if labels.shape != others.shape else int(mine.apart(labels, others).sum())
    if apart:
        raise ValueError(
            f"{first.model!r} and {run.model!r} were evaluated on the same images with other labels: of {apart} of "
            f"{len(labels)} images they are not the same. Number the classes alike for both."
        )


def _in_common(one: Run, other: Run) -> str:
    counts = f"{len(one.report.measurements)} and {len(other.report.measurements)} images"
    for _, (mine, _, theirs, _) in _keys(one, other):
        return f"{counts}, {len(np.intersect1d(mine, theirs))} of them in both"
    return f"{counts}, and nothing says which are the same"
