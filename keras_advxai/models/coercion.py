"""What is given for a model, as a classifier."""

from __future__ import annotations

import keras

from keras_advxai.models.classifier import ImageClassifier
from keras_advxai.models.heads import OneUnitError
from keras_advxai.models.regression import regression_loss
from keras_advxai.text import to_be_said


def as_classifier(model: keras.Model | ImageClassifier) -> ImageClassifier:
    """`model` itself if it is an `ImageClassifier`, its `classifier` if it has one, else one with bounds (0, 1)."""
    own = model if isinstance(model, ImageClassifier) else getattr(model, "classifier", None)
    classifier = own if isinstance(own, ImageClassifier) else ImageClassifier(model)
    check_not_regression(model, classifier)
    return classifier


def check_not_regression(model: keras.Model | ImageClassifier, classifier: ImageClassifier) -> None:
    """Raise if a model was compiled with the loss of a regression and nothing says that it is none.

    A model that ends in a softmax or sigmoid says classes, whatever it was trained with.

    Args:
        model: The model as the user has it, which may be a wrapper that was compiled.
        classifier: The classifier of it.

    Raises:
        ValueError: It was; the message names the loss.
    """
    said = (classifier.task, classifier.labels, classifier.from_logits)
    inner = classifier.model
    loss = regression_loss(inner, classifier.output) or regression_loss(model, classifier.output)
    if loss is None or any(value is not None for value in said):
        return
    try:
        head = classifier.head()
    except OneUnitError:
        head = "linear"
    except ValueError:  # a model that does not say which images it takes; what is wrong is said when there are images
        return
    if head in ("linear", "probability"):
        raise ValueError(
            f"The model {inner.name!r} was compiled with the loss {loss}, that of a regression. Pass "
            + to_be_said("task='regression'")
            + " for a model that predicts numbers. For one of classes, pass from_logits=True if its outputs are the "
            "logits of classes, and from_logits=False if they are probabilities."
        )
