"""Checks of the attacks: signs that a figure reflects a weak attack instead of a robust model.

The kind of an attack is declared by its attributes, which the docstring of `Attack` lists, so that one of a user's own
is checked as ours are.

References:
    Carlini et al., "On evaluating adversarial robustness", 2019. Croce and Hein, "Reliable evaluation of adversarial
    robustness with an ensemble of diverse parameter-free attacks", ICML 2020.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from keras_advxai.attacks import Attack, Ensemble, MinimumNormAttack, MultiTargetPGD
from keras_advxai.attacks.strength import takes_one_step
from keras_advxai.checks.advice import add_without_gradients
from keras_advxai.checks.evidence import OF_NAN, Evidence, check
from keras_advxai.measurements import accuracy
from keras_advxai.measurements.outcomes import Numbers, SeveralLabels, outcomes
from keras_advxai.text import enumeration, epsilon_text, percent_text

_POINT = 0.01 + 1e-9  # a point is no difference, whatever its rounding
_FEW_IMAGES = 100
_UNUSED = 0.9
_TOLERANCE = 1e-4
_ALIKE = "loss raises the log-odds of all labels alike; pass loss='cross_entropy'."


@check("budget-exceeded", "error")
def budget_exceeded(seen: Evidence) -> Iterator[str]:
    """An attack changed images by more than epsilon, out of bounds, or to NaN.

    The base class of attacks keeps the budget and the bounds, so an attack of your own overrides more than `perturb`,
    or `perturb` returns NaN. Where pixels are NaN the image's own were judged: NaN is no success.
    """
    found = seen.measurements
    # A projection to the ball rounds; the 1e-6 is for epsilon 0.
    allowed = np.asarray(found.coordinates.epsilons)[:, None] * (1 + _TOLERANCE) + 1e-6
    for attack in seen.attacks:
        within = found.at("perturbation_norm", attack=attack) <= allowed  # what is NaN is not
        longer = int(np.sum(np.any(~within, axis=0)))
        out_of_bounds = int(np.sum(np.any(found.at("out_of_bounds", attack=attack), axis=0)))
        if longer or out_of_bounds:
            beyond = f"{out_of_bounds} beyond the bounds or to NaN"
            yield f"{attack.name} changed {longer} images by more than epsilon, and {beyond}."


@check("unused-budget", "warning", silenced_by=OF_NAN)
def unused_budget(seen: Evidence) -> Iterator[str]:
    """An attack failed on images with less than 90 % of its budget used.

    Its gradient vanishes, or its steps are too short. Only attacks that should use all of it
    (`fills_budget`) are checked.
    """
    found = seen.measurements
    for attack in seen.attacks:
        if not attack.fills_budget:  # noise and black boxes need not
            continue
        failed = accuracy.correct(found, attack)  # where it succeeds, it may stop early
        if attack.targeted:
            # To a targeted attack, another class than its own is a failure, and what it left alone is none.
            failed = accuracy.attackable(found, attack) & ~accuracy.succeeded(found, attack)
        norms = found.at("perturbation_norm", attack=attack)
        unused = failed & (norms < _UNUSED * np.asarray(found.coordinates.epsilons)[:, None])
        if failed.sum() and unused.sum() > _POINT * failed.sum():
            yield (
                f"{attack.name} failed with less than {100 * _UNUSED:.0f} % of its budget on "
                f"{percent_text(unused.sum() / failed.sum())} of the images on which it failed, as attacks do whose "
                "gradient vanishes or whose steps are too short."
            )


@check("zero-gradients", "warning", silenced_by=OF_NAN)
def zero_gradients(seen: Evidence) -> Iterator[str]:
    """The gradient of the loss is exactly zero on more than 1 % of the images, which an attack then leaves unchanged.

    Cross-entropy underflows on confident models; the default `loss="log_odds"` does not. If it is zero with that,
    too, something in the model cannot be differentiated: use the black-box attack `Square`.
    """
    for attack in seen.attacks:
        # Attacks that do not follow one gradient are False throughout, so that nothing is said of them.
        share = float(np.mean(seen.measurements.at("zero_gradient", attack=attack)))
        if share > _POINT:
            yield (
                f"The gradient of the loss of {attack.name} is exactly zero on {percent_text(share)} of the images, so "
                f"it does not attack them: they may appear robust. {_instead(seen, attack)}look for what cannot be "
                f"differentiated, and {add_without_gradients(outcomes(seen.measurements).task)}."
            )


def _instead(seen: Evidence, attack: Attack) -> str:
    """The beginning of a sentence about another loss, where another may be chosen."""
    if isinstance(outcomes(seen.measurements), Numbers) or attack.get_config().get("loss") in (None, "log_odds"):
        return "If it is not by chance, "
    return "The loss 'log_odds' does not underflow on confident models; if it is zero, too, "


@check("non-finite-gradients", "warning", silenced_by=OF_NAN)
def non_finite_gradients(seen: Evidence) -> str | None:
    """The gradient is NaN or infinite at some values of clean images, which attacks then leave alone.

    Attacks take such a gradient for zero where it is not finite, and follow the rest of it, so they may be weaker than
    they should be. Explanations that are made of gradients are NaN there. A square root or a logarithm at 0, as of a
    black pixel, and a division by zero have such gradients: add a small number to what they are taken of. The values
    themselves may be NaN inside of the model, and not at its end: a ReLU may make 0 of NaN, and the clean figures of
    such images, finite as they are, may mean nothing, too.
    """
    found = seen.measurements
    counts = {attack.name: found.at("non_finite_gradient", attack=attack) for attack in seen.attacks}
    affected = {name: int(np.sum(count > 0)) for name, count in counts.items() if np.any(count > 0)}
    if not affected:
        return None
    worst = max(affected, key=affected.__getitem__)
    values = int(counts[worst][counts[worst] > 0].sum())
    return (
        f"The gradient is NaN or infinite on {affected[worst]} of {len(found)} clean images, at {values} values in "
        f"all. It was taken for zero there, so {enumeration(list(affected))} left these alone, and may be weaker than "
        "attacks should be. Where NaN arises inside of the model and a ReLU swallows it, the clean figures of these "
        "images may mean nothing, too. Look for a root, a logarithm or a division at 0, and add a small number to "
        "what it is of."
    )


@check("log-odds-of-all-labels", "warning")
def log_odds_of_all_labels(seen: Evidence) -> str | None:
    """The model predicts several labels, and no attack with gradients has the loss `"cross_entropy"`.

    One wrong label is enough for an image not to have all labels right. The log-odds and the margin, summed over the
    labels, raise all of them alike, also those that are wrong already or far from their boundary, which costs nothing
    and gains nothing; cross-entropy turns to the labels that are right and near it. So `exact_accuracy` and
    `robust_accuracy` under log-odds may be far too high: 35 % where plain FGSM on cross-entropy left 27 %. That is no
    sign of masked gradients. For the share of labels that are right, the log-odds may be the stronger ones: run both.
    """
    if not isinstance(outcomes(seen.measurements), SeveralLabels) or seen.measurements.coordinates.classes < 2:
        return None
    followed = [attack for attack in seen.attacks if _follows_gradients(attack) and not attack.targeted]
    if not followed or not all(_sums_log_odds(attack) for attack in followed):
        return None
    names = enumeration([attack.name for attack in followed])
    return (
        f"{names} raise{'s' if len(followed) == 1 else ''} the log-odds of all labels alike, so the share of images "
        "with all labels right may be far too high. Add an attack with loss='cross_entropy', which turns to the labels "
        "that are near to be wrong: FGSM(loss='cross_entropy')."
    )


@check("not-monotone", "warning", silenced_by=OF_NAN)
def not_monotone(seen: Evidence) -> Iterator[str]:
    """An iterative attack succeeds on fewer images with a larger budget, which a working attack does not.

    More steps may help. A single-step attack is not checked: it may overshoot.
    """
    for attack in filter(_takes_steps, seen.attacks):
        shares = seen.successes[attack.name].mean(axis=1)
        drop = np.maximum.accumulate(shares) - shares
        if drop.max() > _POINT:
            yield (
                f"{attack.name} succeeds on fewer images at epsilon "
                f"{epsilon_text(float(seen.epsilons[drop.argmax()]))} than "
                f"at a smaller one, by {_points(float(drop.max()))}: more budget should not hurt. More steps may help."
            )


@check("weaker-than-single-step", "warning", silenced_by=OF_NAN)
def weaker_than_single_step(seen: Evidence) -> Iterator[str]:
    """An iterative attack succeeds on fewer images than a single-step attack.

    Its steps are too long or too few, or the model's gradients are misleading.
    """
    stronger, weaker = filter(_takes_gradient_steps, seen.attacks), list(filter(takes_one_step, seen.attacks))
    return _weaker(seen, stronger, weaker, "Gradients may be masked, or steps too long or too few.")


@check("weaker-than-noise", "warning", silenced_by=OF_NAN)
def weaker_than_noise(seen: Evidence) -> Iterator[str]:
    """An attack with gradients succeeds on fewer images than random noise at the same epsilon.

    Then the gradients do not point to what changes the prediction: see `black-box-stronger`.
    """
    single, many = filter(takes_one_step, seen.attacks), filter(_takes_gradient_steps, seen.attacks)
    noise = [attack for attack in seen.attacks if attack.aim == "noise"]  # by aim: a user's own counts, too
    return _weaker(seen, [*single, *many], noise, "Noise should not be the stronger attack: gradients may be masked.")


@check("weaker-than-multi-target", "warning", silenced_by=OF_NAN)
def weaker_than_multi_target(seen: Evidence) -> Iterator[str]:
    """Attacking towards each class in turn succeeds on more images than the main attack does.

    The true robust accuracy is below both: take `report.robust_accuracy`.
    """
    towards = [attack for attack in seen.attacks if isinstance(attack, MultiTargetPGD)]
    # The presets have attacks towards each class among their own.
    main = [item for item in seen.attacks if _takes_gradient_steps(item) and not isinstance(item, Ensemble)]
    main = [attack for attack in main if attack not in towards]
    return _weaker(seen, main, towards, "Take the worst case over both, `report.robust_accuracy`.")


@check("black-box-stronger", "warning", silenced_by=OF_NAN)
def black_box_stronger(seen: Evidence) -> Iterator[str]:
    """A black-box attack, such as `Square`, succeeds on images on which no attack with gradients does.

    This is typical of masked gradients, which do not point to what changes the prediction. An attack of your own counts
    as one without gradients unless its class declares `uses_gradients = True`.
    """
    for attack in seen.attacks:
        others = [item for item in seen.attacks if _compares(item, attack) and _follows_gradients(item)]
        # Without any attack with gradients to compare with, such as for a model that has none, this is no sign.
        if attack.aim != "label" or attack.uses_gradients or not others:
            continue
        # Image by image, because a single one is proof that there was something to find.
        alone = seen.successes[attack.name] & ~np.any([seen.successes[item.name] for item in others], axis=0)
        if alone.any():
            most = alone.sum(axis=1).argmax()
            alike = any(_raises_all_labels_alike(seen, item) for item in others)
            reason = f"their {_ALIKE}" if alike else "gradients may be masked."
            yield (
                f"{attack.name}, which uses no gradients, succeeds on {int(alone[most].sum())} images at epsilon "
                f"{epsilon_text(float(seen.epsilons[most]))} on which no attack with gradients does: {reason}"
            )


@check("no-noise-control", "warning")
def no_noise_control(seen: Evidence) -> str | None:
    """Heatmaps drift under random noise, too.

    Without `noise_control` it is unknown how much of the drift is due to the attack.
    """
    if not seen.measurements.coordinates.explainers or any(attack.aim == "noise" for attack in seen.attacks):
        return None
    return (
        "There is no noise control: how far explanations drift under noise at the same epsilon is unknown, and "
        "drift under attack means little without it."
    )


@check("few-images")
def few_images(seen: Evidence) -> str | None:
    """With fewer than a hundred images the uncertainty of an accuracy is ten points or more.

    See `report.accuracy_interval` and `report.robust_interval`. Chance is a mean over pairs of images, of which there
    are fewer than images, and has no interval: its pairs share images.
    """
    count = len(seen.measurements)
    if count >= _FEW_IMAGES or isinstance(outcomes(seen.measurements), Numbers):
        return None
    half = 100 * 0.98 / count**0.5  # of a 95 % interval, where it is widest
    there = "There is 1 image only" if count == 1 else f"There are {count} images only"
    text = f"{there}: an accuracy near 50 % is known to within about {half:.0f} points"
    known = seen.measurements.coordinates
    pairs = [
        int(np.isfinite(seen.measurements.at("chance_dissimilarity", explainer=name, metric=known.metrics[0])).sum())
        for name in known.explainers
    ]
    fewest = min(pairs, default=0)
    return f"{text}, and chance is a mean over {fewest} pairs." if fewest else f"{text}."


def _weaker(
    seen: Evidence, stronger: Iterator[Attack] | Sequence[Attack], weaker: Sequence[Attack], advice: str
) -> Iterator[str]:
    """For each attack that should be stronger than others, by how much it is weaker than the strongest of these."""
    for attack in stronger:
        own = seen.successes[attack.name].mean(axis=1)
        # Shares and not images: one attack may rightly turn others than another does.
        gaps = {item.name: seen.successes[item.name].mean(axis=1) - own for item in weaker if _compares(item, attack)}
        worst = max(gaps, key=lambda name: gaps[name].max(), default=None)
        if worst is not None and gaps[worst].max() > _POINT:  # None: no other attack compares with it
            epsilon = float(seen.epsilons[gaps[worst].argmax()])
            said = f"Its {_ALIKE}" if _raises_all_labels_alike(seen, attack) else advice
            yield (
                f"{attack.name} succeeds on fewer images than {worst}, by {_points(float(gaps[worst].max()))} at "
                f"epsilon {epsilon_text(epsilon)}. {said}"
            )


def _follows_gradients(attack: Attack) -> bool:
    """Whether it attacks the label, with gradients; an attack on an explanation may leave labels unchanged."""
    return attack.aim == "label" and attack.uses_gradients


def _sums_log_odds(attack: Attack) -> bool:
    """Whether it raises a loss that is a sum of log-odds over the labels, where there are several."""
    return getattr(attack, "loss", None) in ("log_odds", "margin")


def _raises_all_labels_alike(seen: Evidence, attack: Attack) -> bool:
    """Whether an attack raises the log-odds of several labels, which is the weaker attack on all of them."""
    return isinstance(outcomes(seen.measurements), SeveralLabels) and _sums_log_odds(attack)


def _takes_steps(attack: Attack) -> bool:
    """Whether it takes steps within each budget; a minimum-norm attack searches once, whatever the budget."""
    return attack.aim == "label" and attack.iterative and not isinstance(attack, MinimumNormAttack)


def _takes_gradient_steps(attack: Attack) -> bool:
    return _takes_steps(attack) and attack.uses_gradients


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _compares(first: Attack, second: Attack) -> bool:
    """Whether the epsilons and the aims of two attacks are of one kind."""
    return (first.norm, first.targeted) == (second.norm, second.targeted)
