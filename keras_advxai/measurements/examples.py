"""A few images with their heatmaps, kept for pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.text import epsilon_text

_STRIP = 8  # times as wide as high


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """One image, its adversarial or corrupted version and both heatmaps.

    Attributes:
        attack: Name of the attack, or of the corruption.
        explainer: Name of the explainer.
        epsilon: The attack's budget, a fraction of the bounds' width; NaN of a corruption.
        index: The image's place in the data.
        label: Its true class, or the clean prediction where there are no labels.
        image: The original, `(height, width, channels)` float32, scaled from the bounds to [0, 1]. A signal is a
            strip, and the frames of a video are side by side.
        adversarial: The adversarial image, likewise.
        heatmap: The original's heatmap, `(height, width)` in [0, 1].
        adversarial_heatmap: The adversarial image's heatmap, likewise.
        prediction: The class predicted for the original; -1 where the output is not finite.
        adversarial_prediction: The class predicted for the adversarial image, likewise.
        confidence: The probability of `prediction`.
        adversarial_confidence: The probability of `adversarial_prediction`.
        dissimilarity: The dissimilarity of the two heatmaps; NaN where the original's is blank.
        name: What the image is called, such as its file; empty where nobody knows.
        severity: That of a corruption; `None` of an attack.
        probabilities: The probability of each class, or of each label, of the original, `(classes,)` float32; NaN
            where the output is not finite. `None` of a regression, which has none.
        adversarial_probabilities: Those of the adversarial image, likewise.
    """

    attack: str
    explainer: str
    epsilon: float
    index: int
    label: int
    image: np.ndarray
    adversarial: np.ndarray
    heatmap: np.ndarray
    adversarial_heatmap: np.ndarray
    prediction: int
    adversarial_prediction: int
    confidence: float
    adversarial_confidence: float
    dissimilarity: float
    name: str = ""
    severity: int | None = None
    probabilities: np.ndarray | None = None
    adversarial_probabilities: np.ndarray | None = None

    @property
    def level(self) -> float:
        """How strong it is: the epsilon, or the severity of a corruption."""
        return self.epsilon if self.severity is None else self.severity

    @property
    def level_text(self) -> str:
        """What is said of how strong it is: `epsilon 8/255`, `severity 3`."""
        return f"epsilon {epsilon_text(self.epsilon)}" if self.severity is None else f"severity {self.severity}"


def chosen(examples: Iterable[Example], known: Coordinates, **labels: Any) -> tuple[Example, ...]:
    """The examples with some labels.

    Args:
        examples: The examples.
        known: The labels that there are.
        **labels: `attack`, which may be a corruption, `explainer`, `epsilon`, `severity`; `None` for all.

    Raises:
        ValueError: There is no such label.
    """
    given = {dim: label for dim, label in labels.items() if label is not None}
    of = {"attack": "corruption"} if known.is_corruption(given.get("attack")) else {}
    wanted = {dim: known.label(of.get(dim, dim), label) for dim, label in given.items()}
    return tuple(item for item in examples if all(getattr(item, dim) == wanted[dim] for dim in wanted))


def as_picture(image: np.ndarray) -> np.ndarray:
    """An image, signal or video as `(height, width, channels)`.

    A signal, `(steps, channels)`, becomes a strip, and the frames of a video, `(frames, height, width, channels)`,
    stand side by side.

    Args:
        image: One image or heatmap, channels last.
    """
    if image.ndim == 2:
        return np.repeat(image[None], max(1, len(image) // _STRIP), axis=0)
    if image.ndim == 4:
        return np.concatenate(list(image), axis=1)
    return image
