"""What an evaluation found of each image, as arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_advxai.evaluation.targets import is_attackable


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """Predictions and dissimilarities of every image; a sequence of one dictionary for each.

    Attributes:
        epsilons: The attack strengths.
        labels: `(images,)`; the clean predictions where there are no labels.
        predictions: Clean predictions, `(images,)`.
        confidence: Probability of each clean prediction, `(images,)`.
        attacked: Attack to predictions, `(epsilons, images)`.
        nissim: Attack to explainer to target to NISSIM, `(epsilons, images)`; NaN where the clean heatmap is
            blank, so that there is nothing to compare with, or a heatmap is NaN.
        blank: Attack to explainer to whether the adversarial heatmap is blank, `(epsilons, images)`.
        reference_blank: Explainer to whether the clean heatmap is blank, `(images,)`.
        completeness: Explainer to `"gap"` and `"change"` to `"clean"`, `(images,)`, and each attack, `(epsilons,
            images)`: how far the attributions are from adding up to the change of the score. Only explainers that
            promise a sum, such as Integrated Gradients, have an entry.
        scores: Where explainers come in pairs that differ in their score only, and else empty, by the same conditions:
            `"log_odds"` of each image's prediction; `"zero_gradient"` of each score, whether it is exactly zero; and
            `"nissim"` by explainer, between its heatmaps of the logit and of the probability.
        distances: Minimum-norm attack to the distance of each image to the nearest misclassified one that was found,
            `(images,)` in units of epsilon; 0 where the clean image is misclassified, infinite where none was found.
        lengths: Attack to how far each image was changed, `(epsilons, images)` in units of epsilon.
        outside: Attack to whether an image leaves the bounds or is NaN, `(epsilons, images)`.
        broken: Attack to whether the model's outputs are NaN or infinite, `(epsilons, images)`.
        zero_gradients: Of the first attack with each loss, whether its gradient is exactly zero on each clean image.
        attack_targets: Targeted attack to the class that it is to reach, `(images,)`.
        saturated: Whether the gradient of cross-entropy to the clean logits is exactly zero in float32, `(images,)`;
            empty where that is not known.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.evaluation import Samples
    >>> samples = Samples((0.1,), np.array([1]), np.array([1]), np.array([0.9]), {"fgsm": np.array([[0]])}, {}, {}, {})
    >>> samples[0]["predictions"]
    {'fgsm': {0.1: 0}}
    """

    epsilons: tuple[float, ...]
    labels: np.ndarray
    predictions: np.ndarray
    confidence: np.ndarray
    attacked: dict[str, np.ndarray]
    nissim: dict[str, dict[str, dict[str, np.ndarray]]]
    blank: dict[str, dict[str, np.ndarray]]
    reference_blank: dict[str, np.ndarray]
    completeness: dict[str, dict[str, dict[str, np.ndarray]]] = dataclasses.field(default_factory=dict)
    scores: dict[str, Any] = dataclasses.field(default_factory=dict)
    distances: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    lengths: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    outside: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    broken: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    zero_gradients: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    attack_targets: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    saturated: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, bool))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"There are {len(self)} images. Received: index={index}")

        def levels(values: np.ndarray) -> dict[float, Any]:
            return dict(zip(self.epsilons, values[:, index].tolist(), strict=True))

        return {
            "index": index % len(self),
            "label": int(self.labels[index]),
            "prediction": int(self.predictions[index]),
            "confidence": float(self.confidence[index]),
            "predictions": {attack: levels(values) for attack, values in self.attacked.items()},
            "nissim": {
                attack: {
                    explainer: {target: levels(values) for target, values in targets.items()}
                    for explainer, targets in explainers.items()
                }
                for attack, explainers in self.nissim.items()
            },
        }

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))

    def attackable(self, attack: str) -> np.ndarray:
        """Which images a targeted attack has attacked, `(images,)`; see `keras_advxai.evaluate`."""
        return is_attackable(self.labels, self.predictions, self.attack_targets[attack])

    def succeeded(self, attack: str) -> np.ndarray:
        """Where an attack had its way, `(epsilons, images)`.

        Where images are misclassified, or, of a targeted attack, where those that it has attacked are taken for the
        class that it is to reach.
        """
        if attack not in self.attack_targets:
            return self.attacked[attack] != self.labels
        reached: np.ndarray = (self.attacked[attack] == self.attack_targets[attack]) & self.attackable(attack)
        return reached

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dictionaries, NaN as `None`."""
        return {field.name: plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> Samples:
        """The samples that `to_dict` described."""
        distances = _arrays(config.get("distances", {}), "float32")
        return cls(
            epsilons=tuple(config["epsilons"]),
            labels=np.asarray(config["labels"], "int32"),
            predictions=np.asarray(config["predictions"], "int32"),
            confidence=np.asarray(config["confidence"], "float32"),
            attacked=_arrays(config["attacked"], "int32"),
            nissim=_arrays(config["nissim"], "float64"),
            blank=_arrays(config["blank"], "bool"),
            reference_blank=_arrays(config["reference_blank"], "bool"),
            completeness=_arrays(config.get("completeness", {}), "float32"),
            scores={
                key: _arrays(values, "bool" if key == "zero_gradient" else "float64")
                for key, values in config.get("scores", {}).items()
            },
            lengths=_arrays(config.get("lengths", {}), "float32"),
            outside=_arrays(config.get("outside", {}), "bool"),
            broken=_arrays(config.get("broken", {}), "bool"),
            zero_gradients=_arrays(config.get("zero_gradients", {}), "bool"),
            attack_targets=_arrays(config.get("attack_targets", {}), "int32"),
            saturated=np.asarray(config.get("saturated", ()), "bool"),
            distances={key: np.nan_to_num(value, nan=np.inf) for key, value in distances.items()},
        )


def plain(value: Any) -> Any:
    """Arrays as lists, with `None` for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        objects = value.astype("object")
        if value.dtype.kind == "f":
            objects[~np.isfinite(value)] = None
        return objects.tolist()
    return list(value) if isinstance(value, tuple) else value


def _arrays(value: Any, dtype: str) -> Any:
    if isinstance(value, dict):
        return {key: _arrays(item, dtype) for key, item in value.items()}
    return np.asarray(value, dtype)
