"""What a process that was started anew does with a model from a file."""

from __future__ import annotations

from typing import Any

import keras

import keras_advxai as kax


def evaluated(path: str, data: Any, settings: kax.EvaluationSettings) -> str:
    """The report of the model in a file, as JSON. What comes with the call was pickled on its way."""
    return kax.evaluate(keras.models.load_model(path), data, settings=settings, progress=False).to_json()


def attacked(path: str, data: Any, attack: Any, explainer: Any) -> tuple[Any, Any]:
    """Adversarial images and heatmaps of the model in a file."""
    model = keras.models.load_model(path)
    return attack(model, *data), explainer(model, data[0])
