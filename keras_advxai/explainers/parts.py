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


def check_count(found: Tensor, images: Tensor, who: object) -> None:
    """Raise unless there is a map for each image.

    Args:
        found: What an explainer returns.
        images: The images.
        who: The explainer, for the message.

    Raises:
        ValueError: There is not, as of a layer that sees windows or patches of the images as images of their own.
    """
    if len(found) != len(images):
        raise ValueError(
            f"{who!r} returned {len(found)} maps of {len(images)} images: the layer that is explained sees each image "
            "in several parts, such as windows. Name a layer in front of where they are cut out or behind where they "
            "are put together, or put them together by `reshape_transform`."
        )
