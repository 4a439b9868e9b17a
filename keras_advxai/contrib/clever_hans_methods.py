"""The methods of cleverhans that `CleverHans` offers: which arguments each one takes, and what they may be."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np

from keras_advxai._choice import check_one_of, is_one_of
from keras_advxai.models.inputs import check_number, check_whole_number

Method: TypeAlias = Literal[
    "fast_gradient_method",
    "projected_gradient_descent",
    "basic_iterative_method",
    "madry_et_al",
    "momentum_iterative_method",
    "spsa",
]

_STEPS = {"loss": "log_odds", "nb_iter": 10, "eps_iter": None}
DEFAULTS: dict[str, dict[str, Any]] = {
    "fast_gradient_method": {"loss": "log_odds"},
    "projected_gradient_descent": {**_STEPS, "rand_init": False, "seed": 0},
    "basic_iterative_method": _STEPS,
    "madry_et_al": {**_STEPS, "seed": 0},
    "momentum_iterative_method": {**_STEPS, "decay_factor": 1.0},
    "spsa": {
        "nb_iter": 100,
        "learning_rate": 0.01,
        "delta": 0.01,
        "spsa_samples": 128,
        "spsa_iters": 1,
        "early_stop_loss_threshold": None,
        "seed": 0,
    },
}
"""What each method takes beside `norm` and `targeted`, and what it takes if it is not given."""

PATH = {"projected_gradient_descent": 2.5, "madry_et_al": 2.5}
"""The sum of all step sizes, in units of epsilon, if none is given; 1 for the other methods."""

_LOSSES = ("log_odds", "cross_entropy")
_CARLINI_WAGNER = (
    "The method 'carlini_wagner_l2' of cleverhans 4.0 does not work under Keras 3: it calls the optimizer's list of "
    "variables, and gives one optimizer a new variable for each batch, which Keras refuses. Besides, it weighs each "
    "image's loss with the factors of all others, and takes all labels for target classes. kax.attacks.DDN() looks "
    "for perturbations of the least L2 norm, too, for each image by itself."
)


def check_method(method: str) -> Method:
    """Return `method` if it is one that works.

    Raises:
        ValueError: It is not; the message lists those that do and the nearest.
    """
    if is_one_of(method, ("carlini_wagner_l2",)):
        raise ValueError(_CARLINI_WAGNER)
    check_one_of("method", method, get_args(Method))
    return cast(Method, method)


def _check_loss(name: str, loss: str) -> str:
    check_one_of(name, loss, _LOSSES)
    return loss


def _check_positive(name: str, value: float, most: float = np.inf) -> float:
    checked = check_number(name, value, 0)
    if not 0 < checked <= most:
        until = "" if most == np.inf else f" and at most {most:g}"
        raise ValueError(f"Argument `{name}` must be a number above 0{until}. Received: {name}={value!r}")
    return checked


def _check_even(name: str, value: int) -> int:
    if check_whole_number(name, value, 2) % 2:
        raise ValueError(f"Argument `{name}` must be even: the points come in pairs. Received: {name}={value!r}")
    return int(value)


def _check_bool(name: str, value: bool) -> bool:
    if not isinstance(value, (bool, np.bool_)):  # 1 equals True
        raise ValueError(f"Argument `{name}` must be True or False. Received: {name}={value!r}")
    return bool(value)


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "loss": _check_loss,
    "nb_iter": functools.partial(check_whole_number, least=1),
    "eps_iter": functools.partial(_check_positive, most=1),
    "rand_init": _check_bool,
    "decay_factor": functools.partial(check_number, least=0),
    "learning_rate": _check_positive,
    "delta": _check_positive,
    "spsa_samples": _check_even,
    "spsa_iters": functools.partial(check_whole_number, least=1),
    "early_stop_loss_threshold": functools.partial(check_number, least=-np.inf),
    "seed": functools.partial(check_whole_number, least=-(2**31)),
}
