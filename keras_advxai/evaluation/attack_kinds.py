"""The kinds of attacks that checks tell apart."""

from __future__ import annotations

from keras_advxai.attacks import (
    Attack,
    CleverHans,
    Ensemble,
    GradientAttack,
    IterativeAttack,
    MinimumNormAttack,
    Square,
)


def is_noise(attack: Attack) -> bool:
    """Whether it is a control."""
    return attack.aim == "noise"


def is_black_box(attack: Attack) -> bool:
    """Whether it is after the label and sees no gradient."""
    return isinstance(attack, Square) or (isinstance(attack, CleverHans) and attack.method == "spsa")


def follows_gradients(attack: Attack) -> bool:
    """Whether it is after the label, with gradients."""
    return attack.aim == "label" and not is_black_box(attack)


def fills_budget(attack: Attack) -> bool:
    """Whether it follows a gradient for as long as the budget lasts, unless it succeeds before."""
    return isinstance(attack, GradientAttack) or (isinstance(attack, CleverHans) and not is_black_box(attack))


def takes_many_steps(attack: Attack) -> bool:
    """Whether it follows a gradient in more steps than one; of an ensemble, whether an attack of it does."""
    if isinstance(attack, Ensemble):
        return any(map(takes_many_steps, attack.attacks))
    if isinstance(attack, CleverHans):
        return attack.method not in ("fast_gradient_method", "spsa")
    return isinstance(attack, (IterativeAttack, MinimumNormAttack))
