"""The range of pixels in which a model is right more often than on the images as they are."""

from __future__ import annotations

import keras
import numpy as np

from keras_advxai.data import Batches
from keras_advxai.measurements.accuracy import correct
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.models import ImageClassifier
from keras_advxai.models.ranges import FEWEST_WRONG, OtherRange, best_other_range
from keras_advxai.models.task import CLASSIFICATION

FIRST_IMAGES = 128
"""Ranges are tried on so many of the first images."""


def other_range(classifier: ImageClassifier, batches: Batches, found: Measurements) -> OtherRange | None:
    """What other ranges of the pixels would make of the first images; `None` where nothing speaks for it.

    Args:
        classifier: The classifier.
        batches: The data, which have been read, with the first images remembered.
        found: What was measured of them.
    """
    shard = batches.shard
    if (shard is not None and shard.index) or classifier.kind is not CLASSIFICATION or not batches.has_labels:
        return None
    # Of arrays the first images of all shards, so that any number of shards says the same.
    first = batches.remembered if shard is None or not batches.are_arrays else batches.all_arrays()
    inputs, labels, count = [], [], 0
    for x, y in first:
        if count >= FIRST_IMAGES or y is None:
            break
        inputs.append(keras.tree.map_structure(lambda part, left=FIRST_IMAGES - count: np.asarray(part[:left]), x))
        labels.append(y[: FIRST_IMAGES - count])
        count += len(labels[-1])
    shapes = {np.shape(classifier.images_of(item))[1:] for item in inputs}
    measured = min(count, len(found))
    # Nothing is run where the model is right, or so nearly that no other range could be seen to be better.
    if not measured or len(shapes) > 1 or np.sum(~correct(found)[:measured]) * count < FEWEST_WRONG * measured:
        return None
    if classifier.topology(shapes.pop()).random:
        return None
    together = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *inputs)
    return best_other_range(classifier, together, np.concatenate(labels))
