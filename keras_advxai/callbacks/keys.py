"""What the callback puts into the logs: its keys, and the values of a report."""

from __future__ import annotations

import collections
import itertools
import math
import re
from collections.abc import Iterable, Iterator

import numpy as np

from keras_advxai.evaluation import EvaluationReport, EvaluationSettings
from keras_advxai.text import enumeration

UNMEASURED = math.inf
"""What is logged for a drift that could not be measured: worse than any that could.

Not NaN: Keras' ModelCheckpoint, EarlyStopping and ReduceLROnPlateau take the first value that they see for the best,
and nothing is ever better than NaN. The blank model of a first epoch would be kept for good.
"""

_FAILED = "evaluation_failed"

_FIGURES = {
    "classification": {"accuracy": "accuracy"},
    "multi_label": {"accuracy": "accuracy", "exact_accuracy": "exact_accuracy"},
    "regression": {"change": "mean_change"},
}
"""For each task, what the logs have of each attack at the largest epsilon: the key, and the method of a report."""


def check_name(name: str | None) -> str | None:
    """Return the name of a callback, if keys may have it.

    Args:
        name: The name; `None` for none.

    Raises:
        ValueError: It is something else than letters, digits and underscores.
    """
    # `ModelCheckpoint("{val_strong_accuracy_fgsm:.3f}.keras")` can use no others.
    if name is not None and not (isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_]+", name)):
        raise ValueError(f"Argument `name` must consist of letters, digits and underscores. Received: name={name!r}")
    return name


def keys(settings: EvaluationSettings, name: str | None = None) -> set[str]:
    """All keys that evaluations with these settings put into the logs, where the model predicts one class for an image.

    Those of other models have other names for the accuracies, and are the same for two callbacks where these are.
    Whatever is no letter or digit in the name of an attack, an explainer or a dissimilarity, such as the dot of a layer
    `block.1` or of a step size, is an underscore in the keys.

    Args:
        settings: The settings.
        name: The name of the callback. Defaults to `None`.

    Raises:
        ValueError: Two of them are the same key.

    Example:

    >>> import keras_advxai as kax
    >>> from keras_advxai.callbacks.keys import keys
    >>> settings = kax.EvaluationSettings(explainers=(), noise_control=False)
    >>> sorted(keys(settings))
    ['val_accuracy_clean', 'val_accuracy_fgsm', 'val_evaluation_failed']
    >>> sorted(keys(settings, "pale"))
    ['val_pale_accuracy_clean', 'val_pale_accuracy_fgsm', 'val_pale_evaluation_failed']
    """
    ends: dict[str, list[str]] = collections.defaultdict(list)
    ends["accuracy_clean"].append("clean")
    for names, levels in _conditions(settings):
        for name_of_one in names:
            ends[_usable(f"accuracy_{name_of_one}")].append(name_of_one)
        for kind, (end, whose) in itertools.product(_kinds(levels), _drifts_of(settings, names)):
            ends[f"{kind}_{end}"].append("/".join(whose))
    for end, meant in ends.items():
        if len(meant) > 1:  # the later one would overwrite the other, epoch by epoch
            raise ValueError(
                f"What is measured of {enumeration(meant)} would have the same key in the logs, "
                f"'{_start(name)}{end}', because keys have underscores for whatever is no letter or digit. "
                "Evaluate them by two callbacks, each with a `name` of its own."
            )
    return {f"{_start(name)}{end}" for end in (*ends, _FAILED)}


def values(report: EvaluationReport, name: str | None = None) -> dict[str, float]:
    """What a report puts into the logs: plain floats, none of them NaN.

    Args:
        report: The report.
        name: The name of the callback. Defaults to `None`.
    """
    found: dict[str, float] = {}
    # Else it is 1 by definition.
    if report.provenance["labels"] == "given" and "accuracy" in _FIGURES[report.provenance["task"]]:
        found["accuracy_clean"] = report.clean_accuracy
    for each in (report, *((report.corrupted,) if report.corruptions else ())):
        found |= _values_of(each)
    return {f"{_start(name)}{_usable(end)}": value for end, value in found.items()}


def _values_of(report: EvaluationReport) -> dict[str, float]:
    """What the attacks of a report put into the logs, or its corruptions if it is that of these."""
    largest = max(report.epsilons)
    found: dict[str, float] = {}
    figures = _FIGURES[report.provenance["task"]]
    for end, method in figures.items():
        found |= {f"{end}_{attack}": getattr(report, method)(attack, largest) for attack in report.attacks}
    drifts = _drifts(report.attacks, report.explainers, report.metrics)
    for end, (attack, explainer, metric) in drifts:
        # Plain floats: arrays in the logs make TensorBoard's callback crash.
        mods = [report.mod(attack, explainer, epsilon, metric=metric) for epsilon in report.epsilons]
        found[f"mod_{end}"] = _measured(float(np.mean(mods)))
    if len(report.epsilons) > 1:  # else it is NaN by definition
        for end, (attack, explainer, metric) in drifts:
            found[f"vid_{end}"] = _measured(report.vid(attack, explainer, metric=metric))
    return found


def unmeasured_values(
    settings: EvaluationSettings, task: str, has_labels: bool, name: str | None = None
) -> dict[str, float]:
    """What is logged where no evaluation has succeeded yet: under the keys of `values`, worse than any value could be.

    Args:
        settings: The settings.
        task: What the model is asked for, as the provenance of a report has it.
        has_labels: Whether the data have labels.
        name: The name of the callback. Defaults to `None`.
    """
    figures = _FIGURES[task]
    found = {"accuracy_clean": -UNMEASURED} if has_labels and "accuracy" in figures else {}
    for names, levels in _conditions(settings):
        for end in figures:
            found |= dict.fromkeys((f"{end}_{each}" for each in names), UNMEASURED if end == "change" else -UNMEASURED)
        for kind in _kinds(levels):
            found |= {f"{kind}_{end}": UNMEASURED for end, _ in _drifts_of(settings, names)}
    return {f"{_start(name)}{_usable(end)}": value for end, value in found.items()}


def failed_value(failed: bool, name: str | None = None) -> dict[str, float]:
    """What says in the logs whether the evaluation after an epoch has failed.

    Args:
        failed: Whether it has.
        name: The name of the callback. Defaults to `None`.
    """
    return {f"{_start(name)}{_FAILED}": float(failed)}


def _conditions(settings: EvaluationSettings) -> Iterator[tuple[list[str], int]]:
    """The names of the attacks, and of the corruptions, each with how many epsilons or severities they have."""
    yield [item.name for item in settings.attacks_and_controls], len(settings.epsilons)
    yield [item.name for item in settings.corruptions], len(settings.severities)


def _kinds(levels: int) -> tuple[str, ...]:
    return ("mod", "vid") if levels > 1 else ("mod",)  # with one, it is NaN by definition


def _drifts_of(settings: EvaluationSettings, names: Iterable[str]) -> list[tuple[str, tuple[str, str, str]]]:
    return _drifts(names, (item.name for item in settings.explainers), (item.name for item in settings.metrics))


def _start(name: str | None) -> str:
    return "val_" if name is None else f"val_{name}_"


def _measured(value: float) -> float:
    return UNMEASURED if math.isnan(value) else value


def _usable(end: str) -> str:
    """A part of a key as formats take it: `"{val_mod_fgsm_grad_cam_block.1:.3f}"` asks for an attribute."""
    return re.sub(r"\W", "_", end)


def _drifts(
    attacks: Iterable[str], explainers: Iterable[str], metrics: Iterable[str]
) -> list[tuple[str, tuple[str, str, str]]]:
    """What the keys of each drift end in, and whose it is: the first dissimilarity, the usual one, is not named."""
    attacks, explainers, metrics = list(attacks), list(explainers), list(metrics)
    return [
        (
            _usable(f"{attack}_{explainer}" + ("" if metric == metrics[0] else f"_{metric}")),
            (attack, explainer, metric),
        )
        for metric in metrics
        for attack in attacks
        for explainer in explainers
    ]
