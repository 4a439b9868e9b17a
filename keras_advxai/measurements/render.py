"""The tables of measurements: findings, profiles by depth, comparisons of scores."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

import numpy as np

from keras_advxai.measurements.depth import DepthProfile
from keras_advxai.measurements.finding import Finding
from keras_advxai.measurements.randomization import Randomization
from keras_advxai.measurements.scores import ScoreComparison, ScoredImages
from keras_advxai.tables import Column, Table, contents
from keras_advxai.tables.contents import Parts
from keras_advxai.tables.table import Remark
from keras_advxai.text import enumeration, epsilon_text, number_text, percent_text

_ELSEWHERE = ("no-vid", "no-noise-control", "blank-heatmaps")
"""Findings of the evaluation that a comparison has no use for."""

_BINS = (
    ("below 90 %", -math.inf, math.log(9)),
    ("90 to 99.9 %", math.log(9), math.log(999)),
    ("99.9 to 99.9999 %", math.log(999), math.log(999_999)),
    ("above", math.log(999_999), math.inf),
)

_CONFIDENCE, _IMAGES = Column("confidence"), Column("images")


def metric_text(metric: str) -> str:
    """What is said of another dissimilarity than the usual one."""
    return "" if metric == "nissim" else f" ({metric})"


def remark(finding: Finding) -> Remark:
    """What a check has to say, and its name."""
    return Remark(f"{finding.severity.capitalize()} ({finding.id})", str(finding))


@contents.register
def render_profile(profile: DepthProfile) -> Parts:
    """MOD by layer and epsilon.

    Args:
        profile: What `EvaluationReport.depth_profile` returned.
    """
    headings = [*(epsilon_text(epsilon) for epsilon in profile.epsilons), "VID", "chance"]
    table = Table(
        [Column("layer"), *(Column(heading, show=number_text) for heading in headings)],
        f"MOD{metric_text(profile.metric)} by layer, {profile.attack}",
    )
    for layer, mods, *scale in zip(profile.labels, profile.mod, profile.vid, profile.chance, strict=True):
        table.add(layer, *mods, *scale, indented=True)
    table.rule()
    table.add("budget used", *(percent_text(share, 0) for share in profile.budget_used), indented=True)
    return (table,)


@contents.register
def render_randomization(found: Randomization) -> Parts:
    """The dissimilarity at each depth, and what becomes of it.

    Args:
        found: What `audit.randomization` returned.
    """
    heading = (
        f"{found.model}, {found.images} images: {found.metric} between the heatmaps of the model and those of\n"
        "re-drawn weights, and in brackets as a share of chance, which is that between different images."
    )
    first = Column("layer", "re-drawn from the\nhead down to")
    table = Table([first, *(Column(name, show=number_text) for name in found.explainers)])
    for depth, layer in enumerate(found.layers):
        cells = zip(found.dissimilarity[:, depth], found.relative[:, depth], strict=True)
        table.add(layer, *(f"{number_text(value)} ({_percent(share)})" for value, share in cells), indented=True)
    last = len(found.layers) - 1
    table.rule()
    table.add("rank correlation", *found.rank_correlation[:, last], indented=True)
    table.add("blank", *map(percent_text, found.blank[:, last]), indented=True)
    table.add("chance", *found.chance, indented=True)
    said = (
        f"The heatmaps of {enumeration(found.insensitive)} stay the same: they show the image rather than the model."
        if found.insensitive
        else ""
    )
    return (heading, table, *([textwrap.fill(said, width=110)] if said else []))


@contents.register
def render_scores(comparison: ScoreComparison) -> Parts:
    """NISSIM, blank maps and zero gradients by confidence.

    Args:
        comparison: What `compare_scores` returned.
    """
    parts: list[str | Table | Remark] = [
        f"{comparison.provenance['model']}: heatmaps of the logit against heatmaps of the probability,\n"
        f"on {len(comparison.original)} images and under {comparison.attack} at epsilon "
        f"{epsilon_text(comparison.epsilon)}."
    ]
    for name, images in comparison.panels.items():
        parts += [_table(f"{name}, {explainer}", images, explainer) for explainer in images.nissim]
        parts.append(_gradient_table(f"{name}, gradient to the image", images))
    parts.append(
        "NISSIM: between the two heatmaps of an image; about 0.5 where that of the probability is blank.\n"
        "Blank: share of the heatmaps without any evidence.\n"
        "Zero: share of the images on which the gradient of the score is exactly 0 everywhere.\n"
        "Saturated: share of the images whose probability is exactly 1 in float32, so that the class's own part\n"
        "of its gradient is lost: such a heatmap of the probability is wrong also where it is not blank."
    )
    parts += [remark(warning) for warning in comparison.warnings if warning.id not in _ELSEWHERE]
    return tuple(parts)


def _table(title: str, images: ScoredImages, explainer: str) -> Table:
    """The heatmaps of one explainer."""
    shares = [Column(f"blank_{name}", f"blank,\n{name}", percent_text) for name in ("logit", "probability")]
    table = Table([_CONFIDENCE, _IMAGES, Column("nissim", "NISSIM", number_text), *shares], title)
    for label, inside in _groups(images):
        known = images.nissim[explainer][inside]
        known = known[~np.isnan(known)]
        blank = (images.blank_logit[explainer][inside], images.blank_probability[explainer][inside])
        mean = float(np.mean(known)) if len(known) else math.nan
        table.add(label, int(inside.sum()), mean, *map(_share, blank), indented=True)
    return table


def _gradient_table(title: str, images: ScoredImages) -> Table:
    """What does not depend on the explainer."""
    shares = [Column(f"zero_{name}", f"zero,\n{name}", percent_text) for name in ("logit", "probability")]
    table = Table([_CONFIDENCE, _IMAGES, *shares, Column("saturated", show=percent_text)], title)
    for label, inside in _groups(images):
        flags = (images.zero_gradient_logit, images.zero_gradient, images.saturated)
        table.add(label, int(inside.sum()), *(_share(flag[inside]) for flag in flags), indented=True)
    return table


def _groups(images: ScoredImages) -> Iterator[tuple[str, np.ndarray]]:
    """The images by confidence, and all of them."""
    for label, low, high in _BINS:
        inside = (images.log_odds >= low) & ((images.log_odds < high) | (high == math.inf))
        if inside.any():
            yield label, inside
    unknown = np.isnan(images.log_odds)
    if unknown.any():
        yield "output not finite", unknown
    yield "all", np.ones(len(images), bool)


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.0f} %"


def _share(flags: np.ndarray) -> float:
    return float(np.mean(flags)) if len(flags) else math.nan
