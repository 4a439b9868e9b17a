"""Explanations of a part of the images at a time."""

from __future__ import annotations

from typing import Any

import keras

from keras_advxai._typing import Tensor
from keras_advxai.models import ImageClassifier


def with_finite(function: Any, model: ImageClassifier, x: Any, targets: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """What a function of one pass returns, and for which images the output of this pass is finite."""
    forward = model.forward(x)
    return function(model, x, targets, forward), forward.finite


def rows(structure: Any, start: int, count: int) -> Any:
    """Some rows of all tensors; what has none is left as it is."""
    return tuple(
        None
        if part is None
        else keras.tree.map_structure(lambda item: item[start : start + count] if item.shape.rank else item, part)
        for part in structure
    )
