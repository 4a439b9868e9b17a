"""What counts as right and as changed, for each kind of model: of one class, of several labels, of numbers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from keras_advxai.measurements.measurements import Measurements


class OneClass:
    """Images are right where the predicted class is the label.

    Args:
        found: What was measured.
    """

    task: ClassVar[str] = "classification"
    """The name of the task; see `Task` in `models`."""
    quantities: ClassVar[frozenset[str]] = frozenset()
    """The quantities that only such models have."""

    def __init__(self, found: Measurements) -> None:
        self.found = found

    def correct(self, attack: Any | None = None, epsilon: float | None = None) -> np.ndarray:
        """Which images are right in all, `(images,)` bool, or `(epsilons, images)`."""
        right: np.ndarray = self.found.at("prediction", attack=attack, epsilon=epsilon) == self.found.at("label")
        return right

    def share(self, attack: Any | None = None, epsilon: float | None = None) -> np.ndarray:
        """How much of what is said of each image is right, in [0, 1]; NaN where nothing is right or wrong."""
        return self.correct(attack, epsilon)

    def flipped(self, attack: Any, epsilon: float) -> np.ndarray:
        """Of which images something else is said than of the clean ones, `(images,)` bool."""
        other: np.ndarray = self.found.at("prediction", attack=attack, epsilon=epsilon) != self.found.at("prediction")
        return other

    def flips(self, attack: Any, epsilon: float) -> np.ndarray:
        """How much of what is said of each image has changed, in [0, 1]; NaN where that is no matter of yes or no."""
        return self.flipped(attack, epsilon)

    def attackable(self, attack: Any) -> np.ndarray:
        """Which images a targeted attack has attacked, `(images,)` bool."""
        chosen: np.ndarray = self.correct() & (self.found.at("attack_target", attack=attack) != self.found.at("label"))
        return chosen

    def reached(self, attack: Any) -> np.ndarray:
        """Which images are at the class that a targeted attack is to reach, `(epsilons, images)` bool."""
        there: np.ndarray = self.found.at("prediction", attack=attack) == self.found.at("attack_target", attack=attack)
        return there

    def finite(self, attack: Any | None = None) -> np.ndarray:
        """Of which images the outputs are finite, `(images,)` bool, or `(epsilons, images)`."""
        finite: np.ndarray = self.found.at("prediction", attack=attack) >= 0  # -1 where they are not
        return finite

    def labels(self) -> np.ndarray:
        """What attacks were to lead away from, in the form of labels, `(images, ...)`."""
        return self.found.at("label")

    def predictions(self) -> np.ndarray:
        """What the model says of the clean images, in the form of labels, `(images, ...)`."""
        return self.found.at("prediction")

    def apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Of which images labels or predictions are not the same, `(images,)` bool."""
        other: np.ndarray = first != second
        return other


class SeveralLabels(OneClass):
    """Images are right where all labels are; each label counts by itself in `share` and `flips`."""

    task = "multi_label"
    quantities = frozenset({"true_labels", "predicted_labels"})

    def _right(self, attack: Any | None, epsilon: float | None) -> np.ndarray:
        said, true = self.found.at("predicted_labels", attack=attack, epsilon=epsilon), self.found.at("true_labels")
        # An output that is not finite says no label: neither that it is there nor that it is not.
        finite = self.found.at("prediction", attack=attack, epsilon=epsilon) >= 0
        right: np.ndarray = (said == (true if said.ndim == 2 else true[:, None])) & finite
        return right

    def correct(self, attack: Any | None = None, epsilon: float | None = None) -> np.ndarray:
        """Of which images all labels are right."""
        right: np.ndarray = np.all(self._right(attack, epsilon), axis=0)
        return right

    def share(self, attack: Any | None = None, epsilon: float | None = None) -> np.ndarray:
        """Which share of the labels of each image is right."""
        share: np.ndarray = self._right(attack, epsilon).mean(axis=0)
        return share

    def label_flips(self, attack: Any, epsilon: float) -> np.ndarray:
        """Which labels of which images have changed, `(labels, images)` bool."""
        said = self.found.at("predicted_labels", attack=attack, epsilon=epsilon)
        other: np.ndarray = said != self.found.at("predicted_labels")
        return other

    def flipped(self, attack: Any, epsilon: float) -> np.ndarray:
        """Of which images some label has changed."""
        other: np.ndarray = np.any(self.label_flips(attack, epsilon), axis=0)
        return other

    def flips(self, attack: Any, epsilon: float) -> np.ndarray:
        """Which share of the labels of each image has changed."""
        share: np.ndarray = self.label_flips(attack, epsilon).mean(axis=0)
        return share

    def attackable(self, attack: Any) -> np.ndarray:
        """Which images neither have the label to reach nor are said to have it."""
        chosen: np.ndarray = ~(self._of_target("true_labels", attack) | self._of_target("predicted_labels", attack))
        return chosen

    def reached(self, attack: Any) -> np.ndarray:
        """Which images are said to have the label that a targeted attack is to reach."""
        targets, images = self.found.at("attack_target", attack=attack), np.arange(len(self.found))
        said = self.found.at("predicted_labels", attack=attack)  # (labels, epsilons, images)
        there: np.ndarray = said[targets, :, images].T
        return there

    def labels(self) -> np.ndarray:
        """Rows of 0 and 1, `(images, labels)`."""
        return self.found.at("true_labels").T.astype(np.int32)

    def predictions(self) -> np.ndarray:
        """Rows of 0 and 1, `(images, labels)`."""
        return self.found.at("predicted_labels").T.astype(np.int32)

    def apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Of which images some label is not the same."""
        other: np.ndarray = np.any(first != second, axis=-1)
        return other

    def _of_target(self, name: str, attack: Any) -> np.ndarray:
        targets, images = self.found.at("attack_target", attack=attack), np.arange(len(self.found))
        there: np.ndarray = self.found.at(name)[targets, images]
        return there


class Numbers(OneClass):
    """Nothing is right or wrong: outputs change by more or by less."""

    task = "regression"
    quantities = frozenset({"true_values", "predicted_values"})

    def correct(self, attack: Any | None = None, epsilon: float | None = None) -> np.ndarray:
        """All images: none is misclassified."""
        return np.ones_like(self.found.at("prediction", attack=attack, epsilon=epsilon), bool)

    def share(self, attack: Any | None = None, epsilon: float | None = None) -> np.ndarray:
        """NaN."""
        return np.full(self.correct(attack, epsilon).shape, np.nan)

    def flipped(self, attack: Any, epsilon: float) -> np.ndarray:
        """None: no image is said to be something else."""
        return np.zeros(len(self.found), bool)

    def flips(self, attack: Any, epsilon: float) -> np.ndarray:
        """NaN."""
        return np.full(len(self.found), np.nan)

    def finite(self, attack: Any | None = None) -> np.ndarray:
        """Of which images all outputs are finite."""
        finite: np.ndarray = np.isfinite(self.found.at("predicted_values", attack=attack)).all(axis=0)
        return finite

    def labels(self) -> np.ndarray:
        """The values of the clean images, `(images, outputs)`."""
        return self.predictions()

    def predictions(self) -> np.ndarray:
        """The values of the clean images, `(images, outputs)`."""
        return self.found.at("predicted_values").T

    def apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Of which images the values differ by more than rounding."""
        other: np.ndarray = np.any(~np.isclose(first, second, rtol=1e-3, atol=1e-5), axis=-1)
        return other

    def change(self, attack: Any, epsilon: float) -> np.ndarray:
        """The mean absolute change of the outputs of each image, `(images,)`."""
        said = self.found.at("predicted_values", attack=attack, epsilon=epsilon).astype("float64")
        change: np.ndarray = np.abs(said - self.found.at("predicted_values")).mean(axis=0)
        return change

    def error(self, attack: Any | None = None, epsilon: float | None = None) -> np.ndarray:
        """The mean absolute error of the outputs of each image, `(images,)`; NaN without labels."""
        said = self.found.at("predicted_values", attack=attack, epsilon=epsilon).astype("float64")
        error: np.ndarray = np.abs(said - self.found.at("true_values")).mean(axis=0)
        return error


def outcomes(found: Measurements) -> OneClass:
    """What counts as right and as changed in measurements, by the quantities that they have.

    Args:
        found: What was measured.

    Example:

    >>> from keras_advxai.evaluation import Coordinates, Measurements
    >>> from keras_advxai.measurements.outcomes import outcomes
    >>> coordinates = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    >>> found = Measurements.of(coordinates, label=[1, 0], prediction=[[1, 1], [0, 0]])
    >>> outcomes(found).correct().tolist()
    [True, False]
    """
    kinds = (SeveralLabels, Numbers)
    return next((kind(found) for kind in kinds if kind.quantities <= set(found.arrays)), OneClass(found))
