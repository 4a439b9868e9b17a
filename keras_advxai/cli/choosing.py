"""From names and a layer to explainers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_advxai.models import ImageClassifier

NONE = "none"


def chosen_explainers(classifier: ImageClassifier, names: Sequence[str], layer: str) -> list[Any]:
    """The explainers that the options name, at the layer that they name.

    Args:
        classifier: The model.
        names: Names of explainers; `"none"` for none.
        layer: `"default"`, `"every"` or the name of a layer, for those that look at one.

    Raises:
        ValueError: A name is unknown.
    """
    from keras_advxai import explainers

    found: list[Any] = []
    for name in names:
        if name.lower() == NONE:
            continue
        explainer = explainers.get(name)
        if layer == "default" or not isinstance(explainer, explainers.ClassActivationMap):
            found.append(explainer)
        elif layer == "every":
            found += type(explainer).every_layer(classifier)
        else:
            found.append(type(explainer)(layer=layer))
    return found
