"""What an evaluation does to one batch, made of the public calls and compiled as a whole."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.attacks import Attack
from keras_advxai.attacks.rows import valid
from keras_advxai.corruptions import Corruption
from keras_advxai.evaluation.corrupting import corrupted_images
from keras_advxai.evaluation.observation import Observation
from keras_advxai.evaluation.plan import MeasurementPlan
from keras_advxai.measurements.quantity import QUANTITIES, Quantity
from keras_advxai.models import ImageClassifier
from keras_advxai.models.arriving import moments
from keras_advxai.settings.attack_targets import adversarial_images


@dataclasses.dataclass(frozen=True)
class Measure:
    """Attacks a batch at every epsilon and measures the quantities before and after.

    One pass over the clean images serves their predictions, their explanations and the first gradient of every attack.
    Each epsilon of each attack then costs what the attack itself takes, and one pass; each severity of a corruption one
    pass, and what it takes to compute it by NumPy.

    Args:
        plan: What is measured.
        borders: Whether the first clean heatmap is returned, too, for who compares it with that of another batch
            afterwards. Defaults to `False`.
    """

    plan: MeasurementPlan
    borders: bool = False

    @tf.autograph.experimental.do_not_convert  # rewriting took most of the time of tracing
    def __call__(
        self,
        model: ImageClassifier,
        x: Any,
        y: Tensor | None,
        epsilons: Tensor,
        pictured: Tensor,
        given: Tensor | None = None,
        previous: dict[str, Tensor] | None = None,
        severities: Tensor | None = None,
    ) -> dict[str, Any]:
        """Everything that the report needs of one batch. It runs while a graph is traced.

        Args:
            model: The classifier.
            x: Images in image space, `(batch, height, width, channels)`.
            y: True classes, `(batch,)`, or what else the model says; `None` stands for the clean predictions.
            epsilons: The budgets, `(epsilons,)`.
            pictured: How many of the batch's images and heatmaps to return for pictures.
            given: Classes for targeted attacks to reach, `(batch,)`, where they are given one by one.
            previous: Explainer to the heatmap of the clean image before these, which the step on the batch before
                returned as `"last"`, and blank before the first; `None` without explainers.
            severities: Those of the corruptions, `(severities,)` int32; `None` where there are none.

        Returns:
            `"clean"`, each attack and each corruption, to quantity, to its values (see `Quantity.gather`), and beside
            the quantities `"pictures"`, with images, heatmaps and, where there are any, the probabilities of all
            classes, and `"last"`, the last heatmap of the clean images; with `borders` also `"border"`, the first one.
            And `"arriving"`, see `models.arriving.moments`.
        """
        plan = self.plan
        shape = tuple(model.images_of(x).shape[1:])
        # Said before the pass, so that GradCAM.every_layer takes one backward pass, and none of them is folded away.
        layers = tuple(dict.fromkeys(path for item in plan.explainers for path in item.layers(model, shape)))
        forward = model.forward(x, layers=layers)
        labels = forward.predictions if y is None else tf.cast(y, forward.predictions.dtype)
        targets = forward.strongest if plan.rule is None else plan.rule.targets(forward, labels, given)
        attackable = model.kind.is_attackable(labels, forward.decisions, targets)
        away = model.kind.reference(forward.predictions, labels)
        before = previous or {}
        clean = Observation(
            plan, model, x, forward.images, forward, labels, y is not None, targets, attackable, None, before
        ).explain()
        found: dict[str, Any] = {
            "clean": {
                **_measured(clean),
                "pictures": _pictures(clean, pictured),
                "last": clean.last_map,
                **({"border": clean.first_map} if self.borders else {}),
            }
        }
        arriving = moments(forward)  # of the batch as a whole, and so no quantity of an image
        found |= {} if arriving is None else {"arriving": arriving}

        def observe(images: Tensor) -> dict[str, Any]:
            here = model.forward(model.with_images(x, images), layers=layers)  # other inputs stay as they are
            seen = dataclasses.replace(clean, images=here.images, forward=here, clean=clean, maps={}).explain()
            return {**_measured(seen), "pictures": _pictures(seen, pictured)}

        # Traced once for all attacks, and optimised by TensorFlow once, which takes long where the model is large.
        observe_once = tf.function(observe, autograph=False, experimental_attributes={"_noinline": True})
        # `map_fn` has to be told what comes back. It is read off the trace, so that a quantity is declared once.
        images = tf.TensorSpec([None, *shape], tf.float32)
        signature = tf.nest.map_structure(_spec, observe_once.get_concrete_function(images).structured_outputs)
        for attack in plan.attacks:

            def at(epsilon: Tensor, attack: Attack = attack) -> dict[str, Any]:
                images = adversarial_images(attack, model, x, forward, away, targets, attackable, epsilon)
                seen = dataclasses.replace(clean, images=images, clean=clean)  # without a pass: `observe_once` makes it
                # Pixels that an attack of a user's own turned to NaN are judged as they were, and `budget-exceeded`
                # tells of them: NaN is misclassified whatever the model is worth.
                return {**observe_once(valid(images, clean.images)), **_measured(seen, attack)}

            # What depends on the attack stays outside of the function above, which is the same for all attacks.
            own = {item.name: tf.TensorSpec([None], item.dtype) for item in _of(attack, adversarial=True)}
            # Not unrolled and not in parallel, so that neither the graph nor the memory grows with the epsilons.
            found[attack.name] = tf.map_fn(
                at, epsilons, parallel_iterations=1, fn_output_signature={**signature, **own}
            )
            # Of the clean images alone, such as minimum-norm distances, which are searched for once for all epsilons.
            found[attack.name] |= _measured(clean, attack)
        for corruption in plan.corruptions:

            def under(severity: Tensor, corruption: Corruption = corruption) -> dict[str, Any]:
                seen: dict[str, Any] = observe_once(
                    corrupted_images(corruption, model, clean.images, severity, plan.seed)
                )
                return seen

            found[corruption.name] = tf.map_fn(under, severities, parallel_iterations=1, fn_output_signature=signature)
        return found


def _of(attack: Attack | None, adversarial: bool) -> list[Quantity]:
    """The quantities of the clean or of adversarial images that depend on the attack, or that do not."""
    return [item for item in QUANTITIES.values() if item.of_attack == (attack is not None) and item.is_of(adversarial)]


def _measured(seen: Observation, attack: Attack | None = None) -> dict[str, Any]:
    """The quantities of one observation that are measured there; a loop cannot return those that are not."""
    given = () if attack is None else (attack,)
    found = {item.name: item.measure(seen, *given) for item in _of(attack, adversarial=seen.clean is not None)}
    return {name: values for name, values in found.items() if values is not None and not _is_empty(values)}


def _is_empty(values: Any) -> bool:
    return isinstance(values, dict) and all(map(_is_empty, values.values()))  # no explainers, no pairs


def _pictures(seen: Observation, count: Tensor) -> dict[str, Any]:
    # A tensor counts, so that batches with and without pictures share a trace, and no other heatmap leaves the graph.
    found = {"images": seen.images[:count], "heatmaps": {name: maps[:count] for name, maps in seen.own_maps.items()}}
    # Of the pictured images alone: of every image, a report would be a thousand numbers for each class and condition.
    return found if seen.probabilities is None else {**found, "probabilities": seen.probabilities[:count]}


def _spec(tensor: Any) -> tf.TensorSpec:
    return tf.TensorSpec(tensor.shape, tensor.dtype)
