"""What an evaluation measures of each image: one function for each quantity, and nothing else to change for another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.attacks import FGSM, Attack, GradientAttack, MinimumNormAttack
from keras_advxai.data.names import LONGEST
from keras_advxai.evaluation.observation import Observation
from keras_advxai.explainers import is_blank
from keras_advxai.measurements.coordinates import SCORES as COMPARED
from keras_advxai.measurements.quantity import quantity
from keras_advxai.metrics import Dissimilarity, nissim
from keras_advxai.models.scores import SCORES
from keras_advxai.models.undefined import not_finite_inside
from keras_advxai.ops import norms
from keras_advxai.ops.random import content_keys

_TOLERANCE = 1e-6
_USUAL = FGSM()
"""The attack with the usual loss."""


@quantity("image", dtype="str", unknown="", limits=(1, LONGEST), optional=True)
def name(seen: Observation) -> None:
    """What each image is called, such as its file. The data say it, and the step adds it to what is measured."""


@quantity("image", dtype="int32", unknown=-1, limits=(0, "classes"))
def label(seen: Observation) -> Tensor:
    """The class of each image; the clean prediction where there are no labels, or several, or numbers."""
    return seen.model.kind.one_class(seen.labels, seen.forward.strongest)


@quantity("condition", "image", dtype="int32", unknown=-1, limits=(-1, "classes"))
def prediction(seen: Observation) -> Tensor:
    """The class that the model predicts, of several labels the strongest, of numbers the one furthest from 0.

    It is -1, which is none and never right, where the output is not finite.
    """
    return tf.where(seen.forward.finite, seen.forward.strongest, -1)


@quantity("class", "image", dtype="bool", unknown=False, optional=True)
def true_labels(seen: Observation) -> Tensor | None:
    """Which labels each image has, of a model of several labels; the clean predictions where there are none."""
    return seen.model.kind.label_sets(seen.labels)


@quantity("class", "condition", "image", dtype="bool", unknown=False, optional=True)
def predicted_labels(seen: Observation) -> Tensor | None:
    """Which labels the model says of each image, of a model of several labels."""
    return seen.model.kind.label_sets(seen.forward.decisions)


@quantity("class", "image", dtype="float32", optional=True)
def true_values(seen: Observation) -> Tensor | None:
    """What a regression is to say of each image; NaN where there are no labels."""
    values = seen.model.kind.values(seen.labels)
    return values if values is None or seen.has_labels else tf.fill(tf.shape(values), float("nan"))


@quantity("class", "condition", "image", dtype="float32", optional=True)
def predicted_values(seen: Observation) -> Tensor | None:
    """What a regression says of each image."""
    return seen.model.kind.values(seen.forward.predictions)


@quantity("condition", "image", dtype="float32", limits=(0, 1))
def confidence(seen: Observation) -> Tensor | None:
    """The probability of each image's own prediction; NaN where the model's output is not finite, or a number."""
    own = seen.model.kind.probability(seen.forward.probabilities, seen.forward.strongest)
    return None if own is None else tf.where(seen.forward.finite, own, float("nan"))


@quantity("explainer", "condition", "image", dtype="bool", unknown=False)
def blank(seen: Observation) -> dict[str, Tensor]:
    """Whether the heatmap is blank."""
    return seen.blank


@quantity(
    *("metric", "explainer", "target", "attack", "epsilon", "image"),
    dtype="float64",
    limits=(0, "metric"),
    corrupted=True,
)
def dissimilarity(seen: Observation) -> dict[str, dict[str, dict[str, Tensor]]] | None:
    """The dissimilarity from the clean heatmap; NaN where that is blank, so that there is no reference."""
    clean = seen.reference.maps

    def compare(metric: Any, name: str, target: str) -> Tensor:
        apart = metric(clean[name][target], seen.maps[name][target])
        # To blank maps each dissimilarity has its own answer, 0.5 or 1, and none of them is drift.
        return tf.where(is_blank(clean[name][target]), tf.constant(np.nan, tf.float64), apart)

    return {
        metric.name: {name: {target: compare(metric, name, target) for target in maps} for name, maps in clean.items()}
        for metric in seen.plan.metrics
    }


@quantity("metric", "explainer", "image", dtype="float64", limits=(0, "metric"), optional=True)
def chance_dissimilarity(seen: Observation) -> dict[str, dict[str, Tensor]]:
    """The dissimilarity between the clean heatmaps of the image before and of this one; NaN where either is blank."""
    # Neighbours, and not all pairs: what is left of one batch for the next is one heatmap, whatever the batch size.
    pairs = {name: (seen.preceding_maps[name], maps) for name, maps in seen.own_maps.items()}
    return chance_of(seen.plan.metrics, pairs)


def chance_of(
    metrics: Sequence[Dissimilarity], pairs: Mapping[str, tuple[Tensor, Tensor]]
) -> dict[str, dict[str, Tensor]]:
    """What `chance_dissimilarity` measures, of pairs of heatmaps.

    Args:
        metrics: The dissimilarities.
        pairs: By explainer, the heatmaps of the images before and those of the images, `(batch, height, width, 1)`.
    """

    def compare(metric: Dissimilarity, before: Tensor, maps: Tensor) -> Tensor:
        return tf.where(is_blank(before) | is_blank(maps), tf.constant(np.nan, tf.float64), metric(before, maps))

    return {metric.name: {name: compare(metric, *pair) for name, pair in pairs.items()} for metric in metrics}


@quantity("explainer", "condition", "image", dtype="float32", limits=(0, np.inf), optional=True)
def completeness_gap(seen: Observation) -> dict[str, Tensor]:
    """How far the attributions are from adding up to the change of the score, for explainers with completeness."""
    return {name: gap for name, (gap, _) in seen.completeness.items()}


@quantity("explainer", "condition", "image", dtype="float32", optional=True)
def score_change(seen: Observation) -> dict[str, Tensor]:
    """The change of the score from the baseline, to which attributions should add up."""
    return {name: change for name, (_, change) in seen.completeness.items()}


@quantity("explainer", "condition", "image", dtype="int32", unknown=-1, limits=(0, 2**31 - 1), optional=True)
def steps_used(seen: Observation) -> dict[str, Tensor] | None:
    """How many gradients an explanation took, for explainers that decide it image by image."""
    return seen.steps_used or None


@quantity("attack", "epsilon", "image", dtype="float32", limits=(0, np.inf))
def perturbation_norm(seen: Observation, attack: Attack) -> Tensor:
    """The norm of the perturbation, in units of epsilon."""
    # As shares of the width of the bounds: images from 0 to 255 and from 0 to 1 have the same epsilons.
    return tf.reshape(norms.vector_norm(seen.images - seen.reference.images, attack.norm), [-1]) / seen.model.width


@quantity("attack", "epsilon", "image", dtype="bool", unknown=False)
def out_of_bounds(seen: Observation, attack: Attack) -> Tensor:
    """Whether a pixel is out of bounds, or NaN."""
    # Of what the attack returned, which `attack` stands for here: those over which the pass was made have no NaN.
    images, (lower, upper) = seen.images, seen.model.bounds
    slack = _TOLERANCE * seen.model.width  # clipping to the bounds rounds
    inside = (images >= lower - slack) & (images <= upper + slack)  # what is NaN is neither
    return tf.logical_not(tf.reduce_all(inside, axis=range(1, images.shape.rank)))


@quantity("attack", "image", dtype="float32", unknown=-1.0, limits=(0, np.inf), null=np.inf, optional=True)
def distance(seen: Observation, attack: Attack) -> Tensor | None:
    """Of minimum-norm attacks, how far the nearest misclassified image is, in units of epsilon; infinite for none."""
    if not isinstance(attack, MinimumNormAttack):
        return None
    forward, labels = seen.forward, seen.labels
    if not attack.targeted:
        return attack.distances(seen.model, seen.inputs, labels, forward=forward)
    found = attack.distances(seen.model, seen.inputs, seen.attack_targets, forward=forward)
    # What a targeted attack does not attack is misclassified already, at 0, or can never be taken for its own class.
    return tf.where(seen.attackable, found, tf.where(forward.decisions == labels, float("inf"), 0.0))


@quantity("attack", "image", dtype="int32", unknown=-1, limits=(0, "classes"), optional=True)
def attack_target(seen: Observation, attack: Attack) -> Tensor | None:
    """The target class of a targeted attack."""
    return seen.attack_targets if attack.targeted else None


@quantity("attack", "image", dtype="bool", unknown=False)
def zero_gradient(seen: Observation, attack: Attack) -> Tensor | None:
    """Whether the gradient that the attack follows is exactly zero at the clean image."""
    # FGSM and PGD with one loss begin with one gradient: it is looked at once.
    if not isinstance(attack, GradientAttack) or attack not in _first_of_each_loss(seen.plan.attacks):
        return None
    labels = _about(seen, attack)
    finite = tf.math.is_finite(seen.forward.gradient(attack.objective, labels))
    # One that is not finite is zero to the attack as well, and another matter: see `non_finite_gradient`.
    return is_blank(attack.gradient(seen.forward, labels)) & tf.reduce_all(finite, axis=range(1, finite.shape.rank))


@quantity("attack", "image", dtype="int32", unknown=-1, limits=(0, np.inf), optional=True)
def non_finite_gradient(seen: Observation, attack: Attack) -> Tensor | None:
    """At how many values of a clean image the gradient is NaN or infinite; attacks take it for zero there."""
    if not attack.uses_gradients:
        return None
    firsts = [item for item in _first_of_each_loss(seen.plan.attacks) if item.targeted == attack.targeted]
    # What an attack follows towards a boundary or on a heatmap has another objective, and meets the same root at 0.
    same = [item for item in firsts if item.loss == getattr(attack, "loss", None)]
    try:
        gradient = seen.forward.gradient((*same, *firsts, _USUAL)[0].objective, _about(seen, attack))
    except ValueError:  # there is none, so that an attack of a user's own has its own way to one
        return None
    wrong = tf.logical_not(tf.math.is_finite(gradient))
    return tf.reduce_sum(tf.cast(wrong, tf.int32), axis=range(1, wrong.shape.rank))


@quantity("image", dtype="bool", unknown=False)
def saturated(seen: Observation) -> Tensor | None:
    """Whether the gradient of cross-entropy to the clean logits is exactly zero in float32."""
    return seen.model.kind.saturated(seen.forward.logits, seen.labels)


@quantity("image", dtype="int32", unknown=-1, limits=(0, 2**31 - 1), optional=True)
def image_key(seen: Observation) -> Tensor | None:
    """A number that images with the same pixels have in common, and hardly any others; 0 for images of one value."""
    if seen.model.takes_several_inputs:  # the same image may come with other words
        return None
    return content_keys(seen.images)


@quantity("image", dtype="bool", unknown=False, optional=True)
def undefined_inside(seen: Observation) -> Tensor | None:
    """Whether NaN arises inside of the model that an operation behind it may turn to a number, of the clean images."""
    return not_finite_inside(seen.forward)


@quantity("condition", "image", dtype="float32", optional=True)
def prediction_log_odds(seen: Observation) -> Tensor | None:
    """The log-odds of each image's prediction, where explainers come in pairs that differ in their score alone."""
    pairs = seen.plan.score_pairs
    # Not the confidence: in float32 it is 1 wherever a model is sure, and among those images the softmax matters.
    return -seen.model.kind.odds(seen.forward.logits, seen.forward.strongest) if pairs else None


@quantity("score", "condition", "image", dtype="bool", unknown=False, optional=True)
def score_zero_gradient(seen: Observation) -> dict[str, Tensor] | None:
    """Whether the gradient of the score to the image is exactly zero, where explainers come in such pairs."""
    if not seen.plan.score_pairs:
        return None
    forward, target = seen.forward, seen.explained[seen.plan.target]
    # A gradient that is missing is as good as zero here: both leave the heatmap blank.
    gradients = {score: forward.gradient(SCORES[score], target, or_zero=True) for score in COMPARED}
    return {score: is_blank(tf.cast(gradient, tf.float32)) for score, gradient in gradients.items()}


@quantity("explainer", "condition", "image", dtype="float64", limits=(0, 1), optional=True)
def score_nissim(seen: Observation) -> dict[str, Tensor] | None:
    """NISSIM between the heatmaps of the logit and of the probability, by the explainer of the logit, of such pairs."""
    pairs, maps = seen.plan.score_pairs, seen.own_maps
    return {logit: nissim(maps[logit], maps[probability]) for logit, probability in pairs.items()} or None


def _first_of_each_loss(attacks: tuple[Attack, ...]) -> list[GradientAttack]:
    """The first attack with each loss, if its gradient at the images is the one that it follows."""
    found: dict[tuple[str, bool], GradientAttack] = {}
    for attack in attacks:
        # Towards a class or a boundary, as DeepFool's and MultiTargetPGD's, an objective is not one of labels alone.
        if isinstance(attack, GradientAttack) and type(attack).objective is GradientAttack.objective:
            found.setdefault((attack.loss, attack.targeted), attack)
    return list(found.values())


def _about(seen: Observation, attack: Attack) -> Any:
    """What an attack's objective at the clean images is about: target classes, or what it is to lead away from."""
    if attack.targeted:
        return seen.attack_targets
    forward, kind = seen.forward, seen.model.kind
    away = kind.reference(forward.predictions, seen.labels)
    return forward.remember("ways", away, lambda: kind.ways(away))[
        0
    ]  # as the attack itself asks, so that they share it
