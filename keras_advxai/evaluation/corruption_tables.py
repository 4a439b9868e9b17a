"""The tables of corruptions, apart from those of attacks: a line for each, a column for each severity."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.measurements.render import metric_text
from keras_advxai.tables import Column, Table
from keras_advxai.text import number_text, percent_text, value_text


def corruption_tables(found: EvaluationReport, most: int) -> list[Table]:
    """Accuracy and MOD under each corruption at each severity, a table for each explainer and dissimilarity.

    Args:
        found: The figures under corruptions, `report.corrupted`.
        most: With more explainers than this, accuracy alone.
    """
    if not found.explainers or len(found.explainers) > most:
        return [_table(found, "Under corruptions, by severity", None)]
    tables = []
    for explainer, metric in itertools.product(found.explainers, found.metrics):
        chance = found.chance(explainer, metric=metric)
        title = f"{explainer}{metric_text(metric)} under corruptions"
        title += "" if math.isnan(chance) else f", chance {number_text(chance)}"
        tables.append(_table(found, title, lambda *at, seen=(explainer, metric): _mod(found, *at, *seen)))
    return tables


def _mod(found: EvaluationReport, name: str, severity: float, explainer: str, metric: str) -> float:
    return found.mod(name, explainer, severity, metric=metric)


def _table(found: EvaluationReport, title: str, mod: Callable[[str, float], float] | None) -> Table:
    """Each corruption in a line, and below them their mean."""
    regression = found.provenance["task"] == "regression"
    what, show = ("change", value_text) if regression else ("accuracy", percent_text)
    outcome = found.mean_change if regression else found.accuracy
    columns = [Column("corruption", "corruption and\nseverity")]
    columns += [Column(f"{what}_{level:g}", f"{what}\nat {level:g}", show) for level in found.epsilons]
    if mod is not None:
        columns += [Column(f"mod_{level:g}", f"MOD\nat {level:g}", number_text) for level in found.epsilons]
    table = Table(columns, title)
    rows = []
    for name in found.attacks:
        rows.append([outcome(name, level) for level in found.epsilons])
        rows[-1] += [] if mod is None else [mod(name, level) for level in found.epsilons]
        table.add(name, *rows[-1])
    if len(rows) > 1:
        table.rule()
        table.add(f"mean of {len(rows)}", *np.mean(rows, axis=0).tolist())
    return table
