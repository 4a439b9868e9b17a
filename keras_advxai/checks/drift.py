"""Checks of the drift: whether a MOD is what its epsilon says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_advxai.attacks import Attack, Ensemble, MinimumNormAttack
from keras_advxai.checks.evidence import OF_NAN, Evidence, check
from keras_advxai.measurements import drift
from keras_advxai.measurements.budget import WHOLE, budget_used
from keras_advxai.text import epsilon_text, percent_text

_MOST_BLANK = 0.1
_LEAST_CHANCE = 0.01


@check("mod-below-epsilon", "warning", silenced_by=OF_NAN)
def mod_below_epsilon(seen: Evidence) -> Iterator[str]:
    """An attack changed the images by less than 95 % of epsilon on average, so that its MOD is not one at that epsilon.

    It is that of smaller perturbations, and looks gentler beside an attack that uses the whole budget. `report.
    budget_used(attack, epsilon)` is the share. Where there are explainers, our attacks take all their steps on all
    images; what remains are ensembles, which stop at the first success and measure accuracy (evaluate their attacks by
    themselves), `keep="first_hit"`, gradients that vanish, steps too few or too short to reach the end of the budget,
    images of the class that a targeted attack is to reach, which are not attacked, and pixels at their bounds: under
    the L2 norm, an attack of one step and noise lose what would lead out of these. An attack of your own that stops
    early asks `self.whole_budget`; see `Attack.with_whole_budget`.
    """
    for attack in seen.attacks:
        found = _below(seen, attack)
        if found and not isinstance(attack, MinimumNormAttack):
            epsilon, share, levels = found
            yield (
                f"{attack.name} used {percent_text(share)} of its budget on average at epsilon {epsilon_text(epsilon)}"
                f"{f', and less than 95 % at {levels} of the epsilons' if levels > 1 else ''}: its MOD is that of "
                f"smaller perturbations. {_reason(seen, attack)}"
            )


@check("minimum-norm-mod", silenced_by=OF_NAN)
def minimum_norm_mod(seen: Evidence) -> Iterator[str]:
    """A minimum-norm attack, such as `DeepFool`, changes images no more than it takes to have them misclassified.

    Its MOD is that of the nearest misclassified images that it found, as far as they lie within epsilon, and not one at
    epsilon: compare it with no other attack's.
    """
    for attack in seen.attacks:
        found = _below(seen, attack)
        if found and isinstance(attack, MinimumNormAttack):
            epsilon, share, _ = found
            yield (
                f"The MOD of {attack.name} is that of the nearest misclassified images, not one at epsilon: it used "
                f"{percent_text(share)} of its budget on average at epsilon {epsilon_text(epsilon)}."
            )


@check("blank-adversarial-heatmaps", "warning", silenced_by=OF_NAN)
def blank_adversarial_heatmaps(seen: Evidence) -> Iterator[str]:
    """Many heatmaps of adversarial images show no evidence, though those of the clean images do.

    They count in MOD: an explanation that vanishes has changed. But their dissimilarity is that from an empty heatmap,
    the same at every epsilon, so that MOD says little more than how many they are, and a VID near 0 is no sign of
    stable explanations. `report.blank_rate(attack, explainer, epsilon)` is the share; for ways out see
    `blank-heatmaps`.
    """
    found = seen.measurements
    for explainer in found.coordinates.explainers:
        kept = ~found.at("blank", explainer=explainer)  # whose clean heatmap can be compared with
        shares = {
            (attack.name, epsilon): float(
                np.mean(found.at("blank", attack=attack, explainer=explainer, epsilon=epsilon)[kept])
            )
            for attack in seen.attacks
            for epsilon in found.coordinates.epsilons
            if kept.any()
        }
        worst = max(shares, key=shares.__getitem__, default=None)
        if worst is not None and shares[worst] > _MOST_BLANK:
            yield (
                f"{percent_text(shares[worst])} of the heatmaps of {explainer} under {worst[0]} at epsilon "
                f"{epsilon_text(worst[1])} are blank where those of the clean images are not: their dissimilarity is "
                "that from an empty heatmap."
            )


@check("small-chance", "warning", silenced_by=OF_NAN)
def small_chance(seen: Evidence) -> Iterator[str]:
    """Clean heatmaps of different images are nearly the same, so that MOD as a share of chance means nothing.

    An explainer whose heatmaps hardly depend on the image says little of it, whatever it is that makes them alike: the
    model, which looks at the same place in all images or has learned nothing, or the layer, which has one position.
    """
    found = seen.measurements
    for explainer in found.coordinates.explainers:
        for metric in found.coordinates.metrics:
            value = drift.chance(found, explainer, metric=metric)
            if value < _LEAST_CHANCE:  # NaN is not
                yield (
                    f"The clean heatmaps of {explainer} are nearly the same for all images: by {metric} they are "
                    f"{value:.2g} apart on average, so that MOD as a share of chance means nothing."
                )


def _below(seen: Evidence, attack: Attack) -> tuple[float, float, int] | None:
    """The epsilon of which an attack used the least share, this share, and at how many it is too small."""
    found = seen.measurements
    if not found.coordinates.explainers:  # accuracy asks whether an attack succeeds, by whatever means
        return None
    shares = {epsilon: budget_used(found, attack, epsilon) for epsilon in found.coordinates.epsilons}
    low = {epsilon: share for epsilon, share in shares.items() if share < WHOLE}  # NaN is not
    if not low:
        return None
    worst = min(low, key=low.__getitem__)
    return worst, low[worst], len(low)


def _reason(seen: Evidence, attack: Attack) -> str:
    """Why an attack used less than its budget, as far as one can tell."""
    if isinstance(attack, Ensemble):
        return "An ensemble stops at its first success: evaluate its attacks by themselves."
    if getattr(attack, "keep", None) == "first_hit":
        return "keep='first_hit' stops at the first success: leave `keep` out."
    if attack.aim == "noise":
        return "Pixels are at their bounds, where noise can change them one way only."
    if attack.aim == "explanation":
        return "Where no iterate that keeps the prediction is better, it returns the image itself."
    if attack.targeted:
        found = seen.measurements
        own = float(np.mean(found.at("attack_target", attack=attack) == found.at("label")))
        if own > 1 - WHOLE:
            return f"{percent_text(own)} of the images are of the class that it is to reach, and not attacked."
    return "Gradients vanish, steps are too few or too short, or pixels are at their bounds."
