"""How many gradients Integrated Gradients take that stop by themselves, and how many a fixed number of steps.

python -m benchmarks.adaptive_steps [NAME ...]

Prints a table for each network. `best fixed` is the smallest number of steps with which no fewer images are within the
tolerance than with `steps="auto"`, of those that are tried.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

import keras_advxai as kax
from benchmarks import subjects
from benchmarks.folding_step import crops

TOLERANCE = 0.01


@dataclasses.dataclass(frozen=True)
class Network:
    """A trained network and what it is asked.

    Attributes:
        name: How the table calls it.
        load: Makes the classifier and its images.
        fixed: The numbers of steps that are tried, in rising order; the last one's maps are what the others are
            compared with.
    """

    name: str
    load: Callable[[], tuple[kax.ImageClassifier, np.ndarray]]
    fixed: tuple[int, ...]


def digits() -> tuple[kax.ImageClassifier, np.ndarray]:
    """A CNN on handwritten digits, and 64 of them."""
    train, (x, _) = subjects.digits().data()
    model = subjects.digits().build()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*train, epochs=8, verbose=0)
    return kax.ImageClassifier(model), x[:64]


def faces() -> tuple[kax.ImageClassifier, np.ndarray]:
    """The CNN of the demo on faces and other things, and the 50 test images."""
    from keras_advxai.cli import demo

    train, (x, _) = kax.datasets.faces.load_data()
    model = demo.build_model()
    model.fit(*train, epochs=15, verbose=0)
    return kax.ImageClassifier(model), x


def photographs() -> tuple[kax.ImageClassifier, np.ndarray]:
    """EfficientNet-Lite0 with its ImageNet weights, and the four photographs."""
    images, _, _ = kax.datasets.photographs.load_data()
    return kax.ImageClassifier(kax.pretrained.efficientnet_lite0(), bounds=(0, 255)), images


def parts() -> tuple[kax.ImageClassifier, np.ndarray]:
    """The same network, and twelve crops of the photographs."""
    images, _ = crops(12)
    return kax.ImageClassifier(kax.pretrained.efficientnet_lite0(), bounds=(0, 255)), images


_SMALL = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512)
NETWORKS = {
    "digits": Network("CNN on digits, 64 images", digits, _SMALL),
    "faces": Network("CNN on faces, 50 images", faces, _SMALL),
    "photographs": Network(
        "EfficientNet-Lite0 with ImageNet weights, 4 photographs", photographs, (64, 128, 192, 256, 320)
    ),
    "crops": Network(
        "EfficientNet-Lite0 with ImageNet weights, 12 crops of them", parts, (128, 192, 256, 320, 384, 512)
    ),
}


def measured(
    explainer: kax.explainers.IntegratedGradients, classifier: kax.ImageClassifier, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The heatmaps, the completeness gaps as parts of the score's change, and the gradients of each image."""

    def everything(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        forward = classifier.forward(images)  # of which all three share the paths
        given = (classifier, images, forward.strongest, forward)
        gap, change = explainer.completeness(*given)
        used = explainer.steps_taken(*given)
        maps = explainer(classifier, images, forward.strongest, forward=forward)
        return maps, gap / tf.abs(change), tf.fill(tf.shape(gap), explainer.passes) if used is None else used

    maps, gaps, used = tf.function(everything, autograph=False)(tf.constant(x))
    return maps.numpy(), gaps.numpy(), used.numpy()


def report(network: Network) -> str:
    """The table of a network, in Markdown."""
    keras.utils.set_random_seed(0)
    classifier, x = network.load()
    tried = {str(steps): kax.explainers.IntegratedGradients(steps=steps) for steps in network.fixed}
    tried["auto"] = kax.explainers.IntegratedGradients(steps="auto", tolerance=TOLERANCE)
    found = {name: measured(explainer, classifier, x) for name, explainer in tried.items()}
    maps, gaps, used = ({name: each[place] for name, each in found.items()} for place in range(3))
    finest = maps[str(network.fixed[-1])]
    lines = [
        f"{network.name}, tolerance {TOLERANCE:.0%}",
        "",
        "| steps | gradients an image, mean | median | largest | within | gap, median | gap, mean | gap, 95 % | off |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, gap in gaps.items():
        off = np.linalg.norm((maps[name] - finest).reshape(len(x), -1), axis=1)
        off /= np.linalg.norm(finest.reshape(len(x), -1), axis=1)
        steps = f"{np.mean(used[name]):.1f} | {np.median(used[name]):g} | {np.max(used[name])}"
        sums = f"{np.median(gap):.2%} | {np.mean(gap):.2%} | {np.quantile(gap, 0.95):.2%}"
        lines.append(f"| {name} | {steps} | {np.mean(gap <= TOLERANCE):.0%} | {sums} | {np.median(off):.1%} |")
    mean = float(np.mean(used["auto"]))
    lines += [""]
    figures: dict[str, Callable[[np.ndarray], float]] = {
        "no fewer images within the tolerance": lambda gap: -float(np.mean(gap <= TOLERANCE)),
        "no larger mean gap": lambda gap: float(np.mean(gap)),
        "no larger gap of 95 % of the images": lambda gap: float(np.quantile(gap, 0.95)),
        "no larger median gap": lambda gap: float(np.median(gap)),
    }
    for what, figure in figures.items():
        enough = [steps for steps in network.fixed if figure(gaps[str(steps)]) <= figure(gaps["auto"])]
        text = f"{enough[0]} steps: {mean / enough[0]:.2f}" if enough else f"none of {network.fixed[-1]} steps at most"
        lines.append(f"- best fixed number with {what}: {text}")
    return "\n".join(lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adaptive_steps", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NETWORKS, []], metavar="NAME", help=", ".join(NETWORKS))
    for name in parser.parse_args().names or NETWORKS:
        print(report(NETWORKS[name]), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
