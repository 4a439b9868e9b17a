"""A comparison of scores as text, for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from keras_advxai.evaluation.table import epsilon_text, finding_text, new_table, number_text, percent_text, to_text

if TYPE_CHECKING:
    from rich.table import Table

    from keras_advxai.evaluation.scores import ScoreComparison, ScoredImages

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
    parts += [to_text(_table(name, images)) for name, images in comparison.panels.items()]
    parts.append(
        "NISSIM: between the two heatmaps of an image. Blank: share of the heatmaps without any evidence.\n"
        "Zero gradient: share of the images on which the gradient of the score is exactly 0 everywhere."
    )
    parts += [finding_text(warning) for warning in comparison.report.warnings if warning.id != "no-vid"]
    return "\n\n".join(parts)


def _table(name: str, images: ScoredImages) -> Table:
    headings = ["images"]
    for explainer in images.nissim:
        headings += [f"{explainer}\nNISSIM", "blank,\nlogit", "blank,\nprobability"]
    table = new_table(name, "confidence", [*headings, "zero gradient,\nlogit", "zero gradient,\nprobability"])
    for label, low, high in _BINS:
        inside = (images.log_odds >= low) & (images.log_odds < high)
        if inside.any():
            table.add_row(f"  {label}", *_cells(images, inside))
    table.add_row("  all", *_cells(images, np.ones(len(images), bool)))
    return table


def _cells(images: ScoredImages, inside: np.ndarray) -> list[str]:
    cells = [str(int(inside.sum()))]
    for explainer, values in images.nissim.items():
        known = values[inside & ~np.isnan(values)]
        cells.append(number_text(float(np.mean(known)) if len(known) else math.nan))
        cells += [_share(blank[explainer][inside]) for blank in (images.blank_logit, images.blank_probability)]
    return [*cells, _share(images.zero_gradient_logit[inside]), _share(images.zero_gradient[inside])]


def _share(flags: np.ndarray) -> str:
    return percent_text(float(np.mean(flags)) if len(flags) else math.nan)
