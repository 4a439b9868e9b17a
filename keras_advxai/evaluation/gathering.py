"""From what the compiled step returned, batch by batch, to samples and examples."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_advxai._typing import TargetMode
from keras_advxai.attacks import Attack
from keras_advxai.evaluation.examples import Example, as_picture
from keras_advxai.evaluation.samples import Samples
from keras_advxai.explainers import Explainer
from keras_advxai.models import ImageClassifier


def gather_samples(
    found: list[dict[str, Any]],
    attacks: Sequence[Attack],
    explainers: Sequence[Explainer],
    target: TargetMode,
    epsilons: tuple[float, ...],
) -> Samples:
    """What was found of each image, from what the step returned for each batch.

    Args:
        found: The results of the step, as NumPy arrays.
        attacks: The attacks.
        explainers: The explainers.
        target: Whose class the heatmaps explain.
        epsilons: The attack strengths.
    """

    def join(*path: str) -> np.ndarray:
        parts = []
        for batch in found:
            value: Any = batch
            for key in path:
                value = value[key]
            parts.append(value)
        return np.concatenate(parts, axis=-1)

    def conditions(*path: str) -> Any:
        """What was found under each condition, the clean images first; dictionaries are followed inwards."""
        value: Any = found[0]
        for key in path:
            value = value[key]
        if isinstance(value, dict):
            return {key: conditions(*path, key) for key in value}
        return {"clean": join(*path), **{item.name: join("attacks", item.name, *path) for item in attacks}}

    modes = {item.name: sorted(found[0]["blank"][item.name], key=target.__ne__) for item in explainers}
    nissim: dict[str, Any] = collections.defaultdict(dict)
    attacked_blank: dict[str, Any] = collections.defaultdict(dict)
    for attack in (item.name for item in attacks):
        for explainer in modes:
            nissim[attack][explainer] = {
                mode: np.where(
                    join("blank", explainer, mode), np.nan, join("attacks", attack, "nissim", explainer, mode)
                )
                for mode in modes[explainer]
            }
            attacked_blank[attack][explainer] = join("attacks", attack, "blank", explainer)
    return Samples(
        epsilons=epsilons,
        labels=join("labels"),
        predictions=join("predictions"),
        confidence=join("confidence"),
        attacked={item.name: join("attacks", item.name, "predictions") for item in attacks},
        nissim=dict(nissim),
        blank=dict(attacked_blank),
        reference_blank={name: join("blank", name, target) for name in modes},
        completeness=conditions("completeness"),
        scores=conditions("scores"),
        lengths={item.name: join("attacks", item.name, "lengths") for item in attacks},
        outside={item.name: join("attacks", item.name, "outside") for item in attacks},
        broken={item.name: join("attacks", item.name, "broken") for item in attacks},
        zero_gradients={name: join("zero_gradients", name) for name in found[0]["zero_gradients"]},
        distances={name: join("distances", name) for name in found[0]["distances"]},
        saturated=join("saturated"),
        attack_targets={name: join("attack_targets", name) for name in found[0]["attack_targets"]},
    )


def gather_examples(
    found: list[dict[str, Any]], samples: Samples, classifier: ImageClassifier, target: TargetMode
) -> tuple[Example, ...]:
    """One example for each kept image, attack, explainer and strength.

    Args:
        found: The results of the step, as NumPy arrays.
        samples: What `gather_samples` made of them.
        classifier: The classifier, whose bounds scale the pictures.
        target: Whose class the heatmaps explain.
    """
    examples = []
    start = 0
    for batch in found:
        clean = batch["examples"]
        for offset in range(len(clean["images"])):
            index = start + offset
            image = _picture(classifier, clean["images"][offset])
            for attack in samples.attacked:
                after = batch["attacks"][attack]
                attacked = [_picture(classifier, images[offset]) for images in after["examples"]["images"]]
                for explainer in samples.reference_blank:
                    heatmap = as_picture(clean["heatmaps"][explainer][offset])[..., 0]
                    for level, epsilon in enumerate(samples.epsilons):
                        examples.append(
                            Example(
                                attack=attack,
                                explainer=explainer,
                                epsilon=epsilon,
                                index=index,
                                label=int(samples.labels[index]),
                                image=image,
                                adversarial=attacked[level],
                                heatmap=heatmap,
                                adversarial_heatmap=as_picture(after["examples"]["heatmaps"][explainer][level, offset])[
                                    ..., 0
                                ],
                                prediction=int(samples.predictions[index]),
                                adversarial_prediction=int(after["predictions"][level, offset]),
                                confidence=float(samples.confidence[index]),
                                adversarial_confidence=float(after["confidence"][level, offset]),
                                nissim=float(samples.nissim[attack][explainer][target][level, index]),
                            )
                        )
        start += len(batch["labels"])
    return tuple(examples)


def _picture(classifier: ImageClassifier, image: np.ndarray) -> np.ndarray:
    """An image scaled from its bounds to [0, 1], channels last."""
    image = (image - classifier.bounds[0]) / classifier.width
    return as_picture(np.asarray(classifier.laid_out(image[None]))[0])
