"""A comparison of scores as text, for people."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from keras_advxai.evaluation.table import epsilon_text, finding_text, new_table, number_text, percent_text, to_text

if TYPE_CHECKING:
    from rich.table import Table

    from keras_advxai.evaluation.scores import ScoreComparison, ScoredImages

_ELSEWHERE = ("no-vid", "no-noise-control", "blank-heatmaps")
"""Findings of the evaluation that a comparison has no use for."""

_BINS = (
    ("below 90 %", -math.inf, math.log(9)),
    ("90 to 99.9 %", math.log(9), math.log(999)),
    ("99.9 to 99.9999 %", math.log(999), math.log(999_999)),
    ("above", math.log(999_999), math.inf),
)


def render_scores(comparison: ScoreComparison) -> str:
    """NISSIM, blank maps and zero gradients by confidence, as aligned ASCII text.

    Args:
        comparison: What `compare_scores` returned.
    """
    parts = [
        f"{comparison.report.provenance['model']}: heatmaps of the logit against heatmaps of the probability,\n"
        f"on {len(comparison.original)} images and under {comparison.attack} at epsilon "
        f"{epsilon_text(comparison.epsilon)}."
    ]
    for name, images in comparison.panels.items():
        parts += [to_text(_table(f"{name}, {explainer}", images, explainer)) for explainer in images.nissim]
        parts.append(to_text(_gradient_table(f"{name}, gradient to the image", images)))
    parts.append(
        "NISSIM: between the two heatmaps of an image; about 0.5 where that of the probability is blank.\n"
        "Blank: share of the heatmaps without any evidence.\n"
        "Zero: share of the images on which the gradient of the score is exactly 0 everywhere.\n"
        "Saturated: share of the images whose probability is exactly 1 in float32, so that the class's own part\n"
        "of its gradient is lost: such a heatmap of the probability is wrong also where it is not blank."
    )
    parts += [finding_text(warning) for warning in comparison.report.warnings if warning.id not in _ELSEWHERE]
    return "\n\n".join(parts)


def _table(title: str, images: ScoredImages, explainer: str) -> Table:
    """The heatmaps of one explainer."""
    table = new_table(title, "confidence", ("images", "NISSIM", "blank,\nlogit", "blank,\nprobability"))
    for label, inside in _groups(images):
        known = images.nissim[explainer][inside]
        known = known[~np.isnan(known)]
        blank = (images.blank_logit[explainer][inside], images.blank_probability[explainer][inside])
        mean = float(np.mean(known)) if len(known) else math.nan
        table.add_row(label, str(int(inside.sum())), number_text(mean), *map(_share, blank))
    return table


def _gradient_table(title: str, images: ScoredImages) -> Table:
    """What does not depend on the explainer."""
    table = new_table(title, "confidence", ("images", "zero,\nlogit", "zero,\nprobability", "saturated"))
    for label, inside in _groups(images):
        flags = (images.zero_gradient_logit, images.zero_gradient, images.saturated)
        table.add_row(label, str(int(inside.sum())), *(_share(flag[inside]) for flag in flags))
    return table


def _groups(images: ScoredImages) -> Iterator[tuple[str, np.ndarray]]:
    """The images by confidence, and all of them."""
    for label, low, high in _BINS:
        inside = (images.log_odds >= low) & (images.log_odds < high)
        if inside.any():
            yield f"  {label}", inside
    yield "  all", np.ones(len(images), bool)


def _share(flags: np.ndarray) -> str:
    return percent_text(float(np.mean(flags)) if len(flags) else math.nan)
