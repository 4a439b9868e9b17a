"""Limits that a pipeline sets: the exit code says whether they are kept."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_advxai.evaluation import EvaluationReport


def broken(report: EvaluationReport, min_accuracy: float | None, max_mod: float | None) -> list[str]:
    """A sentence for each limit that a report does not keep.

    Args:
        report: The report.
        min_accuracy: The least robust accuracy at the largest epsilon, of each norm; `None` for no limit.
        max_mod: The largest MOD of any attack but the noise, explainer, dissimilarity and epsilon; `None` for no limit.
    """
    found = [] if min_accuracy is None else list(_accuracies(report, min_accuracy))
    return found if max_mod is None else [*found, *_mods(report, max_mod)]


def _accuracies(report: EvaluationReport, least: float) -> Iterator[str]:
    from keras_advxai.text import epsilon_text, percent_text

    epsilon = max(report.epsilons)
    norms = dict.fromkeys(report.norms.values())
    for norm in norms:
        value = report.robust_accuracy(epsilon, norm=norm)
        where = f"{epsilon_text(epsilon)}{f' in {norm}' if len(norms) > 1 else ''}"
        if math.isnan(value):
            yield f"The robust accuracy at {where} could not be measured, and --min-accuracy asks for {least:g}."
        elif value < least:
            yield f"The robust accuracy at {where} is {percent_text(value)}, and --min-accuracy asks for {least:g}."


def _mods(report: EvaluationReport, most: float) -> Iterator[str]:
    from keras_advxai.text import epsilon_text

    found = [
        (report.mod(attack, explainer, epsilon, metric=metric), attack, explainer, metric, epsilon)
        for attack in report.attacks
        if report.aims[attack] != "noise"
        for explainer in report.explainers
        for metric in report.metrics
        for epsilon in report.epsilons
    ]
    unknown = [item for item in found if math.isnan(item[0])]
    above = [item for item in found if item[0] > most]
    if above:
        value, attack, explainer, metric, epsilon = max(above)
        own = "" if len(report.metrics) == 1 else f" by {metric}"
        yield (
            f"The MOD of {explainer} under {attack} at {epsilon_text(epsilon)}{own} is {value:.3f}, and --max-mod "
            f"allows {most:g}."
        )
    elif unknown:
        _, attack, explainer, _, epsilon = unknown[0]
        yield (
            f"The MOD of {explainer} under {attack} at {epsilon_text(epsilon)} could not be measured, and --max-mod "
            f"allows {most:g}."
        )
