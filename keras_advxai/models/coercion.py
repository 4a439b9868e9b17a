"""What is given for a model, as a classifier."""

from __future__ import annotations

import keras

from keras_advxai.models.classifier import ImageClassifier


def as_classifier(model: keras.Model | ImageClassifier) -> ImageClassifier:
    """`model` itself if it is an `ImageClassifier`, its `classifier` if it has one, else one with bounds (0, 1)."""
    if isinstance(model, ImageClassifier):
        return model
    own = getattr(model, "classifier", None)
    return own if isinstance(own, ImageClassifier) else ImageClassifier(model)
