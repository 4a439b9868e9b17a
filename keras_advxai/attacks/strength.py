"""Whether the attacks of an evaluation are such that others would find more of its images misclassified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from keras_advxai._typing import Norm
from keras_advxai.attacks.attack import Attack
from keras_advxai.attacks.registry import get

_STRONGER = ("pgd", "quick")


class Evaluated(Protocol):
    """What is asked of a report, which lies above this file."""

    @property
    def provenance(self) -> dict[str, Any]:
        """How it was measured."""

    @property
    def norms(self) -> Mapping[str, Norm]:
        """The norm of each attack."""

    @property
    def settings(self) -> Any:
        """What it was made with; a `ValueError` where that cannot be read."""


def upper_bounds(report: Evaluated) -> dict[Norm, str]:
    """For each norm of a report's attacks, what `upper_bound` says of them, if anything.

    Args:
        report: The report.
    """
    if report.provenance["task"] == "regression":  # which has no accuracy
        return {}
    try:
        known = report.settings.attacks_and_controls
    except ValueError:  # made by hand, or with an attack that is not at hand
        return {}
    own = [attack for attack in known if attack.name in report.norms]  # of a part that was selected
    task, norms = report.provenance["task"], dict.fromkeys(report.norms.values())
    said = {norm: upper_bound(own, task, norm) for norm in norms}
    return {norm: reason for norm, reason in said.items() if reason}


def upper_bound(attacks: Iterable[Attack], task: str, norm: Norm = "linf") -> str:
    """Why an accuracy under some attacks is but an upper bound, if none takes more than one step; else an empty text.

    An accuracy under such attacks is easily read as robustness, and images that FGSM leaves right are misclassified
    after a few steps. An attack of a user's own that declares nothing may search in any way, so nothing is said of it.

    Args:
        attacks: The attacks, noise among them; those that aim at explanations are left out.
        task: `"classification"` or `"multi_label"`.
        norm: The norm of their budgets. Defaults to `"linf"`.

    Example:

    >>> from keras_advxai.attacks import FGSM, PGD
    >>> from keras_advxai.attacks.strength import upper_bound
    >>> upper_bound([FGSM()], "classification")
    "no attack here takes more than one step; add the attack 'pgd' or 'quick'"
    >>> upper_bound([FGSM(), PGD()], "classification")
    ''
    """
    own = [attack for attack in attacks if attack.norm == norm and attack.aim != "explanation"]
    if not own or not all(_takes_no_second_step(attack) for attack in own):
        return ""
    suited = [repr(name) for name in _STRONGER if task in get(name).tasks]
    named = "PGD(norm='l2')" if norm == "l2" else f"the attack {' or '.join(suited)}"
    return f"no attack here takes more than one step; add {named}"


def takes_one_step(attack: Attack) -> bool:
    """Whether it goes along a gradient as far as it may; an ensemble of such attacks is as strong as all of them.

    Args:
        attack: The attack.

    Example:

    >>> from keras_advxai.attacks import FGSM, Square
    >>> from keras_advxai.attacks.strength import takes_one_step
    >>> takes_one_step(FGSM()), takes_one_step(Square())
    (True, False)
    """
    members = _members(attack)
    if members:
        return all(map(takes_one_step, members))
    return attack.aim == "label" and attack.uses_gradients and attack.fills_budget and not attack.iterative


def _takes_no_second_step(attack: Attack) -> bool:
    members = _members(attack)
    if members:
        return all(map(_takes_no_second_step, members))
    return attack.aim == "noise" or takes_one_step(attack)


def _members(attack: Attack) -> tuple[Attack, ...]:
    """The attacks of an ensemble."""
    found = getattr(attack, "attacks", ())
    return tuple(found) if isinstance(found, (tuple, list)) else ()
