"""What has to be known of data before they are read: who makes them, and whether a model predicts several labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_advxai.models import ImageClassifier


def resolved(data: Any) -> Any:
    """The data that a function returns; what is no function as it is.

    Args:
        data: What `Batches` takes, or a function without arguments that returns it.

    Example:

    >>> from keras_advxai.data.deciding import resolved
    >>> resolved(lambda: [1, 2]), resolved([1, 2])
    ([1, 2], [1, 2])
    """
    known = isinstance(data, (tf.data.Dataset, keras.utils.PyDataset)) or hasattr(data, "shape")
    return data if known or not callable(data) else data()


def decided(classifier: ImageClassifier, data: Any) -> ImageClassifier:
    """The classifier as its data need it; see `ImageClassifier.decided`. Of a stream the first batch is looked at.

    Args:
        classifier: A classifier.
        data: What `Batches` takes.
    """
    # Said already, or clear: no stream is read for nothing.
    if classifier.labels is not None or classifier.task is not None or classifier.decided(None) is classifier:
        return classifier
    if isinstance(data, tf.data.Dataset):
        data = next(iter(data.take(1)), None)
    elif isinstance(data, keras.utils.PyDataset):
        data = data[0] if len(data) else None
    y = data[1] if isinstance(data, (tuple, list)) and len(data) in (2, 3) else None
    if isinstance(y, Mapping):
        y = classifier.output_of(y)
    return classifier.decided(y)
