"""Target classes of attacks that are given one for each image."""

from __future__ import annotations

import numpy as np

from keras_advxai.models import ImageClassifier
from keras_advxai.models.labels import check_labels


def check_given(targets: np.ndarray, labels: np.ndarray | None, images: int, classifier: ImageClassifier) -> np.ndarray:
    """Targets that were given one for each image, after they were compared with the labels.

    Args:
        targets: Class indices or one-hot rows.
        labels: Class indices, `(images,)`; `None` where there are none.
        images: How many images there are.
        classifier: Whose classes they are.

    Raises:
        ValueError: They do not fit the images or the model, or some are the label of their image.
    """
    found = check_labels(targets, images, classifier.classes, classifier.binary, "Argument `attack_targets`")
    same = np.flatnonzero(classifier.kind.is_own(found, labels)) if labels is not None else ()
    if len(same):
        few = ", ".join(map(str, same[:5])) + (", ..." if len(same) > 5 else "")
        raise ValueError(
            "Argument `attack_targets` must name another class than the label for each image: towards its own class "
            f"there is nothing to attack. Received: the label for {len(same)} of {images} images, at the indices "
            f"{few}. attack_targets='least_likely', 'runner_up' and 'random' never do."
        )
    return found
