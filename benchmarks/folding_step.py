"""The crops of photographs, and what is asked of a network on a batch of them, compiled as one step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

import keras_advxai as kax
from benchmarks import subjects
from benchmarks.folding_runs import SIDE, SIZES

ATTACK = kax.attacks.FGSM()
GRAD_CAM = kax.explainers.GradCAM()


def crops(count: int) -> tuple[np.ndarray, np.ndarray]:
    """So many crops of the four photographs, the same at every call, half of them mirrored.

    Returns:
        Pixels in [0, 255], `(count, 224, 224, 3)` float32, and their ImageNet classes, `(count,)` int32.
    """
    generator = np.random.default_rng(0)
    photographs = {size: kax.datasets.photographs.load_data(size) for size in SIZES}
    x = np.empty((count, SIDE, SIDE, 3), "float32")
    y = np.empty(count, "int32")
    for index in range(count):
        size = int(generator.choice(SIZES))
        images, classes, _ = photographs[size]
        top, left = generator.integers(0, size - SIDE + 1, 2)
        crop = images[index % len(images), top : top + SIDE, left : left + SIDE]
        x[index] = crop[:, ::-1] if generator.random() < 0.5 else crop
        y[index] = classes[index % len(images)]
    return x, y


def subject(network: str, count: int, folded: bool) -> tuple[kax.ImageClassifier, np.ndarray, np.ndarray | None]:
    """A classifier, crops in its image space, and their classes; without those where weights are drawn."""
    x, y = crops(count)
    if network == "efficientnet_lite0":
        model = kax.pretrained.efficientnet_lite0()
        return kax.ImageClassifier(model, bounds=(0, 255), fold_batch_norm=folded), x, y
    model = subjects.subject(network, SIDE)
    return kax.ImageClassifier(model, bounds=(0, 1), fold_batch_norm=folded), x / np.float32(255), None


def observed(
    classifier: kax.ImageClassifier, x: np.ndarray, y: tf.Tensor | None, epsilons: Sequence[float]
) -> dict[str, np.ndarray]:
    """What a batch is worth under FGSM and Grad-CAM, in one compiled step.

    Args:
        classifier: The classifier.
        x: Images.
        y: Their classes; `None` stands for what is predicted.
        epsilons: The budgets.

    Returns:
        `"logits"`, `"gradient"` and the heatmap `"map"` of the clean images; and for each epsilon and image whether the
        prediction is still `"right"`, and the `"nissim"` between the heatmaps before and after.
    """
    found = classifier.compiled(
        "folding", _step, tf.constant(x), tf.constant(epsilons, tf.float32) * classifier.width, y
    )
    return {name: values.numpy() for name, values in found.items()}


def _step(
    classifier: kax.ImageClassifier, x: tf.Tensor, epsilons: tf.Tensor, y: tf.Tensor | None = None
) -> dict[str, tf.Tensor]:
    forward = classifier.forward(x)
    labels = forward.predictions if y is None else y
    gradient = ATTACK.gradient(forward, labels)
    before = GRAD_CAM(classifier, x, forward.strongest, forward=forward)
    bounds = classifier.bounds

    def at(epsilon: tf.Tensor) -> dict[str, tf.Tensor]:
        # By the formula, which is FGSM's, so that the gradient above and the images belong together.
        images = tf.clip_by_value(x + epsilon * tf.sign(gradient), *bounds)
        here = classifier.forward(images)
        after = GRAD_CAM(classifier, images, here.strongest, forward=here)
        return {"right": here.predictions == labels, "nissim": kax.metrics.nissim(before, after)}

    signature = {"right": tf.TensorSpec([None], tf.bool), "nissim": tf.TensorSpec([None], tf.float64)}
    rest = tf.map_fn(at, epsilons, parallel_iterations=1, fn_output_signature=signature)
    return {"logits": forward.logits, "gradient": gradient, "map": before, **rest}
