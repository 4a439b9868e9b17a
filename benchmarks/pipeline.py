"""The whole evaluation: ours, and what a user builds of three peers for the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

import keras_advxai as kax
from benchmarks import peers
from benchmarks.cases import agreement, largest
from benchmarks.passes import Run

OURS, PEERS = "keras-advxai", "tf-keras-vis + cleverhans + scikit-image"
TOLERANCE = 0.01
"""How far MOD and accuracy may be apart. Gradients near zero have either sign, so a few pixels differ."""


def ours(model: keras.Model, x: np.ndarray, y: np.ndarray, epsilons: Sequence[float], explainers: Sequence[Any]) -> Run:
    """An evaluation by keras-advxai: FGSM, without the noise control that the peers do not have.

    Args:
        model: The model.
        x: Images, evaluated as one batch.
        y: Classes.
        epsilons: The epsilons.
        explainers: The explainers.

    Returns:
        A function that returns the accuracy, and MOD by each explainer, at each epsilon:
        `(1 + explainers, epsilons)`.
    """
    attack = kax.attacks.FGSM(loss="cross_entropy")

    def run() -> np.ndarray:
        report = kax.evaluate(
            model,
            (x, y),
            attacks=[attack],
            explainers=explainers,
            epsilons=epsilons,
            batch_size=len(x),
            noise_control=False,
            images=0,
            progress=False,
        )
        rows = [[report.accuracy(attack.name, epsilon) for epsilon in epsilons]]
        rows += [[report.mod(attack.name, item, epsilon) for epsilon in epsilons] for item in report.explainers]
        return np.array(rows)

    return run


def of_peers(model: keras.Model, x: np.ndarray, y: np.ndarray, epsilons: Sequence[float], layers: Sequence[str]) -> Run:
    """The same numbers by the peers.

    Predictions come from `predict_on_batch`, which Keras compiles. cleverhans gets the labels, and the model as one
    callable for all calls. tf-keras-vis returns its maps at the size of the layer; they are upsampled and divided by
    their maxima all at once, which is faster than what it would do itself, and the same as ours.

    Args:
        model: The model.
        x: Images, evaluated as one batch.
        y: Classes.
        epsilons: The epsilons.
        layers: The explained layers.
    """
    attacks = [peers.cleverhans(model, x, y, epsilon) for epsilon in epsilons]

    def maps(images: np.ndarray, classes: np.ndarray) -> list[np.ndarray]:
        return [
            peers.resized(
                peers.tf_keras_vis(model, images, classes, layer, expand_cam=False, normalize_cam=False)(), x.shape[1]
            )
            for layer in layers
        ]

    def run() -> np.ndarray:
        before = maps(x, model.predict_on_batch(x).argmax(axis=-1))
        columns = []
        for attack in attacks:
            images = attack()
            predictions = model.predict_on_batch(images).argmax(axis=-1)
            pairs = zip(before, maps(images, predictions), strict=True)
            mods = [peers.skimage_nissim(one, other)[one.any(axis=(1, 2, 3))].mean() for one, other in pairs]
            columns.append([(predictions == y).mean(), *mods])
        return np.transpose(columns)

    return run


def agreements(found: np.ndarray, expected: np.ndarray, what: str, images: int) -> list[dict[str, Any]]:
    """How far accuracy and MOD of the peers are from ours.

    Args:
        found: Ours, as `ours` returns them.
        expected: The peers'.
        what: What was evaluated, in words.
        images: Of how many images; one of them may lie so near to a boundary that a few pixels decide.

    Raises:
        RuntimeError: They differ.
    """
    return [
        agreement(
            f"{what}: accuracy from that of the peers", largest(found[0], expected[0]), max(TOLERANCE, 1 / images)
        ),
        agreement(f"{what}: MOD from that of the peers", largest(found[1:], expected[1:]), TOLERANCE),
    ]
