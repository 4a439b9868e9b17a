"""What explainers do not show that look at a layer which nobody named."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from keras_advxai._typing import Shape
from keras_advxai.explainers.explainer import Explainer
from keras_advxai.models import ImageClassifier


class Unseen(TypedDict):
    """Layers that a heatmap of the default layer shows nothing of, with the default layer as the last; or nothing."""

    unmerged: tuple[str, ...]
    passed_over: tuple[str, ...]


def explained_by_default(explainers: Iterable[Explainer], classifier: ImageClassifier, shape: Shape) -> Unseen:
    """What is not seen by explainers of the default layer; nothing where all of them name their layer, or need none.

    Args:
        explainers: The explainers.
        classifier: What they explain.
        shape: `(height, width, channels)` of the images.
    """
    found = classifier.topology(shape)
    default = found.layers.default
    if default is None or not (found.unmerged or found.passed_over):
        return Unseen(unmerged=(), passed_over=())
    unnamed = (item for item in explainers if getattr(_innermost(item), "layer", None) is None)
    if not any(default.name in item.layers(classifier, shape) for item in unnamed):
        return Unseen(unmerged=(), passed_over=())
    return Unseen(
        unmerged=(*found.unmerged, default.name) if found.unmerged else (),
        passed_over=(*found.passed_over, default.name) if found.passed_over else (),
    )


def _innermost(explainer: Explainer) -> Explainer:
    """The explainer that another one, such as `SmoothGrad`, averages."""
    inner = getattr(explainer, "explainer", None)
    return _innermost(inner) if isinstance(inner, Explainer) else explainer
