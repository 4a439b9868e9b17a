"""Checks of the explainers: whether what they show has to do with what the model has learned."""

from __future__ import annotations

import keras

from keras_advxai.audit.context import AuditContext, check
from keras_advxai.audit.randomization import is_checkable, randomization
from keras_advxai.checks.evidence import OF_NAN
from keras_advxai.measurements.randomization import LIMIT
from keras_advxai.text import enumeration, number_text

_IMAGES = 16
_MOST_NAMES = 4


@check("insensitive-explainer", "warning", silenced_by=OF_NAN)
def insensitive_explainer(seen: AuditContext) -> str | None:
    """The heatmaps of an explainer stay the same when all weights of the model are re-drawn (Adebayo et al. 2018).

    It then shows what any model would see in the image, such as its edges, and its drift says nothing of this model.
    The same means: up to a fifth of what the model's own heatmaps of different images are apart. It is looked at on the
    first 16 images, of explainers that compute in TensorFlow; `kax.audit.randomization` has the figures layer by layer,
    and `figures.randomization` draws them. The model is not changed for it.
    """
    explainers = [item for item in seen.explainers if is_checkable(item)]
    if not explainers:
        return None
    few = keras.tree.map_structure(lambda part: part[:_IMAGES], seen.batches[0])
    try:
        found = randomization(seen.classifier, few, explainers=explainers, metric=seen.metric, depths=1)
    except ValueError:  # a model without weights has learned nothing that could be forgotten
        return None
    if not found.insensitive:
        return None
    names = found.insensitive
    first = found.explainers.index(names[0])
    which = enumeration(names) if len(names) <= _MOST_NAMES else f"{len(names)} explainers, such as {names[0]},"
    return (
        f"The heatmaps of {which} stay the same when all weights of the model are re-drawn: {found.metric} "
        f"{number_text(float(found.dissimilarity[first, -1]))} (of {names[0]}, on {found.images} images), where "
        f"those of different images are {number_text(float(found.chance[first]))} apart. Up to {100 * LIMIT:.0f} % of "
        "that they show the image rather than the model, and their drift says little about it."
    )
