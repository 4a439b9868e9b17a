"""The model that is trained: one of this Keras, with weights before its training gives it some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_advxai.data import first_inputs
from keras_advxai.models import ImageClassifier, applications
from keras_advxai.models.class_names import check_class_names, check_counted_names
from keras_advxai.models.own_preprocessing import own_preprocessor
from keras_advxai.settings.evaluation_settings import EvaluationSettings


def check_model(model: Any) -> None:
    """Raise if a callback of Keras 3 is given a model of something else.

    Args:
        model: The model, as the callback is given it when `fit` begins.

    Raises:
        TypeError: It is of another Keras than this callback.
    """
    # Of tf_keras, or of another package with callbacks like these: the first thing that its `fit` does with them.
    if not isinstance(model, keras.Model):
        raise TypeError(
            "AdversarialEvaluation is a callback of Keras 3, for the `fit` of a keras.Model. Received: a model of "
            f"{type(model).__module__}.{type(model).__name__}. A model of tf_keras (Keras 2) that is saved as "
            ".keras or .h5 may be loaded by keras.models.load_model, and trained or passed to kax.evaluate then."
        )


def check_classes(class_names: Sequence[str] | None, data: Any, classifier: ImageClassifier) -> None:
    """Raise or warn if the names of the classes, or those that the data count, are not those of the model's classes.

    Args:
        class_names: The names that the callback was given.
        data: What the model will be evaluated on.
        classifier: The classifier.
    """
    check_class_names(class_names, classifier.classes)
    if classifier.kind.name == "classification":
        check_counted_names(data, class_names, classifier.classes)


def build(model: keras.Model, data: Any, settings: EvaluationSettings) -> None:
    """Give a model its weights, if it has none yet, as its first training step would do a moment later.

    Initial weights come from seeds that the layers were given when they were made, so it does not matter
    which images come first.

    Args:
        model: The model.
        data: What it will be evaluated on.
        settings: The settings of the evaluations.
    """
    if model.built:
        return
    own = getattr(model, "classifier_settings", None)  # of an `ExplainableModel`
    preprocess = settings.preprocess if own is None else own["preprocess"]
    x = first_inputs(data)
    function = applications.image_space(preprocess, None, None, own_preprocessor(model)).function
    if function is not None and hasattr(x, "shape"):
        x = function(keras.ops.cast(x, "float32"))
    model(x, training=False)  # on what the network takes
