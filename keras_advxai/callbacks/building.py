"""Gives a model its weights before its training does."""

from __future__ import annotations

from typing import Any

import keras

from keras_advxai.data import first_inputs
from keras_advxai.models import applications
from keras_advxai.models.own_preprocessing import own_preprocessor
from keras_advxai.settings.evaluation_settings import EvaluationSettings


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
