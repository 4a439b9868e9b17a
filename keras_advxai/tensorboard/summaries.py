"""The numbers of a report, by the tags under which TensorBoard shows them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from keras_advxai.evaluation import EvaluationReport, Row
from keras_advxai.tensorboard.names import safe

ACCURACY = "advxai/accuracy"
CHANGE = "advxai/mean_change"

_OF_ATTACK = (
    *("accuracy", "flip_rate", "attack_success_rate", "targeted_success_rate", "exact_accuracy", "mean_change"),
)
# TensorBoard opens the first two groups of tags: `advxai` and `advxai_vid`. A tilde sorts the others last.
_DETAILS = ("relative_mod", "mod_flipped", "mod_kept", "mod_clean", "std", "blank_rate")


def measured_name(explainer: str, metric: str) -> str:
    """The part of a tag that names an explainer, and the dissimilarity if it is not the usual one."""
    return safe(explainer) if metric == "nissim" else f"{safe(explainer)}/{safe(metric)}"


def mod_tag(name: str) -> str:
    """The tag of a MOD; `name` is that of `measured_name`."""
    return f"advxai/mod/{name}"


def band_tags(name: str) -> tuple[str, str]:
    """The tags of the lower and upper end of its interval."""
    return f"~advxai_band/mod/{name}/low", f"~advxai_band/mod/{name}/high"


def clean_scalars(report: EvaluationReport) -> dict[str, float]:
    """What there is to say about the original images."""
    rates = {_detail_tag("blank_rate", safe(name)): report.blank_rate(None, name) for name in report.explainers}
    # The tags of the attacks, so that one chart has both.
    exact = {"advxai/exact_accuracy": report.exact_accuracy()} if report.provenance["task"] == "multi_label" else {}
    return _finite({ACCURACY: report.clean_accuracy, **exact, **rates})


def attack_scalars(rows: Sequence[Row]) -> dict[str, float]:
    """What there is to say about one attack at one epsilon; what is not known (NaN) is left out.

    Args:
        rows: The rows of this attack and epsilon, one for each explainer and dissimilarity.
    """
    found: dict[str, float] = {f"advxai/{key}": getattr(rows[0], key) for key in _OF_ATTACK}  # the same in all rows
    for row in rows:
        if row.explainer:
            found["advxai/budget_used"] = row.budget_used  # the same in all rows, too, and said beside a MOD
            name = measured_name(row.explainer, row.metric)
            found[mod_tag(name)] = row.mod
            found |= {_detail_tag(key, name): getattr(row, key) for key in _DETAILS}
            found |= zip(band_tags(name), (row.mod_low, row.mod_high), strict=True)
    return _finite(found)


def chance_scalars(report: EvaluationReport) -> dict[str, float]:
    """What each MOD would be by chance, by the tags of MOD, so that one chart has both."""
    found: dict[str, float] = {}
    for explainer, metric in itertools.product(report.explainers, report.metrics):
        name = measured_name(explainer, metric)
        # The ends of an interval, too, without which the chart of intervals shows an error for the run.
        found |= dict.fromkeys((mod_tag(name), *band_tags(name)), report.chance(explainer, metric=metric))
    return _finite(found)


def vid_scalars(report: EvaluationReport, attack: str) -> dict[str, float]:
    """The VID of each explainer under one attack."""
    pairs = itertools.product(report.explainers, report.metrics)
    return _finite(
        {f"advxai_vid/{measured_name(*pair)}": report.vid(attack, pair[0], metric=pair[1]) for pair in pairs}
    )


def final_scalars(report: EvaluationReport) -> dict[str, float]:
    """The metrics of the HParams dashboard: accuracy and MOD at the largest epsilon, and VID."""
    largest = max(report.epsilons)
    found = {"~advxai_final/accuracy/clean": report.clean_accuracy}
    for attack in report.attacks:
        name = safe(attack)
        found[f"~advxai_final/accuracy/{name}"] = report.accuracy(attack, largest)
        found[f"~advxai_final/mean_change/{name}"] = report.mean_change(attack, largest)
        for explainer, metric in itertools.product(report.explainers, report.metrics):
            measured = f"{name}/{measured_name(explainer, metric)}"
            found[f"~advxai_final/mod/{measured}"] = report.mod(attack, explainer, largest, metric=metric)
            found[f"~advxai_final/vid/{measured}"] = report.vid(attack, explainer, metric=metric)
    return _finite(found)


def _detail_tag(key: str, name: str) -> str:
    return f"~advxai_details/{key}/{name}"


def _finite(values: dict[str, float]) -> dict[str, float]:
    return {tag: value for tag, value in values.items() if math.isfinite(value)}
