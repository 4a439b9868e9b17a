"""Sentences on what would be misread otherwise, for the report."""

from __future__ import annotations

import numpy as np

from keras_advxai._typing import TargetMode
from keras_advxai.evaluation.completeness import LIMIT, Completeness, relative_gaps
from keras_advxai.evaluation.finding import Finding
from keras_advxai.evaluation.samples import Samples
from keras_advxai.evaluation.table import percent_text

_MOST_NOTES = 4
"""With more explainers than this, one sentence is about all of them."""


def setting_notes(*, unsure: bool, sizes: int, labels: bool, weights: bool, l2: bool, single: bool) -> list[Finding]:
    """What the settings and the data give cause to say.

    Args:
        unsure: Whether the output was taken for probabilities although nothing says that it is.
        sizes: How many sizes the images have.
        labels: Whether the data have labels.
        weights: Whether the data have sample weights.
        l2: Whether an attack is measured in the L2 norm.
        single: Whether there is a single strength, and so no VID.
    """
    notes = {
        Finding(
            "The model's last operation is neither linear nor a softmax or sigmoid: its output was taken for "
            "probabilities, their logarithm for the logits. ImageClassifier(model, from_logits=...) settles it.",
            id="unsure-logits",
            severity="warning",
        ): unsure,
        Finding(
            f"The images have {sizes} sizes, and NISSIM depends on the size: its mean over them compares with nothing.",
            id="several-sizes",
            severity="warning",
        ): sizes > 1,
        Finding(
            "The data have no labels: attacks run against the clean prediction, and accuracy is agreement with it.",
            id="no-labels",
        ): not labels,
        Finding("VID is a spread over attack strengths: give two or more epsilons to have one.", id="no-vid"): single,
        Finding(
            "For attacks in the L2 norm, epsilon is the length of the whole change in the unit image scale, not the "
            "change of each pixel.",
            id="l2-epsilon",
        ): l2,
        Finding("The data have sample weights, which were not used.", id="sample-weights"): weights,
    }
    return [note for note, holds in notes.items() if holds]


def sample_notes(samples: Samples, target: TargetMode) -> list[Finding]:
    """What the figures themselves give cause to say.

    Args:
        samples: What was found of each image.
        target: Whose class the heatmaps explain.
    """
    notes: list[Finding | None] = []
    bad = int(np.sum(~np.isfinite(samples.confidence)))
    if bad:
        notes.append(
            Finding(
                f"The model's outputs are NaN or infinite for {bad} of {len(samples)} clean images; no figure of "
                "theirs means anything.",
                id="not-finite",
                severity="error",
            )
        )
    underflown = int(samples.saturated.sum())
    if underflown > max(1, 0.01 * len(samples)):
        notes.append(
            Finding(
                f"Cross-entropy underflows on {percent_text(underflown / len(samples))} of the clean images: the "
                "logits are so large that its gradient is exactly zero in float32. Attacks with that loss, as other "
                "libraries run them, fail there and pass the model for robust; the default loss 'log_odds' does not.",
                id="saturated-logits",
                severity="warning",
            )
        )
    only = np.unique(samples.predictions)
    if len(only) == 1 and len(np.unique(samples.labels)) > 1:
        notes.append(
            Finding(
                f"The model takes all clean images for class {int(only[0])}, whatever their labels: its figures say "
                "nothing of robustness. Look at `bounds` and `preprocess`, and at the training.",
                id="one-class",
                severity="warning",
            )
        )
    for name, flags in samples.broken.items():
        if flags.any():
            notes.append(
                Finding(
                    f"Under {name} the model's outputs are NaN or infinite for {int(np.any(flags, axis=0).sum())} of "
                    f"{len(samples)} images; their predictions mean nothing.",
                    id="not-finite",
                    severity="error",
                )
            )
    counts = {name: int(blank.sum()) for name, blank in samples.reference_blank.items() if blank.any()}
    if len(counts) <= _MOST_NOTES:
        notes += [
            Finding(
                f"{count} of {len(samples)} clean heatmaps of {name} are blank; these images are left out of its MOD "
                "and VID.",
                id="blank-heatmaps",
                severity="warning",
            )
            for name, count in counts.items()
        ]
    else:
        worst = max(counts, key=counts.__getitem__)
        notes.append(
            Finding(
                f"{len(counts)} explainers have blank clean heatmaps, which are left out of their MOD and VID: up to "
                f"{counts[worst]} of {len(samples)}, of {worst}. `report.blank_rate(None, explainer)` tells of each.",
                id="blank-heatmaps",
                severity="warning",
            )
        )
    notes += [_completeness_note(name, sums) for name, sums in samples.completeness.items()]
    for name, blank in samples.reference_blank.items():
        broken = sum(int((np.isnan(maps[name][target]) & ~blank).sum()) for maps in samples.nissim.values())
        if broken:
            notes.append(
                Finding(
                    f"{broken} pairs of heatmaps of {name} are NaN; they are left out of its MOD and VID.",
                    id="not-finite",
                    severity="error",
                )
            )
    return [note for note in notes if note is not None]


def _completeness_note(name: str, sums: dict[str, dict[str, np.ndarray]]) -> Finding | None:
    """What to say of attributions that do not add up to the change of the score."""
    gaps = [relative_gaps(gap, sums["change"][condition]).ravel() for condition, gap in sums["gap"].items()]
    found = Completeness.of(np.concatenate(gaps))
    if not found.exceeded > 0:
        return None
    return Finding(
        f"{100 * found.exceeded:.1f} % of the attributions of {name} miss the change of the score by more than "
        f"{100 * LIMIT:g} % of it (median gap {percent_text(found.median)}, largest {percent_text(found.largest)}). "
        "More `steps` usually help; where the score hardly changes, nothing does.",
        id="completeness",
        severity="warning",
    )
