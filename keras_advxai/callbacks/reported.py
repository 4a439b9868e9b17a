"""The accuracy that a training has measured itself, on its own validation data."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from keras_advxai.models import ImageClassifier
from keras_advxai.models.own_threshold import border, compiled_metrics

_ACCURACIES = ("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy")
_OF_CLASSES = (keras.metrics.SparseCategoricalAccuracy, keras.metrics.CategoricalAccuracy)
_OF_UNITS = keras.metrics.BinaryAccuracy


def reported_accuracy(logs: Mapping[str, Any], classifier: ImageClassifier) -> tuple[str, float] | None:
    """The accuracy that `fit` itself has measured on its validation data, with its key; `None` if there is none.

    Args:
        logs: The logs of an epoch, before our keys are in them.
        classifier: The classifier, which says which of several outputs it is about.
    """
    outputs = list(getattr(classifier.model, "output_names", None) or ())
    own = outputs[classifier.output] if isinstance(classifier.output, int) and outputs else classifier.output
    starts = ("val_",) if own is None else (f"val_{own}_", *(("val_",) if len(outputs) < 2 else ()))
    for start, name in itertools.product(starts, _names(classifier)):
        value = logs.get(start + name)
        if value is not None and math.isfinite(value):
            return start + name, float(value)
    return None


def _names(classifier: ImageClassifier) -> Iterator[str]:
    """What the metrics that count what ours do are called, by what they are, or else by the usual names."""
    # Of several labels, Keras' "accuracy" may be that of the largest output, which means nothing. Of numbers there is
    # none.
    usual = {"classification": _ACCURACIES, "multi_label": ("binary_accuracy",)}.get(classifier.kind.name, ())
    usual = (*usual, "binary_accuracy") if classifier.binary and usual else usual
    known: dict[str, list[bool]] = {}
    for metric in compiled_metrics(classifier.model) if usual else ():
        known.setdefault(metric.name, []).append(_is_ours(metric, classifier, metric.name in usual))
    yield from (name for name in usual if any(known.get(name, (True,))))
    yield from (name for name, ours in known.items() if any(ours) and name not in usual)


def _is_ours(metric: keras.Metric, classifier: ImageClassifier, usual: bool) -> bool:
    """Whether a metric counts images, or labels, as right where the classifier does."""
    several = classifier.kind.name == "multi_label"
    if isinstance(metric, _OF_UNITS):
        return (classifier.binary or several) and metric.threshold == border(classifier.head())
    if isinstance(metric, _OF_CLASSES):
        return not (several or classifier.binary)
    # Another one of Keras' own, such as a top-5 accuracy, is not what its name says; a user's function is trusted.
    is_kerass = type(metric) is getattr(keras.metrics, type(metric).__name__, None)
    return usual and (not is_kerass or type(metric) is keras.metrics.MeanMetricWrapper)
