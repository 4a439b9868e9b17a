"""The numbers of a report, by the tags under which TensorBoard shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from keras_advxai.evaluation import EvaluationReport, Row
from keras_advxai.tensorboard.names import safe

ACCURACY = "advxai/accuracy"

_OF_ATTACK = ("accuracy", "flip_rate", "attack_success_rate", "targeted_success_rate")
# TensorBoard opens the first two groups of tags: `advxai` and `advxai_vid`. A tilde sorts the others last.
_DETAILS = ("mod_flipped", "mod_kept", "mod_clean", "nissim_std", "blank_rate")


def mod_tag(explainer: str) -> str:
    """The tag of the MOD of an explainer."""
    return f"advxai/mod/{safe(explainer)}"


def band_tags(explainer: str) -> tuple[str, str]:
    """The tags of the lower and upper end of its interval."""
    return f"~advxai_band/mod/{safe(explainer)}/low", f"~advxai_band/mod/{safe(explainer)}/high"


def clean_scalars(report: EvaluationReport) -> dict[str, float]:
    """What there is to say about the original images."""
    rates = {_detail_tag("blank_rate", name): report.blank_rate(None, name) for name in report.explainers}
    return _finite({ACCURACY: report.clean_accuracy, **rates})


def attack_scalars(rows: Sequence[Row]) -> dict[str, float]:
    """What there is to say about one attack at one strength; what is not known (NaN) is left out.

    Args:
        rows: The rows of this attack and strength, one for each explainer.
    """
    found: dict[str, float] = {f"advxai/{key}": getattr(rows[0], key) for key in _OF_ATTACK}
    for row in rows:
        if row.explainer:
            found[mod_tag(row.explainer)] = row.mod
            found |= {_detail_tag(key, row.explainer): getattr(row, key) for key in _DETAILS}
            found |= zip(band_tags(row.explainer), (row.mod_low, row.mod_high), strict=True)
    return _finite(found)


def vid_scalars(report: EvaluationReport, attack: str) -> dict[str, float]:
    """The VID of each explainer under one attack."""
    return _finite({f"advxai_vid/{safe(name)}": report.vid(attack, name) for name in report.explainers})


def final_scalars(report: EvaluationReport) -> dict[str, float]:
    """The metrics of the HParams dashboard: accuracy and MOD at the largest epsilon, and VID."""
    strongest = max(report.epsilons)
    found = {"~advxai_final/accuracy/clean": report.clean_accuracy}
    for attack in report.attacks:
        name = safe(attack)
        found[f"~advxai_final/accuracy/{name}"] = report.accuracy(attack, strongest)
        for explainer in report.explainers:
            found[f"~advxai_final/mod/{name}/{safe(explainer)}"] = report.mod(attack, explainer, strongest)
            found[f"~advxai_final/vid/{name}/{safe(explainer)}"] = report.vid(attack, explainer)
    return _finite(found)


def _detail_tag(key: str, explainer: str) -> str:
    return f"~advxai_details/{key}/{safe(explainer)}"


def _finite(values: dict[str, float]) -> dict[str, float]:
    return {tag: value for tag, value in values.items() if math.isfinite(value)}
