"""From the images and heatmaps that the compiled step returned to examples for pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_advxai.measurements.examples import Example, as_picture
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.models import ImageClassifier


def gather_examples(
    batch: Mapping[str, Any], found: Measurements, classifier: ImageClassifier, first: int
) -> tuple[Example, ...]:
    """One example for each pictured image of a batch, attack, explainer and epsilon, or corruption and severity.

    Args:
        batch: What the compiled step returned for the batch, as NumPy arrays; see `Measure`.
        found: The measurements of the batch.
        classifier: The classifier, whose bounds scale the pictures.
        first: The number of the batch's first image.
    """
    known = found.coordinates
    clean = batch["clean"]["pictures"]
    examples = []
    for offset, original in enumerate(clean["images"]):  # a batch has more images than pictures
        image = _picture(classifier, original)  # once, not for each explainer and epsilon
        of_image = found.select([offset])
        name = str(of_image.at("name")[0])
        probabilities = _probabilities(clean, (offset,))
        for attack, levels in [
            *((attack, known.epsilons) for attack in known.attacks),
            *((corruption, known.severities) for corruption in known.corruptions),
        ]:
            after = batch[attack]["pictures"]
            corrupted = known.is_corruption(attack)
            adversarial = [_picture(classifier, images[offset]) for images in after["images"]]
            changed = [_probabilities(after, (place, offset)) for place in range(len(levels))]
            for explainer in known.explainers:
                heatmap = as_picture(clean["heatmaps"][explainer][offset])[..., 0]
                for place, level in enumerate(levels):
                    where: dict[str, Any] = {"attack": attack, ("severity" if corrupted else "epsilon"): level}
                    apart = of_image.at("dissimilarity", explainer=explainer, **where)
                    examples.append(
                        Example(
                            attack=attack,
                            explainer=explainer,
                            epsilon=math.nan if corrupted else level,
                            index=first + offset,
                            label=int(of_image.at("label")[0]),
                            image=image,
                            adversarial=adversarial[place],
                            heatmap=heatmap,
                            adversarial_heatmap=as_picture(after["heatmaps"][explainer][place, offset])[..., 0],
                            prediction=int(of_image.at("prediction")[0]),
                            adversarial_prediction=int(of_image.at("prediction", **where)[0]),
                            confidence=float(of_image.at("confidence")[0]),
                            adversarial_confidence=float(of_image.at("confidence", **where)[0]),
                            dissimilarity=float(apart[0]),
                            name=name,
                            severity=int(level) if corrupted else None,
                            probabilities=probabilities,
                            adversarial_probabilities=changed[place],
                        )
                    )
    return tuple(examples)


def _probabilities(pictures: Mapping[str, Any], where: tuple[int, ...]) -> np.ndarray | None:
    """Those of all classes of one image; `None` of a regression, which has none."""
    found: np.ndarray | None = pictures.get("probabilities")
    return None if found is None else found[where]


def _picture(classifier: ImageClassifier, image: np.ndarray) -> np.ndarray:
    """An image scaled from its bounds to [0, 1], channels last."""
    image = (image - classifier.bounds[0]) / classifier.width
    return as_picture(np.asarray(classifier.to_channels_last(image[None]))[0])
