"""Checks of the attacks: signs that a figure tells of a weak attack instead of a robust model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from keras_advxai.attacks import Attack, Ensemble, MinimumNormAttack, MultiTargetPGD
from keras_advxai.evaluation.attack_kinds import (
    fills_budget,
    follows_gradients,
    is_black_box,
    is_noise,
    takes_many_steps,
)
from keras_advxai.evaluation.finding import Finding
from keras_advxai.evaluation.samples import Samples
from keras_advxai.evaluation.table import epsilon_text, percent_text

_POINT = 0.01 + 1e-9
_FEW_IMAGES = 100
_UNUSED = 0.9
_TOLERANCE = 1e-4

_Wrong: TypeAlias = dict[str, np.ndarray]
"""By attack, where it had its way, `(epsilons, images)`; see `Samples.succeeded`."""


def attack_findings(samples: Samples, attacks: Sequence[Attack], explains: bool) -> list[Finding]:
    """What the outcome of the attacks gives cause to say.

    Args:
        samples: What was found of each image.
        attacks: The attacks, the noise control among them.
        explains: Whether explanations were compared.

    References:
        Carlini et al., "On evaluating adversarial robustness", 2019. Croce and Hein, "Reliable evaluation of
        adversarial robustness with an ensemble of diverse parameter-free attacks", ICML 2020.
    """
    order = np.argsort(samples.epsilons, kind="stable")
    wrong = {attack.name: samples.succeeded(attack.name)[order] for attack in attacks}
    strengths = np.asarray(samples.epsilons)[order]
    found: list[Finding] = []
    for attack in attacks:
        found += _budget(samples, attack)
        found += _unused_budget(samples, attack)
    found += _zero_gradients(samples)
    found += _not_monotone(attacks, wrong, strengths)
    found += _weaker(attacks, wrong, strengths)
    found += _black_box(attacks, wrong, strengths)
    noise = [attack for attack in attacks if is_noise(attack)]
    if explains and not noise:
        found.append(
            Finding(
                "There is no noise control: how far explanations drift under random noise of the same size is not "
                "known, and drift under attack means little without it.",
                id="no-noise-control",
                severity="warning",
            )
        )
    if len(samples) < _FEW_IMAGES:
        half = 100 * 0.98 / len(samples) ** 0.5
        found.append(
            Finding(
                f"There are {len(samples)} images only: an accuracy near 50 % is known to within about {half:.0f} "
                "points.",
                id="few-images",
            )
        )
    return found


def _budget(samples: Samples, attack: Attack) -> Iterator[Finding]:
    """Changes that are longer than they may be, or leave the bounds."""
    lengths = samples.lengths.get(attack.name)
    if lengths is None:
        return
    allowed = np.asarray(samples.epsilons)[:, None] * (1 + _TOLERANCE) + 1e-6
    count = int(np.sum(np.any(~(lengths <= allowed), axis=0)))
    outside = int(np.sum(np.any(samples.outside[attack.name], axis=0)))
    if count or outside:
        yield Finding(
            f"{attack.name} changed {count} images by more than epsilon, and {outside} beyond the bounds or to NaN.",
            id="budget-exceeded",
            severity="error",
        )


def _unused_budget(samples: Samples, attack: Attack) -> Iterator[Finding]:
    """Attacks that failed although they had not gone as far as they may."""
    lengths = samples.lengths.get(attack.name)
    if lengths is None or not fills_budget(attack):
        return
    failed = samples.attacked[attack.name] == samples.labels
    if attack.targeted:
        failed = samples.attackable(attack.name) & ~samples.succeeded(attack.name)
    unused = failed & (lengths < _UNUSED * np.asarray(samples.epsilons)[:, None])
    if failed.sum() and unused.sum() > _POINT * failed.sum():
        yield Finding(
            f"{attack.name} failed with less than {100 * _UNUSED:.0f} % of its budget on "
            f"{percent_text(unused.sum() / failed.sum())} of the images that withstood it, as attacks do whose "
            "gradient vanishes or whose steps are too short.",
            id="unused-budget",
            severity="warning",
        )


def _zero_gradients(samples: Samples) -> Iterator[Finding]:
    for name, zero in samples.zero_gradients.items():
        share = float(np.mean(zero))
        if share > _POINT:
            yield Finding(
                f"The gradient of the loss of {name} is exactly zero on {percent_text(share)} of the images, so it "
                "does not attack them: they may pass for robust. The loss 'log_odds' does not underflow on confident "
                "models; if it is zero, too, look for what cannot be differentiated, and add the attack 'square'.",
                id="zero-gradients",
                severity="warning",
            )


def _not_monotone(attacks: Sequence[Attack], wrong: _Wrong, strengths: np.ndarray) -> Iterator[Finding]:
    """Attacks in many steps that do worse with a larger budget; a single step may overshoot."""
    for attack in attacks:
        if not takes_many_steps(attack) or isinstance(attack, MinimumNormAttack):
            continue
        shares = wrong[attack.name].mean(axis=1)
        drop = np.maximum.accumulate(shares) - shares
        if drop.max() > _POINT:
            yield Finding(
                f"{attack.name} turns fewer images at epsilon {epsilon_text(float(strengths[drop.argmax()]))} than "
                f"at a smaller one, by {_points(float(drop.max()))}: more budget should not hurt. More steps may "
                "help.",
                id="not-monotone",
                severity="warning",
            )


def _weaker(attacks: Sequence[Attack], wrong: _Wrong, strengths: np.ndarray) -> Iterator[Finding]:
    """Attacks that should be stronger than others, and are weaker."""
    single = [item for item in attacks if fills_budget(item) and not takes_many_steps(item)]
    many = [item for item in attacks if takes_many_steps(item) and not isinstance(item, MinimumNormAttack)]
    gradient = [*single, *many]
    noise = [item for item in attacks if is_noise(item)]
    targets = [item for item in many if isinstance(item, MultiTargetPGD)]
    main = [item for item in many if not isinstance(item, (MultiTargetPGD, Ensemble))]
    pairs = (
        ("weaker-than-single-step", many, single, "Gradients may be masked, or steps too long or too few."),
        (
            "weaker-than-noise",
            gradient,
            noise,
            "Noise should not be the stronger attack: gradients may be masked.",
        ),
        ("weaker-than-multi-target", main, targets, "Take the worst case over both, `report.robust_accuracy`."),
    )
    for name, stronger, weaker, advice in pairs:
        for attack in stronger:
            others = [other for other in weaker if _compares(other, attack)]
            gaps = {o.name: wrong[o.name].mean(axis=1) - wrong[attack.name].mean(axis=1) for o in others}
            worst = max(gaps, key=lambda other: gaps[other].max(), default=None)
            if worst is not None and gaps[worst].max() > _POINT:
                level = float(strengths[gaps[worst].argmax()])
                yield Finding(
                    f"{attack.name} turns fewer images than {worst}, by {_points(float(gaps[worst].max()))} at "
                    f"epsilon {epsilon_text(level)}. {advice}",
                    id=name,
                    severity="warning",
                )


def _black_box(attacks: Sequence[Attack], wrong: _Wrong, strengths: np.ndarray) -> Iterator[Finding]:
    """Images that are turned without gradients, and by no attack with them."""
    for attack in attacks:
        whites = [wrong[item.name] for item in attacks if _compares(item, attack) and follows_gradients(item)]
        if not is_black_box(attack) or not whites:
            continue
        alone = wrong[attack.name] & ~np.any(whites, axis=0)
        if alone.any():
            level = alone.sum(axis=1).argmax()
            yield Finding(
                f"{attack.name}, which sees no gradients, turns {int(alone[level].sum())} images at epsilon "
                f"{epsilon_text(float(strengths[level]))} that no attack with gradients turns: these may be masked.",
                id="black-box-stronger",
                severity="warning",
            )


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _compares(first: Attack, second: Attack) -> bool:
    """Whether the strengths and the aims of two attacks are of one kind."""
    return (first.norm, first.targeted) == (second.norm, second.targeted)
