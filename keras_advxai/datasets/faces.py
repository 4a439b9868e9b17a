"""Real faces and other image patches, small enough to ship inside scikit-image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from skimage.data import lfw_subset

CLASS_NAMES = ("other", "face")
"""What the labels 0 and 1 mean."""

_FACES = 100
_TRAINING = 150
_SEED = 2022


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The 100 faces and 100 non-faces of scikit-image's `lfw_subset`, split by a fixed permutation.

    The faces are cut out of "Labeled Faces in the Wild", the other patches out of the surroundings of
    faces. Nothing is downloaded.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: 150 and 50 images, `(images, 25, 25, 1)` float32 in [0, 1],
        with int32 labels, 1 for a face.

    Example:

    >>> from keras_advxai.datasets import faces
    >>> (x_train, y_train), (x_test, y_test) = faces.load_data()
    >>> x_train.shape, x_test.shape
    ((150, 25, 25, 1), (50, 25, 25, 1))

    References:
        Huang, Ramesh, Berg and Learned-Miller, "Labeled faces in the wild: a database for studying face
        recognition in unconstrained environments", 2007; `skimage.data.lfw_subset`.
    """
    load: Callable[[], np.ndarray] = lfw_subset  # untyped in scikit-image
    images = load().astype("float32")[..., np.newaxis]
    labels = (np.arange(len(images)) < _FACES).astype("int32")
    order = np.random.default_rng(_SEED).permutation(len(images))
    train, test = order[:_TRAINING], order[_TRAINING:]
    return (images[train], labels[train]), (images[test], labels[test])
