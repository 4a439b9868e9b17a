"""Whether the metrics that a model was compiled with decide elsewhere than its probabilities do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

_USUAL = 0.5
"""Where Keras decides if nobody says otherwise, whether a unit returns probabilities or logits."""


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


def own_threshold(model: keras.Model, head: str, output: str | int | None = None) -> float | None:
    """The threshold of a compiled `BinaryAccuracy` that is not the one of the model's head; `None` where there is none.

    Keras' "accuracy" of one unit is such a metric. It compares what the model returns with 0.5 where nobody says
    otherwise, also where that is logits.

    Args:
        model: A model that ends in one unit, or in one for each of several labels.
        head: The kind of head.
        output: Of several outputs, the name or index of the one that is meant. Defaults to `None`.
    """
    for metric in _of_output(model, output):
        threshold = _threshold(metric)
        if threshold is not None and threshold != border(head):
            return threshold
    return None


def _of_output(model: Any, output: str | int | None) -> Iterator[keras.Metric]:
    """The metrics of one output: those of the others decide about something else."""
    names = list(getattr(model, "output_names", None) or ())
    if len(names) < 2:
        yield from compiled_metrics(model)
        return
    meant = names[output] if isinstance(output, int) and -len(names) <= output < len(names) else output
    for item in getattr(model, "metrics", None) or ():
        for listed in (*getattr(item, "_flat_metrics", ()), *getattr(item, "_flat_weighted_metrics", ())):
            if getattr(listed, "output_name", None) == meant:
                yield from getattr(listed, "metrics", None) or ()


def _threshold(metric: keras.Metric) -> float | None:
    """Where a metric of the accuracy of units decides; `None` of another one."""
    if isinstance(metric, keras.metrics.BinaryAccuracy):
        return float(metric.threshold)
    # The function by itself is wrapped, with its default where no other is said.
    if getattr(metric, "_fn", None) is keras.metrics.binary_accuracy:
        return float((getattr(metric, "_fn_kwargs", None) or {}).get("threshold", _USUAL))
    return None
