"""How long costly explainers will take, measured before they run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.explainers import Explainer
from keras_advxai.models import ImageClassifier
from keras_advxai.models.recording import all_operations
from keras_advxai.models.scores import logit_score
from keras_advxai.text import duration_text

_FEW = 1000
"""Fewer passes than this are not worth a measurement, which has to trace the model once more."""
_MANY_LAYERS, _EACH_LAYER = 300, 0.05
"""From how many layers on it is worth to say how long compiling takes, and the seconds for each."""


def forecast(
    classifier: ImageClassifier, explainers: Sequence[Explainer], inputs: Any, images: int | None, conditions: int
) -> str:
    """How long explainers that need many passes of their own will take, as `"integrated_gradients: about 2 min"`.

    One pass forward and backward over the first batch is timed, and multiplied.

    Args:
        classifier: The classifier.
        explainers: All explainers of an evaluation.
        inputs: The first batch.
        images: How many images there are; `None` where that is not known, for a forecast per hundred.
        conditions: How often each image is explained: once clean, and once for each attack and epsilon.

    Returns:
        The forecast; empty where there is nothing to say.
    """
    costly = {item.name: item.passes for item in explainers if item.passes}  # Grad-CAM takes none of its own
    known = 100 if images is None else images  # a dataset that is filtered cannot say
    if known * conditions * sum(costly.values()) < _FEW:
        return ""
    given = classifier.images_of(inputs)
    sizes = {item.name: item.images_at_once(classifier, given) or len(given) for item in explainers if item.passes}
    # Timed with as many images as each explainer puts into a pass, since the time for one depends on that.
    seconds = {size: _seconds_of_a_pass(classifier, inputs, size) for size in set(sizes.values())}
    return ", ".join(
        f"{name}: about {duration_text(passes * seconds[sizes[name]] * known * conditions)}"
        + (" per 100 images" if images is None else "")
        for name, passes in costly.items()
    )


def compiling(model: keras.Model) -> str:
    """What compiling the step may take for a model of many layers, as `"1030 layers: about 52 s, once"`.

    Measured with FGSM, noise and Grad-CAM on models of 154 to 1039 layers, a layer took some 50 ms. Each further attack
    with passes of its own adds to that.

    Returns:
        The text; empty for a model with fewer than 300 layers.
    """
    count = sum(isinstance(item, keras.layers.Layer) for item in all_operations(model))
    # Until it is compiled the bar counts nothing, for a minute where there are a thousand layers.
    return f"{count} layers: about {duration_text(_EACH_LAYER * count)}, once" if count >= _MANY_LAYERS else ""


def _seconds_of_a_pass(classifier: ImageClassifier, inputs: Any, at_once: int) -> float:
    """What one image takes on the way forward and backward, in batches of about this size."""
    # Integrated Gradients puts many points of few images into one pass.
    copies = max(1, at_once // len(classifier.images_of(inputs)))

    def repeated(item: Any) -> Tensor:
        item = tf.convert_to_tensor(item)
        return tf.repeat(item, copies, axis=0) if item.shape.rank else item  # a scalar input has no batch

    inputs = keras.tree.map_structure(repeated, inputs)
    inputs = classifier.with_images(inputs, tf.cast(classifier.images_of(inputs), tf.float32))
    taken = []
    for _ in range(2):  # the first of which is traced
        begin = time.perf_counter()
        classifier.compiled("a pass", _gradient, inputs).numpy()
        taken.append(time.perf_counter() - begin)
    return taken[-1] / len(classifier.images_of(inputs))


def _gradient(classifier: ImageClassifier, x: Any) -> Tensor:
    forward = classifier.forward(x)
    return forward.gradient(logit_score, forward.strongest)
