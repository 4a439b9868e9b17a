"""From names and a layer to explainers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from keras_advxai.cli.configuring import configured
from keras_advxai.cli.failing import Failure

if TYPE_CHECKING:
    from keras_advxai.models import ImageClassifier

NONE = "none"


def name_or_number(text: str | None) -> str | int | None:
    """What an option says that takes a name or the number of a class or output.

    Args:
        text: What it says; `None` for nothing.
    """
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else text


def chosen_explainers(classifier: ImageClassifier, names: Sequence[str], layer: str) -> list[Any]:
    """The explainers that the options name, at the layer that they name.

    Args:
        classifier: The model.
        names: Names of explainers, with hyperparameters or without; `"none"` for none.
        layer: `"default"`, `"every"` or the name of a layer, for those that look at one.

    Raises:
        Failure: A name is unknown, or a hyperparameter is wrong.
    """
    from keras_advxai.explainers import LayerExplainer

    found: list[Any] = []
    for name in names:
        if name.lower() == NONE:
            continue
        explainer = configured("explainer", name)
        if layer == "default" or not isinstance(explainer, LayerExplainer):
            found.append(explainer)
            continue
        own = explainer.get_config()
        if own.pop("layer") is not None:
            raise Failure(f"Both --explainer {name} and --layer {layer} name a layer: leave out one of them.")
        every = type(explainer).every_layer(classifier, **own) if layer == "every" else None
        found += [type(explainer)(layer=layer, **own)] if every is None else every
    return found
