"""Checks of the gradients: whether they tell how the model answers to a small change of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.evaluation.finding import Finding
from keras_advxai.evaluation.kept import Kept
from keras_advxai.evaluation.table import percent_text
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.blocking import stops, weighted
from keras_advxai.models.recording import all_operations
from keras_advxai.ops import losses, random

_FEW_PIXELS = 64
_TINY = 1e-4
"""By which part of the bounds' width some pixels are changed: too little to reach the next of a few levels."""
_MOST = 0.5
_PART = 0.01
"""How far a step along the gradient goes, as a part of the way to the boundary."""


def gradient_findings(classifier: ImageClassifier, batch: Kept) -> list[Finding]:
    """What the gradients of a model that is not random give cause to say.

    The model is run six times on them, and three times backward.

    Args:
        classifier: The classifier.
        batch: Some images.

    References:
        Athalye, Carlini and Wagner, "Obfuscated gradients give a false sense of security", ICML 2018.
    """
    inputs, _, _ = batch.tensors(classifier)
    stopped, blocked = _stopped(classifier, inputs)
    found = [finding for finding in (stopped, blocked) if finding]
    if any("16" in str(getattr(item, "compute_dtype", "")) for item in all_operations(classifier.model)):
        return found  # a small change drowns in the rounding
    same = float(np.mean(classifier.compiled("tiny change", _stays, inputs)))
    if same > _MOST:
        return [*found, _quantised(same)]
    if found:
        return found
    told, seen = (item.numpy() for item in classifier.compiled("small step", _step, inputs))
    wrong = (np.abs(seen - told) > 0.5 * np.abs(told)) & (told != 0)
    if np.sum(wrong) <= _MOST * np.sum(told != 0):
        return []
    return [
        Finding(
            "A small step along the gradient changes the logits otherwise than the gradient says, by half or more, on "
            f"{percent_text(float(np.mean(wrong)))} of the images: it is not the gradient of this model. Look for a "
            "custom gradient, a straight-through estimator or a stop_gradient, and add the attack 'square'.",
            id="misleading-gradients",
            severity="warning",
        )
    ]


def _quantised(share: float) -> Finding:
    return Finding(
        f"On {percent_text(share)} of the images the logits do not change at all when {_FEW_PIXELS} pixels change a "
        "little: the model rounds or quantises what it sees. Gradients say nothing about such a model, even where "
        "there are any; add the attack 'square'.",
        id="quantised-input",
        severity="warning",
    )


def _stopped(classifier: ImageClassifier, inputs: Any) -> tuple[Finding | None, Finding | None]:
    """The layer where a gradient stops, if there is one: beside other ways, and on the only one."""
    others = classifier.with_images(inputs, tf.reverse(classifier.images_of(inputs), [0]))
    runs = [classifier.compiled("stops", _stops, item) for item in (inputs, others)]
    places = sorted(runs[0]["layers"], key=lambda key: int(key.split(" ", 1)[0]))
    found = [
        key
        for key in places
        if all(bool(run["layers"][key]["blocked"]) for run in runs)
        and runs[0]["layers"][key]["output"] != runs[1]["layers"][key]["output"]
    ]
    whole = bool(runs[0]["whole"])
    through = [key.split(" ", 2)[2] for key in found if " through " in key]
    behind = [key.split(" ", 2)[2] for key in found if " behind " in key]
    if not (through or behind or whole):
        return None, None
    if through:
        where = f"through the layer {through[0]!r}" if through[0] else "through the preprocessing"
    else:
        where = f"back to the layer {behind[-1]!r}" if behind and behind[-1] else "back to the images"
    if whole:
        return None, Finding(
            f"No gradient flows {where}, so attacks with gradients cannot be run, and those without are weaker: robust "
            "accuracy may be far lower. Attack the model with something differentiable in that place, too.",
            id="blocked-gradient",
            severity="warning",
        )
    return (
        Finding(
            f"No gradient flows {where}, though what it returns depends on the image: attacks with gradients see a "
            "part of the model only. Look for a rounding, a threshold or a stop_gradient, and add the attack 'square'.",
            id="stopped-gradient",
            severity="warning",
        ),
        None,
    )


def _stops(classifier: ImageClassifier, x: Any) -> dict[str, Any]:
    """By number and path, whether a layer's gradient is zero or missing, and something of what it returned."""
    found, whole = stops(classifier.forward(x))
    layers = {}
    for number, stop in enumerate(found):
        missing = tf.constant(True) if stop.gradient is None else tf.reduce_all(stop.gradient == 0)
        key = f"{number} {'behind' if stop.behind else 'through'} {stop.path}"
        layers[key] = {"blocked": missing, "output": weighted(stop.output)}
    return {"whole": tf.constant(whole), "layers": layers}


def _stays(classifier: ImageClassifier, x: Any) -> Tensor:
    """Whether the logits stay exactly the same when a few pixels change a little, `(batch,)` bool."""
    clean = classifier.forward(x)
    images, (lower, upper) = clean.images, classifier.bounds
    inwards = tf.where(images < (lower + upper) / 2, 1.0, -1.0)
    share = _FEW_PIXELS / tf.cast(tf.size(images[0]), tf.float32)
    chosen = random.uniform(random.image_keys(images), 0, tf.shape(images)[1:]) < share
    changed = tf.where(chosen, images + _TINY * classifier.width * inwards, images)
    after = classifier.forward(classifier.with_images(x, changed))
    return tf.reduce_all(after.logits == clean.logits, axis=-1)


def _step(classifier: ImageClassifier, x: Any) -> tuple[Tensor, Tensor]:
    """By how much a short step along the gradient changes the log-odds, by the gradient and really, `(batch,)` each."""
    clean = classifier.forward(x)
    images, labels = clean.images, clean.predictions
    axes = tuple(range(1, images.shape.rank))
    gradient = clean.gradient(_odds, labels)
    before = _odds(clean, labels)
    size = tf.math.divide_no_nan(_PART * (1 + tf.abs(before)), tf.reduce_sum(gradient**2, axis=axes))
    moved = images + tf.reshape(size, [-1, *(1 for _ in axes)]) * gradient
    moved = tf.clip_by_value(moved, *classifier.bounds)
    after = _odds(classifier.forward(classifier.with_images(x, moved)), labels)
    return tf.reduce_sum(gradient * (moved - images), axis=axes), after - before


def _odds(forward: Forward, labels: Tensor) -> Tensor:
    return losses.log_odds(forward.logits, labels)
