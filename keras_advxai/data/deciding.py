"""Whether a model says several labels, where nothing but the data tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_advxai.models import ImageClassifier


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
