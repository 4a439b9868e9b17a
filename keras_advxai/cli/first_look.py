"""A first look at the predictions, before anything is attacked."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from keras_advxai.models import ImageClassifier

SHOWN = 10

UNDECIDED = (
    "The model is hardly surer of any class than of all others, for all images that were looked at. So is one with "
    "weights at random, of which nothing that follows means anything: look at the training and at --weights."
)
"""What is said of a model whose probabilities are all alike."""


@dataclasses.dataclass(frozen=True, eq=False)  # `==` of arrays has no truth value
class FirstLook:
    """What a model says of images as they are.

    Attributes:
        predictions: The class of each image, `(images,)`; -1 where the output is not finite.
        probabilities: Of all classes, `(images, classes)`.
        doubts: Sentences on what speaks for a wrong preprocessing.
        values: Of a regression, its outputs, `(images, outputs)`, in place of classes. Defaults to `None`.
        is_undecided: Whether all classes are about as likely in all images. Defaults to `False`.
    """

    predictions: np.ndarray
    probabilities: np.ndarray
    doubts: tuple[str, ...]
    values: np.ndarray | None = None
    is_undecided: bool = False

    def top(self, image: int, count: int) -> list[tuple[int, float]]:
        """The most probable classes of an image, with their probabilities; of a regression the outputs, with values.

        Args:
            image: Which image.
            count: How many classes.
        """
        if self.predictions[image] < 0:
            return []
        values = self.probabilities[image] if self.values is None else self.values[image]
        order = values.argsort()[::-1][:count] if self.values is None else range(min(count, len(values)))
        return [(int(index), float(values[index])) for index in order]


def look(classifier: ImageClassifier, x: Any, y: Any = None) -> FirstLook:
    """What the model says of images, and whether they arrive in it as those of its training did.

    Args:
        classifier: The model.
        x: The images.
        y: Their labels. Defaults to `None`.

    Raises:
        ValueError: The images do not fit the model.
    """
    import numpy as np

    from keras_advxai.checks.settings import unlike_training_text
    from keras_advxai.models.arriving import compared

    inputs = classifier.checked(x, "the images")
    found = classifier.compiled("first look", _pass, inputs)
    finite = found["finite"].numpy()
    predictions = np.where(finite, found["strongest"].numpy(), -1)
    doubts = []
    layer = classifier.topology(tuple(inputs.shape[1:])).statistics
    if layer is not None and "mean" in found:
        moments = {name: found[name].numpy() for name in ("mean", "variance", "known_mean", "known_variance")}
        doubts.append(unlike_training_text(compared(layer, [moments], [len(predictions)])))
    regression = classifier.kind.name == "regression"
    if not regression and y is not None and np.ndim(y) == 1 and len(np.unique(y)) > 1 and len(predictions) > 2:
        only = np.unique(predictions)
        if len(only) == 1 and only[0] >= 0:
            doubts.append(
                f"The model predicts class {only[0]} for all of {len(predictions)} images, whatever their labels. Look "
                "at `preprocess` and `bounds`, and at the training."
            )
    if not finite.any():
        doubts.append("The model's outputs are NaN or infinite for all images. Look at `preprocess` and `bounds`.")
    values = found["logits"].numpy() if regression else None
    probabilities = found["probabilities"].numpy()
    undecided = classifier.kind.name == "classification" and _are_alike(probabilities)
    return FirstLook(predictions, probabilities, tuple(filter(None, doubts)), values, undecided)


def _are_alike(probabilities: np.ndarray) -> bool:
    """Whether no class is likelier than by chance to speak of: MobileNetV2 without training gives .0012 of 1,000."""
    chance = 1 / probabilities.shape[-1]
    return bool((probabilities.max(-1) < min(2 * chance, chance + 0.05)).all())  # NaN is none of it


def _pass(classifier: ImageClassifier, x: Any) -> dict[str, Any]:
    from keras_advxai.models.arriving import moments

    forward = classifier.forward(x)
    return {
        "probabilities": forward.probabilities,
        "logits": forward.logits,
        "strongest": forward.strongest,
        "finite": forward.finite,
        **(moments(forward) or {}),
    }
