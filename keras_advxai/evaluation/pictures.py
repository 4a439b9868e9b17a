"""From the images and heatmaps that the compiled step returned to examples for pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_advxai.measurements.examples import Example, as_picture
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.models import ImageClassifier


def gather_examples(
    batches: Sequence[Mapping[str, Any]], found: Measurements, classifier: ImageClassifier
) -> tuple[Example, ...]:
    """One example for each pictured image, attack, explainer and epsilon.

    Args:
        batches: What the compiled step returned for each batch, as NumPy arrays; see `Measure`.
        found: The measurements of all of them.
        classifier: The classifier, whose bounds scale the pictures.
    """
    known = found.coordinates
    examples = []
    start = 0
    for batch in batches:
        clean = batch["clean"]["pictures"]
        for offset, original in enumerate(clean["images"]):
            index = start + offset
            image = _picture(classifier, original)  # once, not for each explainer and epsilon
            of_image = found.select([index])
            for attack in known.attacks:
                after = batch[attack]["pictures"]
                adversarial = [_picture(classifier, images[offset]) for images in after["images"]]
                for explainer in known.explainers:
                    heatmap = as_picture(clean["heatmaps"][explainer][offset])[..., 0]
                    for level, epsilon in enumerate(known.epsilons):
                        where = {"attack": attack, "epsilon": epsilon}
                        apart = of_image.at("dissimilarity", explainer=explainer, **where)
                        examples.append(
                            Example(
                                attack=attack,
                                explainer=explainer,
                                epsilon=epsilon,
                                index=index,
                                label=int(of_image.at("label")[0]),
                                image=image,
                                adversarial=adversarial[level],
                                heatmap=heatmap,
                                adversarial_heatmap=as_picture(after["heatmaps"][explainer][level, offset])[..., 0],
                                prediction=int(of_image.at("prediction")[0]),
                                adversarial_prediction=int(of_image.at("prediction", **where)[0]),
                                confidence=float(of_image.at("confidence")[0]),
                                adversarial_confidence=float(of_image.at("confidence", **where)[0]),
                                dissimilarity=float(apart[0]),
                            )
                        )
        start += len(batch["clean"]["label"])  # a batch has more images than pictures
    return tuple(examples)


def _picture(classifier: ImageClassifier, image: np.ndarray) -> np.ndarray:
    """An image scaled from its bounds to [0, 1], channels last."""
    image = (image - classifier.bounds[0]) / classifier.width
    return as_picture(np.asarray(classifier.to_channels_last(image[None]))[0])
