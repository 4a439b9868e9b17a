"""What `checks="all"` adds: the checks that run the model again."""

from __future__ import annotations

from collections.abc import Sequence

from keras_advxai.attacks import Attack
from keras_advxai.evaluation.finding import Finding
from keras_advxai.evaluation.gradient_checks import gradient_findings
from keras_advxai.evaluation.kept import Kept
from keras_advxai.evaluation.model_checks import model_findings
from keras_advxai.evaluation.rerun_checks import Reruns
from keras_advxai.evaluation.samples import Samples
from keras_advxai.evaluation.targets import Goal
from keras_advxai.models import ImageClassifier

MOST_IMAGES = 128
"""How many images the model is run on again, the first ones."""


def further_findings(
    classifier: ImageClassifier, kept: Sequence[Kept], samples: Samples, attacks: Sequence[Attack], goal: Goal | None
) -> list[Finding]:
    """What the model itself, its gradients, and the attacks under other conditions give cause to say.

    Of a model that is random, no more is said than that: whatever is done twice differs.

    Args:
        classifier: The classifier.
        kept: The first images, batch by batch.
        samples: What was found of all images.
        attacks: The attacks, the noise control among them.
        goal: Which classes targeted attacks are to reach.
    """
    found = model_findings(classifier, kept, samples)
    if any(finding.id == "random-model" for finding in found):
        return found
    return [
        *found,
        *gradient_findings(classifier, kept[0]),
        *Reruns(classifier, kept, samples, attacks, goal).findings(),
    ]
