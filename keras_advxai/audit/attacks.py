"""Checks that attack again: what comes of the same attacks under other conditions.

References:
    Carlini et al., "On evaluating adversarial robustness", 2019. Athalye, Carlini and Wagner, "Obfuscated gradients
    give a false sense of security", ICML 2018.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from keras_advxai._typing import Norm
from keras_advxai.attacks import Attack
from keras_advxai.audit.context import AuditContext, check
from keras_advxai.audit.reruns import doubled, rerun
from keras_advxai.checks.advice import add_stronger, other_loss, raise_steps
from keras_advxai.checks.evidence import OF_NAN
from keras_advxai.measurements.statistics import sign_test
from keras_advxai.text import epsilon_text, percent_text

_FACTORS = (0.1, 10.0)  # down, where cross-entropy comes back, and up, where it is lost
_CHANCE = 0.05
_WITHSTANDING = 0.05


@check("epsilon-zero-differs", "error")
def epsilon_zero_differs(seen: AuditContext) -> Iterator[str]:
    """An attack changes images, or what is predicted for them, although its budget is zero.

    The base class of attacks prevents it, so an attack of your own overrides more than `perturb`.
    """
    for attack in seen.attacks:
        # An attack that overrides `__call__` goes past the clipping to the budget.
        before, after, changed = rerun(seen, attack, 0.0)
        other = seen.outcomes.apart(before, after)
        if changed.any() or other.any():
            yield (
                f"At epsilon 0, {attack.name} changes {int(changed.sum())} of {seen.count} images and the predictions "
                f"of {int(other.sum())}: its figures are not those of the budget."
            )


@check("depends-on-scale", "warning", silenced_by=OF_NAN)
def depends_on_scale(seen: AuditContext) -> Iterator[str]:
    """With the logits times 10, or a tenth of them, which changes no prediction, an attack would find something else.

    It would make another robust accuracy, by more than a point, two images or more, and more than chance would make (a
    sign test at 5 %). With a tenth of the logits, only a lower one counts, because the directions of sound losses
    change somewhat, too, as classes gain and lose weight against one another. Cross-entropy underflows on large logits.
    `"log_odds"` does not, but among many classes its direction on small logits is not that on large ones, as of a model
    that was trained for a short time. `"margin"` and `"dlr"` do not depend on the scale at all, and the worst case over
    the presets `"quick"` and `"standard"`, which have both kinds, hardly does.
    """
    for attack in seen.label_attacks:
        if attack.uses_gradients:
            yield from _at_other_scales(seen, attack, seen.middle(attack.norm))


def _at_other_scales(seen: AuditContext, attack: Attack, epsilon: float) -> Iterator[str]:
    # What another attack turns is not robust whatever this one does: the worst case is what a report is read for.
    others = seen.robust(attack.norm, epsilon, without=attack)
    before = seen.robust(attack.norm, epsilon)
    advice = [item for item in (other_loss(attack), add_stronger(seen.outcomes.task, attack.norm)) if item]
    for factor in _FACTORS:
        _, predictions, _ = rerun(seen, attack, epsilon, factor=factor)
        after = others & ~seen.outcomes.apart(predictions, seen.labels)
        gained, lost = int(np.sum(before & ~after)), int(np.sum(after & ~before))
        counts = gained > lost or factor > 1  # on small logits the direction of sound losses turns, too
        if counts and seen.matters(abs(gained - lost)) and sign_test(gained, lost) < _CHANCE:
            yield (
                f"With the logits times {factor:g}, which changes no prediction, {attack.name} would leave "
                f"{after.sum()} instead of {before.sum()} of {seen.count} images robust at epsilon "
                f"{epsilon_text(epsilon)}: what it finds depends on the scale of the logits. {_sentence(advice)}"
            )
            return


@check("more-steps", "warning", silenced_by=OF_NAN)
def more_steps(seen: AuditContext) -> Iterator[str]:
    """With twice the steps and restarts, an attack succeeds on images on which no attack of the evaluation has.

    More than a point of them, and two or more. The attack has not converged: raise `steps` and
    `restarts`, or add the preset `"standard"`.
    """
    for attack in seen.label_attacks:  # others may leave the label alone
        more = doubled(attack)
        if more is None:
            continue
        epsilon = seen.middle(attack.norm)
        _, after, _ = rerun(seen, more, epsilon, name=attack.name)
        # Of the images that all attacks together have left: beside a stronger one, short steps do no harm.
        fallen = int(np.sum(seen.robust(attack.norm, epsilon) & seen.outcomes.apart(after, seen.labels)))
        advice = [raise_steps(attack), add_stronger(seen.outcomes.task, attack.norm)]
        if seen.matters(fallen):
            yield (
                f"With twice the steps and restarts, {attack.name} turns {fallen} of {seen.count} images at epsilon "
                f"{epsilon_text(epsilon)} on which no attack has succeeded: robust accuracy would be lower by "
                f"{percent_text(fallen / seen.count)}. {_sentence(advice)}"
            )


@check("full-range", "warning", silenced_by=OF_NAN)
def full_range(seen: AuditContext) -> Iterator[str]:
    """Where epsilon spans the whole range of the pixels, every image may become any other, and attacks must succeed.

    (In L2, the norm of that range; Carlini et al. 2019.) More than 5 % of the images are robust to all attacks there,
    though iterative ones were run at the whole range and at a quarter of it, where their steps are shorter.
    Either gradients are masked, or the steps are too few: try `"standard"`. An evaluation with single-step attacks
    alone is not checked: they may overshoot.
    """
    for norm in dict.fromkeys(attack.norm for attack in seen.attacks):
        attacks = [
            attack
            for attack in seen.label_attacks
            if attack.norm == norm and attack.uses_gradients and attack.iterative and not attack.targeted
        ]
        if attacks:
            yield from _at_full_range(seen, attacks, norm)


def _at_full_range(seen: AuditContext, attacks: Sequence[Attack], norm: Norm) -> Iterator[str]:
    length = 1.0
    if norm == "l2":
        length = max(np.prod(seen.classifier.images_of(batch).shape[1:]) for batch in seen.batches) ** 0.5
    withstand = seen.robust(norm, max(seen.measurements.coordinates.epsilons))  # what fell there has fallen
    for epsilon in (length, length / 4):  # steps that are fractions of epsilon are long at the whole range
        for attack in attacks:
            withstand = withstand & ~seen.outcomes.apart(rerun(seen, attack, epsilon)[1], seen.labels)
    right = seen.outcomes.correct()
    advice = [raise_steps(attacks[0]), add_stronger(seen.outcomes.task, norm)]
    if withstand.sum() > max(1, _WITHSTANDING * right.sum()):
        yield (
            "Where epsilon spans the whole range of the pixels, so that every image may become any other, "
            f"{int(withstand.sum())} of {int(right.sum())} images are robust to all iterative attacks ({norm}): these "
            f"do not find what is there. {_sentence(advice)}"
        )


def _sentence(advice: Sequence[str]) -> str:
    """Some clauses as a sentence."""
    joined = ", or ".join(advice)
    return f"{joined[0].upper()}{joined[1:]}."
