"""What the Custom Scalars and the HParams dashboards need to know."""

from __future__ import annotations

import hashlib
import itertools
import pathlib
import re
from typing import Any

from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.hparams import api as hparams_api

from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.tensorboard.summaries import ACCURACY, CHANGE, band_tags, measured_name, mod_tag
from keras_advxai.text import epsilon_text

_FIRST = {
    "classification": ("accuracy under attack", ACCURACY),
    "multi_label": ("labels right under attack", ACCURACY),
    "regression": ("mean absolute change of the output", CHANGE),
}
"""For each task, the title and the tag of the first chart."""


def layout(report: EvaluationReport) -> Any:
    """A chart of accuracy or of a regression's change, and one of MOD with its interval for each explainer: a summary.

    Args:
        report: A report of the evaluation.
    """
    title, tag = _FIRST[report.provenance["task"]]
    first = layout_pb2.Chart(
        title=title,
        multiline=layout_pb2.MultilineChartContent(tag=[f"^{re.escape(tag)}$"]),
    )
    charts = [first, *(_margin_chart(*pair) for pair in itertools.product(report.explainers, report.metrics))]
    category = layout_pb2.Category(title="adversarial evaluation", chart=charts)
    return custom_scalar.pb(layout_pb2.Layout(category=[category]))


def _margin_chart(explainer: str, metric: str) -> Any:
    name = measured_name(explainer, metric)
    low, high = band_tags(name)
    series = layout_pb2.MarginChartContent.Series(value=mod_tag(name), lower=low, upper=high)
    return layout_pb2.Chart(
        title=f"MOD of {name}, with its 95 % interval",
        margin=layout_pb2.MarginChartContent(series=[series]),
    )


def hparams(report: EvaluationReport, log_dir: pathlib.Path) -> Any:
    """The settings of an evaluation, as a summary.

    Args:
        report: The report.
        log_dir: The directory of the run; its name, and a checksum of its path, name the trial.
    """
    path = str(log_dir.resolve())
    # Trainings in `a/logs` and `b/logs` would be one trial by their names.
    trial = f"{pathlib.Path(path).name}-{hashlib.sha256(path.encode('utf-8')).hexdigest()[:6]}"
    return hparams_api.hparams_pb(settings(report), trial_id=trial)


def settings(report: EvaluationReport) -> dict[str, str | int]:
    """The settings of an evaluation, by name."""
    source = report.provenance
    lower, upper = source["bounds"]
    return {
        "model": source["model"],
        "attacks": ", ".join(report.attacks),  # HParams takes strings and numbers, and no lists
        "explainers": ", ".join(report.explainers),
        "epsilons": ", ".join(epsilon_text(epsilon) for epsilon in report.epsilons),
        "target": report.target,
        "bounds": f"{lower:g} to {upper:g}",
        "preprocess": source["preprocess"] or "none",
        "labels": source["labels"],
        "images": len(report.measurements),
        "seed": source["seed"],
    }
