"""What to do about an attack, of what the model at hand and the attack itself can take."""

from __future__ import annotations

from keras_advxai import attacks
from keras_advxai._typing import Norm
from keras_advxai.attacks import Attack

_STEPS = ("steps", "restarts", "nb_iter")


def add_stronger(task: str, norm: Norm = "linf") -> str:
    """A clause that names a stronger attack, for a model of a task.

    Args:
        task: `"classification"`, `"multi_label"` or `"regression"`.
        norm: The norm of the attack that is to be stronger. Defaults to `"linf"`.

    Example:

    >>> from keras_advxai.checks.advice import add_stronger
    >>> add_stronger("classification")
    "add the attack 'standard'"
    """
    if not _is_for(task, "standard"):
        return f"add PGD({'' if norm == 'linf' else f'norm={norm!r}, '}steps=100, restarts=2)"
    return "add the attack 'standard'" if norm == "linf" else f"add Ensemble.preset('standard', norm={norm!r})"


def add_without_gradients(task: str) -> str:
    """A clause that names an attack without gradients, or what to do where none is for models of the task."""
    if _is_for(task, "square"):
        return "add the attack 'square'"
    return "put something differentiable in its place for the attack, as no attack without gradients is for such models"


def raise_steps(attack: Attack) -> str:
    """A clause about the options by which an attack takes more steps.

    Args:
        attack: An iterative attack.

    Example:

    >>> from keras_advxai.attacks import BIM, PGD, Ensemble
    >>> from keras_advxai.checks.advice import raise_steps
    >>> raise_steps(PGD()), raise_steps(BIM()), raise_steps(Ensemble([BIM()]))
    ('raise `steps` and `restarts`', 'raise `steps`', 'raise the steps of its attacks')
    """
    config = attack.get_config()
    names = [f"`{name}`" for name in _STEPS if name in config and not (name == "restarts" and _keeps_last(attack))]
    if not names:
        return "raise the steps of its attacks" if "attacks" in config else "let it take more steps"
    return f"raise {' and '.join(names)}"


def other_loss(attack: Attack) -> str:
    """A clause about the loss that does not depend on the scale of the logits; empty if the attack takes none."""
    return "pass loss='margin'" if attack.get_config().get("loss") not in (None, "margin", "dlr") else ""


def _keeps_last(attack: Attack) -> bool:
    return getattr(attack, "keep", None) == "last"  # the last iterate of all is that of the last restart


def _is_for(task: str, name: str) -> bool:
    return task in attacks.get(name).tasks
