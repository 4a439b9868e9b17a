"""The attacks of cleverhans."""

from __future__ import annotations

import functools
import importlib
import types
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import tensorflow as tf

from keras_advxai._registry import nearest
from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks.attack import Attack
from keras_advxai.attacks.fgsm import FGSM
from keras_advxai.attacks.registry import REGISTRY, register
from keras_advxai.attacks.starts import uniform_in_ball
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_number, check_whole_number
from keras_advxai.ops import losses

Method: TypeAlias = Literal[
    "fast_gradient_method",
    "projected_gradient_descent",
    "basic_iterative_method",
    "madry_et_al",
    "momentum_iterative_method",
    "spsa",
]

_STEPS = {"loss": "log_odds", "nb_iter": 10, "eps_iter": None}
_DEFAULTS: dict[str, dict[str, Any]] = {
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

_PATH = {"projected_gradient_descent": 2.5, "madry_et_al": 2.5}
"""The length of all steps together, in units of epsilon, if none is given; 1 for the other methods."""

_LOSSES = ("log_odds", "cross_entropy")
_ORDERS = {"linf": np.inf, "l2": 2}
_CARLINI_WAGNER = (
    "The method 'carlini_wagner_l2' of cleverhans 4.0 does not work under Keras 3: it calls the optimizer's list of "
    "variables, and gives one optimizer a new variable for each batch, which Keras refuses. Besides, it weighs each "
    "image's loss with the factors of all others, and takes all labels for classes to reach. kax.attacks.DDN() looks "
    "for perturbations of the least L2 norm, too, for each image by itself."
)


@register
class CleverHans(Attack):
    """The attacks of cleverhans, by name, with the contract of ours.

    cleverhans' own functions run inside of our compiled step. They see the logits in front of a softmax, in float32,
    and take integer labels; ours are the checks of the input, the projection of the result, the random numbers, which
    depend on the seed and the image alone, and the loss: log-odds, whose gradient does not underflow where the model is
    confident. Strength 0 is not attacked. Each result is that of the last step.

    Lengths are relative, so that one configuration serves all strengths and bounds: `eps_iter` is a fraction of
    epsilon, `learning_rate` and `delta` are fractions of the bounds' width. cleverhans takes them in the images' units.

    Args:
        method: `"fast_gradient_method"`; `"projected_gradient_descent"`; `"basic_iterative_method"`, the same from the
            image itself; `"madry_et_al"`, the same from a random start; `"momentum_iterative_method"`; or `"spsa"`,
            which takes no gradients but estimates them from the logits at random points, image by image. Defaults to
            `"fast_gradient_method"`.
        norm: `"linf"` or, but for `"spsa"`, `"l2"`. (In L2, cleverhans takes no gradient for shorter than 1e-6: where
            they are, its steps are the shorter.) Defaults to `"linf"`.
        loss: `"log_odds"` or `"cross_entropy"`, which is cleverhans' own. `"spsa"` takes none: it has the margin.
            Defaults to `None`, for log-odds.
        targeted: Whether the labels are classes to reach. Defaults to `False`.
        nb_iter: How many steps there are. Not for `"fast_gradient_method"`. Defaults to `None`: 10, for `"spsa"` 100.
        eps_iter: The length of a step, as a fraction of epsilon, above 0 and at most 1. Not for
            `"fast_gradient_method"` and `"spsa"`. Defaults to `None`: the steps add up to epsilon, those of
            `"projected_gradient_descent"` and `"madry_et_al"` to 2.5 epsilon.
        rand_init: Whether to begin at a point drawn evenly from the budget. Only for `"projected_gradient_descent"`.
            Defaults to `None`, for `False`.
        decay_factor: How much of the gathered direction is kept at each step. Only for `"momentum_iterative_method"`.
            Defaults to `None`, for 1.
        learning_rate: That of Adam, as a fraction of the bounds' width. Only for `"spsa"`, as all that follow but the
            seed. Defaults to `None`, for 0.01.
        delta: How far from the image the points are, as a fraction of the bounds' width. Defaults to `None`, for 0.01.
        spsa_samples: How many points are evaluated at a time, an even number. Defaults to `None`, for 128.
        spsa_iters: How many times that happens for each step. Defaults to `None`, for once.
        early_stop_loss_threshold: An image is done as soon as the lead of its label (or of the others over the target)
            is below this. Defaults to `None`, for never.
        seed: Seed of the random numbers. Only for methods that draw some. Defaults to `None`, for 0.

    Raises:
        ValueError: The method is unknown or does not work, an argument is out of range, or the method does not take it.
        RuntimeError: In the call, TensorFlow was told not to compile functions.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> from keras_advxai.attacks.clever_hans import CleverHans
    >>> net = keras.Sequential([
    ...     keras.layers.Input((2, 2, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1, 0]] * 4)),
    ... ])
    >>> x = np.full((1, 2, 2, 1), 0.5, "float32")
    >>> CleverHans("momentum_iterative_method", nb_iter=4)(net, x, [0], epsilon=0.25).ravel().tolist()
    [0.25, 0.25, 0.25, 0.25]

    References:
        Papernot et al., "Technical report on the CleverHans v2.1.0 adversarial examples library", 2018. Uesato et al.,
        "Adversarial risk and the dangers of evaluating against weak attacks", ICML 2018, for SPSA.
    """

    def __init__(
        self,
        method: Method = "fast_gradient_method",
        *,
        norm: Norm = "linf",
        loss: str | None = None,
        targeted: bool = False,
        nb_iter: int | None = None,
        eps_iter: float | None = None,
        rand_init: bool | None = None,
        decay_factor: float | None = None,
        learning_rate: float | None = None,
        delta: float | None = None,
        spsa_samples: int | None = None,
        spsa_iters: int | None = None,
        early_stop_loss_threshold: float | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(norm=norm)
        self.method = _check_method(method)
        if method == "spsa" and norm != "linf":
            raise ValueError(f"The method 'spsa' keeps the norm 'linf' only. Received: norm={norm!r}")
        self._targeted = bool(targeted)
        self.loss = loss
        self.nb_iter = nb_iter
        self.eps_iter = eps_iter
        self.rand_init = rand_init
        self.decay_factor = decay_factor
        self.learning_rate = learning_rate
        self.delta = delta
        self.spsa_samples = spsa_samples
        self.spsa_iters = spsa_iters
        self.early_stop_loss_threshold = early_stop_loss_threshold
        self.seed = seed
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None:
                self._check_taken(name, value)
                setattr(self, name, check(name, value))

    def _check_taken(self, name: str, value: Any) -> None:
        taken = list(_DEFAULTS[self.method])
        if name not in taken:
            raise ValueError(
                f"The method {self.method!r} does not take `{name}`.{nearest(name, taken)} It takes norm, targeted, "
                f"{', '.join(taken)}. Received: {name}={value!r}"
            )
        if name == "seed" and self.method == "projected_gradient_descent" and not self.rand_init:
            raise ValueError(
                f"Argument `seed` has no effect without a random start: pass rand_init=True. Received: seed={value!r}"
            )

    @property
    def targeted(self) -> bool:
        """Whether the labels are the classes to reach instead of those to leave."""
        return self._targeted

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, radius: Tensor, forward: Forward) -> Tensor:
        """What cleverhans' function finds; see `Attack.perturb`."""
        if tf.executing_eagerly():
            if tf.config.functions_run_eagerly():
                raise RuntimeError("cleverhans' attacks are compiled: call tf.config.run_functions_eagerly(False).")
            return model.compiled((self, "perturb"), self._of_inputs, forward.inputs, y, radius)
        if self.method == "spsa":
            attack = self._spsa
        else:
            attack = self._gradient_attack
            FGSM(loss=self._value("loss")).gradient(forward, y)  # says why, if there is none
        labels = tf.cast(y, tf.int32)
        return tf.cond(radius > 0, lambda: attack(model, x, labels, radius, forward), lambda: tf.identity(x))

    def _of_inputs(self, model: ImageClassifier, inputs: Any, y: Tensor, radius: Tensor) -> Tensor:
        forward = model.forward(inputs)
        return self.perturb(model, forward.images, y, radius, forward)

    def _gradient_attack(
        self, model: ImageClassifier, x: Tensor, y: Tensor, radius: Tensor, forward: Forward
    ) -> Tensor:
        loss = losses.LOSSES[self._value("loss")]

        def logits_of(images: Tensor) -> Tensor:
            return model.forward(model.with_images(forward.inputs, images)).logits

        def loss_fn(labels: Tensor, logits: Tensor) -> Tensor:
            return loss(logits, labels)

        lower, upper = model.bounds
        order = _ORDERS[self.norm]
        always = {"y": y, "targeted": self.targeted, "sanity_checks": False}
        always |= {"clip_min": lower, "clip_max": upper}
        if self.method == "fast_gradient_method":
            return _function(self.method)(logits_of, x, radius, order, loss_fn, **always)
        steps, size = self._value("nb_iter"), self._step_size()
        if self.method == "momentum_iterative_method":
            decay = self._value("decay_factor")
            attack = _function(self.method, loss_fn=loss_fn)
            return attack(logits_of, x, radius, size * radius, steps, order, decay_factor=decay, **always)

        # This one compares its budget in Python, so it gets images in whose units that is 1.
        def start(*_: Any, **__: Any) -> Tensor:
            return uniform_in_ball(x, self.norm, self._value("seed"), 0)

        attack = _function(
            "projected_gradient_descent",
            fast_gradient_method=_function("fast_gradient_method"),
            random_lp_vector=start,
        )
        found = attack(
            lambda images: logits_of(radius * images),
            x / radius,
            1.0,
            size,
            steps,
            order,
            lambda labels, logits: loss_fn(labels, logits) / radius,
            **(always | {"clip_min": lower / radius, "clip_max": upper / radius}),
            rand_init=self.method == "madry_et_al" or bool(self.rand_init),
        )
        return x + radius * (found - x / radius)

    def _spsa(self, model: ImageClassifier, x: Tensor, y: Tensor, radius: Tensor, forward: Forward) -> Tensor:
        from keras_advxai.attacks import clever_hans_spsa  # loads cleverhans

        options = {name: self._value(name) for name in _DEFAULTS["spsa"]}
        return clever_hans_spsa.attack(forward, y, radius, targeted=self.targeted, **options)

    def _value(self, name: str) -> Any:
        """A parameter, or what the method takes in its place."""
        value = getattr(self, name)
        return _DEFAULTS[self.method].get(name) if value is None else value

    def _step_size(self) -> float:
        """The length of a step, as a fraction of epsilon."""
        if self.eps_iter is not None:
            return self.eps_iter
        return min(1.0, _PATH.get(self.method, 1.0) / self._value("nb_iter"))


def _function(name: str, **exchanged: Any) -> Callable[..., Tensor]:
    """A function of cleverhans in a namespace of its own, in which some names mean something else.

    `compute_gradient` is compiled anew, and called at each step instead of being copied into the graph. cleverhans' own
    belongs to the process, and keeps every model's graph for good.
    """
    module = importlib.import_module(f"cleverhans.tf2.attacks.{name}")
    gradient = importlib.import_module("cleverhans.tf2.utils").compute_gradient.python_function
    compiled = tf.function(gradient, autograph=False, experimental_attributes={"_noinline": True})
    function = getattr(module, name)
    namespace = {**vars(module), "compute_gradient": compiled, **exchanged}
    return types.FunctionType(function.__code__, namespace, name, function.__defaults__)


def _check_method(method: str) -> Method:
    if method == "carlini_wagner_l2":
        raise ValueError(_CARLINI_WAGNER)
    for known in get_args(Method):
        if method == known:
            found: Method = known
            return found
    raise ValueError(
        f"Argument `method` must be one of {', '.join(get_args(Method))}.{nearest(str(method), get_args(Method))} "
        f"Received: method={method!r}"
    )


def _check_loss(name: str, loss: str) -> str:
    if loss not in _LOSSES:
        raise ValueError(
            f"Argument `{name}` must be one of {', '.join(_LOSSES)}.{nearest(str(loss), _LOSSES)} "
            f"Received: {name}={loss!r}"
        )
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
    if value not in (True, False):
        raise ValueError(f"Argument `{name}` must be True or False. Received: {name}={value!r}")
    return bool(value)


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
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

REGISTRY.presets["spsa"] = functools.partial(CleverHans, "spsa")
