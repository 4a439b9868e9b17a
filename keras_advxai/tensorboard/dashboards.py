"""What the Custom Scalars and the HParams dashboards need to know."""

from __future__ import annotations

import hashlib
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.hparams import api as hparams_api

from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.evaluation.table import epsilon_text
from keras_advxai.tensorboard.summaries import ACCURACY, band_tags, mod_tag


def layout(explainers: Sequence[str]) -> Any:
    """A chart of accuracy, and for each explainer one of MOD with its 95 % interval, as a summary.

    Args:
        explainers: Their names.
    """
    accuracy = layout_pb2.Chart(
        title="accuracy under attack",
        multiline=layout_pb2.MultilineChartContent(tag=[f"^{re.escape(ACCURACY)}$"]),
    )
    charts = [accuracy, *(_margin_chart(explainer) for explainer in explainers)]
    category = layout_pb2.Category(title="adversarial evaluation", chart=charts)
    return custom_scalar.pb(layout_pb2.Layout(category=[category]))


def _margin_chart(explainer: str) -> Any:
    low, high = band_tags(explainer)
    series = layout_pb2.MarginChartContent.Series(value=mod_tag(explainer), lower=low, upper=high)
    return layout_pb2.Chart(
        title=f"MOD of {explainer}, with its 95 % interval",
        margin=layout_pb2.MarginChartContent(series=[series]),
    )


def hparams(report: EvaluationReport, log_dir: pathlib.Path) -> Any:
    """The settings of an evaluation, as a summary.

    Args:
        report: The report.
        log_dir: The directory of the run; its name, and a checksum of its path, tell the trials apart.
    """
    path = str(log_dir.resolve())
    trial = f"{pathlib.Path(path).name}-{hashlib.sha256(path.encode('utf-8')).hexdigest()[:6]}"
    return hparams_api.hparams_pb(settings(report), trial_id=trial)


def settings(report: EvaluationReport) -> dict[str, str | int]:
    """The settings of an evaluation, by name."""
    source = report.provenance
    lower, upper = source["bounds"]
    return {
        "model": source["model"],
        "attacks": ", ".join(report.attacks),
        "explainers": ", ".join(report.explainers),
        "epsilons": ", ".join(epsilon_text(epsilon) for epsilon in report.epsilons),
        "target": report.target,
        "bounds": f"{lower:g} to {upper:g}",
        "preprocess": source["preprocess"] or "none",
        "labels": source["labels"],
        "images": len(report.samples),
        "seed": source["seed"],
    }
