"""The numbers of a report, by the tags under which TensorBoard shows them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from keras_advxai.evaluation import EvaluationReport, Row
from keras_advxai.tensorboard.explained import charted, measured_name, numbered, profiles
from keras_advxai.tensorboard.names import FINAL, runs_by_epsilon, runs_by_severity, safe
from keras_advxai.text import epsilon_text

ATTACKS = "advxai"
CONTROLS = "advxai_controls"
CORRUPTIONS = "advxai_corruptions"
"""The sections of TensorBoard, of which the first two are open: attacks, and what they are compared with.

In one section each, because "Ignore outliers" would cut the stronger one off in a chart that has both.
"""

_OF_BOTH = ("accuracy", "exact_accuracy", "mean_change")
_OF_ATTACK = (*_OF_BOTH, "targeted_success_rate")
# A tilde sorts these last. They say what accuracy and MOD say, in other words.
_RATES = ("flip_rate", "attack_success_rate")
_DETAILS = ("relative_mod", "mod_flipped", "mod_kept", "mod_clean", "std", "blank_rate")


def parts(report: EvaluationReport) -> list[tuple[EvaluationReport, dict[float, str]]]:
    """A report, and that of its corruptions if it has any, each with the run of every epsilon or severity.

    Args:
        report: The report.
    """
    found = [(report, runs_by_epsilon(report.epsilons))]
    if report.corruptions:
        found.append((report.corrupted, runs_by_severity(report.severities)))
    return found


def section(report: EvaluationReport, attack: str) -> str:
    """Where the charts of an attack, or of a control, stand."""
    if report.measurements.coordinates.scale == "severity":
        return CORRUPTIONS
    return CONTROLS if report.aims[attack] == "noise" else ATTACKS


def mod_tag(report: EvaluationReport, attack: str, name: str) -> str:
    """The tag of a MOD; `name` is that of `measured_name`."""
    return f"{section(report, attack)}/mod/{name}/{safe(attack)}"


def band_tags(attack: str, name: str) -> tuple[str, str]:
    """The tags of the lower and upper end of its interval."""
    return f"~advxai_band/mod/{name}/{safe(attack)}/low", f"~advxai_band/mod/{name}/{safe(attack)}/high"


def clean_scalars(report: EvaluationReport) -> dict[str, float]:
    """What there is to say about the original images, by the tags of the attacks, so that one chart has both.

    The accuracy on them, what each MOD would be by chance, VID, and how many heatmaps are blank.

    Args:
        report: The report.
    """
    found: dict[str, float] = {}
    pairs = list(_measured(report))
    for attack in report.attacks:
        where, name = section(report, attack), safe(attack)
        found[f"{where}/accuracy/{name}"] = report.clean_accuracy
        if report.provenance["task"] == "multi_label":
            found[f"{where}/exact_accuracy/{name}"] = report.exact_accuracy()
        for explainer, metric, measured in pairs:
            chance = report.chance(explainer, metric=metric)
            # The ends of an interval, too, without which the chart of intervals shows an error for the run.
            tags = (mod_tag(report, attack, measured), *band_tags(attack, measured))
            found |= dict.fromkeys(tags, chance)
            found[f"advxai_vid/{measured}/{name}"] = report.vid(attack, explainer, metric=metric)
        for tag, explainer, metric in _layers(report, attack):
            found[tag] = report.chance(explainer, metric=metric)
    for explainer, name in charted(report).items():
        found[f"~advxai_details/blank_rate/{name}"] = report.blank_rate(None, explainer)
    return _finite(found)


def attack_scalars(report: EvaluationReport, epsilon: float) -> dict[str, float]:
    """What there is to say about every attack at one epsilon; what is not known (NaN) is left out.

    Args:
        report: The report.
        epsilon: One of its epsilons.
    """
    found: dict[str, float] = {}
    rows = {(row.attack, row.explainer, row.metric): row for row in report.rows if row.epsilon == epsilon}
    for attack in report.attacks:
        first = next(row for row in rows.values() if row.attack == attack)
        found |= _of_attack(report, first)
        for explainer, metric, measured in _measured(report):
            row = rows[attack, explainer, metric]
            found[mod_tag(report, attack, measured)] = row.mod
            found |= zip(band_tags(attack, measured), (row.mod_low, row.mod_high), strict=True)
            found |= {f"~advxai_details/{key}/{measured}/{safe(attack)}": getattr(row, key) for key in _DETAILS}
        found |= {tag: rows[attack, explainer, metric].mod for tag, explainer, metric in _layers(report, attack)}
    return _finite(found)


def noise_scalars(report: EvaluationReport) -> dict[str, float]:
    """The first noise control at the largest epsilon, by the tags of the attacks: the lower end of their scale.

    Args:
        report: The report.
    """
    controls = [attack for attack, aim in report.aims.items() if aim == "noise"]
    attacks = [attack for attack in report.attacks if attack not in controls]
    if not controls:
        return {}
    found: dict[str, float] = {}
    largest = max(report.epsilons)
    rows = [row for row in report.rows if (row.attack, row.epsilon) == (controls[0], largest)]
    names = {(explainer, metric): measured for explainer, metric, measured in _measured(report)}
    for attack in attacks:
        found |= {f"{ATTACKS}/{key}/{safe(attack)}": getattr(rows[0], key) for key in _OF_BOTH}
        for row in rows:
            if (row.explainer, row.metric) in names:
                name = names[row.explainer, row.metric]
                found[mod_tag(report, attack, name)] = row.mod
                # Without the ends of an interval, the chart of intervals shows an error for the run.
                found |= zip(band_tags(attack, name), (row.mod_low, row.mod_high), strict=True)
    return _finite(found)


def final_scalars(report: EvaluationReport) -> dict[str, tuple[str, float]]:
    """The metrics of the HParams dashboard, the most telling first, of which it shows five: tag to title and value.

    Accuracy and MOD of each attack at the largest epsilon, what they are to be compared with, and VID.

    Args:
        report: The report.
    """
    largest = max(report.epsilons)
    at = epsilon_text(largest)
    controls = [attack for attack in report.attacks if report.aims[attack] == "noise"]
    attacks = [attack for attack in report.attacks if attack not in controls]
    pairs = list(_measured(report))
    found: dict[str, tuple[str, float]] = {}

    def add_attack(attack: str) -> None:
        found[f"{FINAL}/accuracy/{safe(attack)}"] = f"accuracy, {attack} {at}", report.accuracy(attack, largest)
        change = report.mean_change(attack, largest)
        found[f"{FINAL}/mean_change/{safe(attack)}"] = f"change, {attack} {at}", change

    def add_mod(attack: str, explainer: str, metric: str, name: str) -> None:
        mod = report.mod(attack, explainer, largest, metric=metric)
        found[f"{FINAL}/mod/{name}/{safe(attack)}"] = f"MOD {name}, {attack} {at}", mod

    for attack in attacks:
        add_attack(attack)
        for pair in pairs[:1]:  # two columns of an attack are in view
            add_mod(attack, *pair)
    found[f"{FINAL}/accuracy/clean"] = "accuracy, clean", report.clean_accuracy
    for pair, attack in itertools.product(pairs, (*attacks, *controls)):
        add_mod(attack, *pair)
    for explainer, metric, name in pairs:
        found[f"{FINAL}/chance/{name}"] = f"chance {name}", report.chance(explainer, metric=metric)
    for (explainer, metric, name), attack in itertools.product(pairs, (*attacks, *controls)):
        vid = report.vid(attack, explainer, metric=metric)
        found[f"{FINAL}/vid/{name}/{safe(attack)}"] = f"VID {name}, {attack}", vid
    for attack in controls:
        add_attack(attack)
    return {tag: item for tag, item in found.items() if math.isfinite(item[1])}


def _of_attack(report: EvaluationReport, row: Row) -> dict[str, float]:
    """What is the same for all explainers."""
    where, name = section(report, row.attack), safe(row.attack)
    rates = (*_RATES, "budget_used") if row.explainer else _RATES
    return {
        **{f"{where}/{key}/{name}": getattr(row, key) for key in _OF_ATTACK},
        **{f"~advxai_details/{key}/{name}": getattr(row, key) for key in rates},
    }


def _measured(report: EvaluationReport) -> Iterator[tuple[str, str, str]]:
    """Explainer, dissimilarity, and what tags call the two."""
    for explainer, name in charted(report).items():
        for metric in report.metrics:
            yield explainer, metric, measured_name(name, metric)


def _layers(report: EvaluationReport, attack: str) -> Iterator[tuple[str, str, str]]:
    """The tag of MOD at each layer of a depth profile, with its explainer and dissimilarity."""
    for family, names in profiles(report).items():
        for explainer, layer in numbered(report, names).items():
            for metric in report.metrics:
                yield (
                    f"~advxai_layers/mod/{measured_name(safe(family), metric)}/{safe(attack)}/{layer}",
                    explainer,
                    metric,
                )


def _finite(values: dict[str, float]) -> dict[str, float]:
    return {tag: value for tag, value in values.items() if math.isfinite(value)}
