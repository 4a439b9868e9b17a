"""Whether the metrics that a model was compiled with decide elsewhere than its probabilities do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras


def compiled_metrics(model: Any) -> Iterator[keras.Metric]:
    """The metrics that a model was compiled with, and those that a training step of its own updates.

    Args:
        model: The model.
    """
    for item in getattr(model, "metrics", None) or ():
        # Of `compile` there is one object, which holds them once they have seen a batch.
        yield from getattr(item, "metrics", None) or (item,)


def border(head: str) -> float:
    """From which output on a unit says its class: logits above 0, probabilities above a half.

    Args:
        head: The kind of head.
    """
    return 0.0 if head == "linear" else 0.5


def own_threshold(model: keras.Model, head: str) -> float | None:
    """The threshold of a compiled `BinaryAccuracy` that is not the one of the model's head; `None` where there is none.

    Args:
        model: A model that ends in one unit, or in one for each of several labels.
        head: The kind of head.
    """
    for metric in compiled_metrics(model):
        # Keras compares logits with 0.5, too, where nobody says otherwise.
        if isinstance(metric, keras.metrics.BinaryAccuracy) and metric.threshold not in (border(head), 0.5):
            return float(metric.threshold)
    return None
