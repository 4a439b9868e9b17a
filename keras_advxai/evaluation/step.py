"""What an evaluation does to one batch, made of the public calls and compiled as a whole."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from keras_advxai._typing import TargetMode, Tensor
from keras_advxai.attacks import Attack, GradientAttack, MinimumNormAttack, MultiTargetPGD
from keras_advxai.evaluation.scores import score_pairs
from keras_advxai.evaluation.targets import Goal, attacked, is_attackable
from keras_advxai.explainers import Explainer, is_blank
from keras_advxai.metrics import nissim
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.forward import SCORES
from keras_advxai.ops import norms
from keras_advxai.ops.losses import log_odds

_TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class Step:
    """Attacks a batch at every strength and compares the explanations before and after.

    One pass over the clean images serves their predictions, their explanations and the first gradient of
    every attack. Each strength of each attack then costs what the attack itself takes, and one pass. The
    strengths run in a loop, so that the traced graph and the memory do not grow with their number.

    Args:
        attacks: The attacks, the noise control among them.
        explainers: The explainers.
        target: Whose class the heatmaps explain.
        goal: Which classes targeted attacks are to reach. Defaults to `None`, where there are none.
    """

    attacks: tuple[Attack, ...]
    explainers: tuple[Explainer, ...]
    target: TargetMode
    goal: Goal | None = None

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self,
        model: ImageClassifier,
        x: Any,
        y: Tensor | None,
        epsilons: Tensor,
        keep: Tensor,
        given: Tensor | None = None,
    ) -> dict[str, Any]:
        """Everything that the report needs of one batch. It runs while a graph is traced.

        Args:
            model: The classifier.
            x: Images in image space, `(batch, height, width, channels)`.
            y: True classes, `(batch,)`; `None` stands for the clean predictions.
            epsilons: The strengths, `(epsilons,)`.
            keep: How many of the batch's images and heatmaps to return for pictures.
            given: Classes for targeted attacks to reach, `(batch,)`, where they are given one by one.

        Returns:
            Nested dictionaries of tensors: predictions and completeness `(batch,)` and, for each attack, predictions,
            NISSIM, blank flags and completeness `(epsilons, batch)`.
        """
        shape = tuple(model.images_of(x).shape[1:])
        layers = tuple(dict.fromkeys(path for item in self.explainers for path in item.layers(model, shape)))
        clean = model.forward(x, layers=layers)
        labels = clean.predictions if y is None else tf.cast(y, tf.int32)
        targets = labels if self.goal is None else self.goal.targets(clean, labels, given)
        attackable = is_attackable(labels, clean.predictions, targets)
        reference = {item.name: self._maps(item, model, clean, clean, labels) for item in self.explainers}
        result: dict[str, Any] = {
            "labels": labels,
            "predictions": clean.predictions,
            "confidence": _confidence(clean),
            "scores": self._scores(clean, {name: maps[self.target] for name, maps in reference.items()}, clean, labels),
            "blank": {
                name: {mode: is_blank(found) for mode, found in maps.items()} for name, maps in reference.items()
            },
            "examples": {
                "images": clean.images[:keep],
                "heatmaps": {name: maps[self.target][:keep] for name, maps in reference.items()},
            },
            "completeness": self._completeness(model, clean, clean, labels),
            "zero_gradients": {
                item.name: is_blank(item.gradient(clean, targets if item.targeted else labels))
                for item in _one_of_each_loss(self.attacks)
            },
            "distances": {
                item.name: item.distances(model, x, labels, forward=clean)
                if not item.targeted
                else tf.where(
                    attackable,
                    item.distances(model, x, targets, forward=clean),
                    tf.where(clean.predictions == labels, float("inf"), 0.0),
                )
                for item in self.attacks
                if isinstance(item, MinimumNormAttack)
            },
            "saturated": _saturated(clean, labels),
            "attack_targets": {item.name: targets for item in self.attacks if item.targeted},
            "attacks": {},
        }

        def look(images: Tensor) -> dict[str, Any]:
            forward = model.forward(model.with_images(x, images), layers=layers)
            found = {item.name: self._maps(item, model, forward, clean, labels) for item in self.explainers}
            maps = {name: modes[self.target] for name, modes in found.items()}
            return {
                **self._compare(reference, found, forward, keep),
                "completeness": self._completeness(model, forward, clean, labels),
                "scores": self._scores(forward, maps, clean, labels),
                "outside": _outside(forward.images, model),
                "broken": tf.math.is_nan(_confidence(forward)),
            }

        # Traced once for all attacks, and optimised by TensorFlow once, which takes long where the model is large.
        look_once = tf.function(look, autograph=False, experimental_attributes={"_noinline": True})
        for attack in self.attacks:

            def at(epsilon: Tensor, attack: Attack = attack) -> dict[str, Any]:
                images = attacked(attack, model, x, clean, labels, targets, epsilon)
                lengths = tf.reshape(norms.length(images - clean.images, attack.norm), [-1]) / model.width
                return {**look_once(images), "lengths": lengths}

            signature = self._signature(reference, shape, model)
            signature |= {key: tf.nest.map_structure(_each, result[key]) for key in ("completeness", "scores")}
            result["attacks"][attack.name] = tf.map_fn(
                at, epsilons, parallel_iterations=1, fn_output_signature=signature
            )
        return result

    def _maps(
        self, explainer: Explainer, model: ImageClassifier, forward: Forward, clean: Forward, labels: Tensor
    ) -> dict[str, Tensor]:
        """The heatmaps of one pass, for each of the targets that are compared."""
        targets = self._targets(forward, clean, labels)
        modes = {self.target, "clean"} if explainer.is_cheap(model, forward.images.shape[1:]) else {self.target}
        return {mode: explainer(model, forward.images, targets[mode], forward=forward) for mode in sorted(modes)}

    def _completeness(
        self, model: ImageClassifier, forward: Forward, clean: Forward, labels: Tensor
    ) -> dict[str, dict[str, Tensor]]:
        """How far the attributions of one pass miss their sum, for the explainers that promise one."""
        target = self._targets(forward, clean, labels)[self.target]
        found = {item.name: item.completeness(model, forward.images, target, forward) for item in self.explainers}
        return {name: {"gap": sums[0], "change": sums[1]} for name, sums in found.items() if sums is not None}

    def _scores(self, forward: Forward, maps: dict[str, Tensor], clean: Forward, labels: Tensor) -> dict[str, Any]:
        """What the softmax does, where explainers come in pairs that differ in their score only."""
        pairs = score_pairs(self.explainers)
        if not pairs:
            return {}
        target = self._targets(forward, clean, labels)[self.target]
        return {
            "log_odds": -log_odds(forward.logits, forward.predictions),
            "zero_gradient": {
                score: is_blank(tf.cast(forward.gradient(objective, target, or_zero=True), tf.float32))
                for score, objective in SCORES.items()
            },
            "nissim": {logit: nissim(maps[logit], maps[probability]) for logit, probability in pairs.items()},
        }

    def _targets(self, forward: Forward, clean: Forward, labels: Tensor) -> dict[str, Tensor]:
        return {"predicted": forward.predictions, "clean": clean.predictions, "label": labels}

    def _compare(
        self, reference: dict[str, Any], found: dict[str, Any], forward: Forward, keep: Tensor
    ) -> dict[str, Any]:
        return {
            "predictions": forward.predictions,
            "confidence": _confidence(forward),
            "nissim": {
                name: {mode: nissim(reference[name][mode], maps[mode]) for mode in maps} for name, maps in found.items()
            },
            "blank": {name: is_blank(maps[self.target]) for name, maps in found.items()},
            "examples": {
                "images": forward.images[:keep],
                "heatmaps": {name: maps[self.target][:keep] for name, maps in found.items()},
            },
        }

    def _signature(
        self,
        reference: dict[str, Any],
        shape: tuple[int | None, ...],
        model: ImageClassifier,
    ) -> dict[str, Any]:
        def each(dtype: Any) -> tf.TensorSpec:
            return tf.TensorSpec([None], dtype)

        heatmap = tf.TensorSpec(model.map_shape((None, *shape)), tf.float32)
        return {
            "predictions": each(tf.int32),
            "confidence": each(tf.float32),
            "nissim": {name: {mode: each(tf.float64) for mode in maps} for name, maps in reference.items()},
            "blank": {name: each(tf.bool) for name in reference},
            "lengths": each(tf.float32),
            "outside": each(tf.bool),
            "broken": each(tf.bool),
            "examples": {
                "images": tf.TensorSpec([None, *shape], tf.float32),
                "heatmaps": dict.fromkeys(reference, heatmap),
            },
        }


def _one_of_each_loss(attacks: tuple[Attack, ...]) -> list[GradientAttack]:
    """The first attack with each loss, if its gradient at the images is the one that it follows."""
    found: dict[tuple[str, bool], GradientAttack] = {}
    for attack in attacks:
        if isinstance(attack, GradientAttack) and not isinstance(attack, MultiTargetPGD):
            found.setdefault((attack.loss, attack.targeted), attack)
    return list(found.values())


def _outside(images: Tensor, model: ImageClassifier) -> Tensor:
    """Which images leave the bounds, `(batch,)` bool."""
    lower, upper = model.bounds
    slack = _TOLERANCE * model.width
    right = (images >= lower - slack) & (images <= upper + slack)  # what is NaN is neither
    return tf.logical_not(tf.reduce_all(right, axis=range(1, images.shape.rank)))


def _saturated(forward: Forward, labels: Tensor) -> Tensor:
    """Whether the gradient of cross-entropy to the logits is exactly zero in float32, `(batch,)` bool."""
    return tf.reduce_all(tf.nn.softmax(forward.logits) == tf.one_hot(labels, forward.logits.shape[-1]), axis=-1)


def _each(values: Tensor) -> tf.TensorSpec:
    return tf.TensorSpec([None], values.dtype)


def _confidence(forward: Forward) -> Tensor:
    """The probability of each image's own prediction; NaN where the logits are not finite."""
    finite = tf.reduce_all(tf.math.is_finite(forward.logits), axis=-1)
    return tf.where(finite, forward.score(forward.predictions, "probability"), float("nan"))
