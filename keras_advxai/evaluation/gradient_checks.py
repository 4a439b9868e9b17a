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
_SMALL = 1e-3
"""By which part of the bounds' width all pixels without a gradient are changed."""
_PLAIN = 0.3
"""What they change of the logits, beside what the others do, if the gradient should have told."""
_ROUNDING = 1e-4
"""Changes of the log-odds below this may be nothing but rounding."""
_PART = 0.01
"""How far a step along the gradient goes, as a part of the way to the boundary."""


def gradient_findings(classifier: ImageClassifier, batch: Kept) -> list[Finding]:
    """What the gradients of a model that is not random give cause to say.

    The model is run nine times on them, and four times backward.

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
    share, still, moved = (item.numpy() for item in classifier.compiled("zero gradients", _zeros, inputs))
    if np.mean((share > _PART) & (still > _PLAIN * moved)) > _MOST:
        return [_partly_stopped(float(np.mean(share)))]
    told, seen = (item.numpy() for item in classifier.compiled("small step", _step, inputs))
    judged = np.abs(told) > _ROUNDING
    wrong = (np.abs(seen - told) > 0.5 * np.abs(told)) & judged
    if np.sum(wrong) <= _MOST * np.sum(judged):
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


def _partly_stopped(share: float) -> Finding:
    return Finding(
        f"The gradient is exactly zero at {percent_text(share)} of the pixels, though the logits change with them: "
        "attacks with gradients leave these pixels alone. Look for a stop_gradient, a rounding or a threshold, and add "
        "the attack 'square'.",
        id="stopped-gradient",
        severity="warning",
    )


def _stopped(classifier: ImageClassifier, inputs: Any) -> tuple[Finding | None, Finding | None]:
    """The layer where a gradient stops, if there is one: beside other ways, and on the only one."""
    images = classifier.images_of(inputs)
    others = classifier.with_images(inputs, tf.reverse(images, list(range(images.shape.rank - 1))))
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
    every = classifier.survey(classifier.images_of(x).shape[1:]).places  # layers that are named are not folded
    found, whole = stops(classifier.forward(x, layers=tuple(every)))
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


def _zeros(classifier: ImageClassifier, x: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Where the gradient is zero: at which share of an image, and what changes there and elsewhere do, `(batch,)` each.

    The pixels in question are moved by a little, some up and some down, and the log-odds are compared.
    """
    clean = classifier.forward(x)
    images, labels = clean.images, clean.predictions
    zero = clean.gradient(_odds, labels) == 0
    signs = random.signs(random.image_keys(images), 0, tf.shape(images)[1:])

    def change(chosen: Tensor) -> Tensor:
        moved = images + tf.where(chosen, _SMALL * classifier.width * signs, 0.0)
        after = classifier.forward(classifier.with_images(x, tf.clip_by_value(moved, *classifier.bounds)))
        return tf.abs(_odds(after, labels) - _odds(clean, labels))

    share = tf.reduce_mean(tf.cast(zero, tf.float32), axis=range(1, images.shape.rank))
    return share, change(zero), change(tf.logical_not(zero))


def _odds(forward: Forward, labels: Tensor) -> Tensor:
    return losses.log_odds(forward.logits, labels)
