"""What the columns of the printed tables mean."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_advxai.evaluation import EvaluationReport

MEANINGS = {
    "accuracy": "share of the adversarial images that are classified as labelled; of several labels, of the labels",
    "flipped": "share of the images whose prediction is another one than before the attack",
    "success": "share that is misclassified, of the images that were right before",
    "target reached": "share that a targeted attack brings to its class",
    "all right": "share of the images of which all labels are right",
    "mean change": "mean absolute change of the outputs",
    "budget used": "mean size of the perturbations, as a share of epsilon",
    "MOD": "mean observed dissimilarity of the heatmaps before and after, 0 where nothing moves; to be held against "
    "that of noise, and against chance",
    "chance": "the same between heatmaps of different images; `of chance` is MOD as a share of it",
    "95 % interval": "of MOD, if other images of the kind were drawn",
    "std": "its spread over the images",
    "MOD flipped, kept": "MOD of the images whose prediction changed, and of the others",
    "MOD clean target": "MOD where both heatmaps explain the class that was predicted before the attack",
    "blank": "share of the adversarial heatmaps without any evidence",
    "VID": "variation in dissimilarity: the spread of MOD over all epsilons",
}
"""The words of the headings, and what they mean."""

_OF_CLASSES = ("accuracy", "flipped", "success")
_OF_HEATMAPS = tuple(MEANINGS)[list(MEANINGS).index("budget used") :]
_WIDTH = 110


def legend(report: EvaluationReport) -> str:
    """What the columns of the tables of a report mean, a paragraph for each.

    Args:
        report: The report.
    """
    task = report.provenance["task"]
    shown = ["mean change"] if task == "regression" else list(_OF_CLASSES)
    shown += ["all right"] if task == "multi_label" else []
    shown += ["target reached"] if report.targeted_attacks else []
    shown += _OF_HEATMAPS if report.explainers else ()
    lines = [
        textwrap.fill(f"{word}: {MEANINGS[word]}.", _WIDTH, initial_indent="  ", subsequent_indent="      ")
        for word in shown
    ]
    return "\n".join(["The columns:", *lines])
