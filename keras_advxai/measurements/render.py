"""What is drawn of measurements as text: findings, profiles by depth, comparisons of scores."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

import numpy as np
from rich.table import Table

from keras_advxai.measurements.depth import DepthProfile
from keras_advxai.measurements.finding import Finding
from keras_advxai.measurements.randomization import Randomization
from keras_advxai.measurements.scores import ScoreComparison, ScoredImages
from keras_advxai.measurements.tables import new_table, to_text
from keras_advxai.text import as_text, enumeration, epsilon_text, number_text, percent_text

_ELSEWHERE = ("no-vid", "no-noise-control", "blank-heatmaps")
"""Findings of the evaluation that a comparison has no use for."""

_BINS = (
    ("below 90 %", -math.inf, math.log(9)),
    ("90 to 99.9 %", math.log(9), math.log(999)),
    ("99.9 to 99.9999 %", math.log(999), math.log(999_999)),
    ("above", math.log(999_999), math.inf),
)


def metric_text(metric: str) -> str:
    """What is said of another dissimilarity than the usual one."""
    return "" if metric == "nissim" else f" ({metric})"


def finding_text(finding: Finding) -> str:
    """What a check has to say, and its name, in lines of up to 110 characters."""
    return textwrap.fill(
        f"{finding.severity.capitalize()} ({finding.id}): {finding}", width=110, break_on_hyphens=False
    )


@as_text.register
def render_profile(profile: DepthProfile) -> str:
    """MOD by layer and epsilon as aligned ASCII text.

    Args:
        profile: What `EvaluationReport.depth_profile` returned.
    """
    table = new_table(
        f"MOD{metric_text(profile.metric)} by layer, {profile.attack}",
        "layer",
        [*(epsilon_text(epsilon) for epsilon in profile.epsilons), "VID", "chance"],
    )
    for layer, mods, *scale in zip(profile.labels, profile.mod, profile.vid, profile.chance, strict=True):
        table.add_row(f"  {layer}", *map(number_text, [*mods, *scale]))
    table.add_section()
    table.add_row("  budget used", *(percent_text(share, 0) for share in profile.budget_used), "", "")
    return to_text(table)


@as_text.register
def render_randomization(found: Randomization) -> str:
    """The dissimilarity at each depth, and what becomes of it, as aligned ASCII text.

    Args:
        found: What `audit.randomization` returned.
    """
    heading = (
        f"{found.model}, {found.images} images: {found.metric} between the heatmaps of the model and those of\n"
        "re-drawn weights, and in brackets as a share of chance, which is that between different images."
    )
    table = new_table("", "re-drawn from the\nhead down to", found.explainers)
    for depth, layer in enumerate(found.layers):
        cells = zip(found.dissimilarity[:, depth], found.relative[:, depth], strict=True)
        table.add_row(f"  {layer}", *(f"{number_text(value)} ({_percent(share)})" for value, share in cells))
    last = len(found.layers) - 1
    table.add_section()
    table.add_row("  rank correlation", *(number_text(value) for value in found.rank_correlation[:, last]))
    table.add_row("  blank", *(percent_text(value) for value in found.blank[:, last]))
    table.add_row("  chance", *(number_text(value) for value in found.chance))
    said = (
        f"The heatmaps of {enumeration(found.insensitive)} stay the same: they show the image rather than the model."
        if found.insensitive
        else ""
    )
    return "\n\n".join(filter(None, [heading, to_text(table), textwrap.fill(said, width=110)]))


@as_text.register
def render_scores(comparison: ScoreComparison) -> str:
    """NISSIM, blank maps and zero gradients by confidence, as aligned ASCII text.

    Args:
        comparison: What `compare_scores` returned.
    """
    parts = [
        f"{comparison.provenance['model']}: heatmaps of the logit against heatmaps of the probability,\n"
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
    parts += [finding_text(warning) for warning in comparison.warnings if warning.id not in _ELSEWHERE]
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
        inside = (images.log_odds >= low) & ((images.log_odds < high) | (high == math.inf))
        if inside.any():
            yield f"  {label}", inside
    unknown = np.isnan(images.log_odds)
    if unknown.any():
        yield "  output not finite", unknown
    yield "  all", np.ones(len(images), bool)


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.0f} %"


def _share(flags: np.ndarray) -> str:
    return percent_text(float(np.mean(flags)) if len(flags) else math.nan)
