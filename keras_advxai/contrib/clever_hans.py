"""The attacks of cleverhans."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from keras_advxai._choice import nearest
from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks.attack import Attack
from keras_advxai.attacks.fgsm import FGSM
from keras_advxai.attacks.registry import register
from keras_advxai.contrib import clever_hans_gradients
from keras_advxai.contrib.clever_hans_methods import CHECKS, DEFAULTS, PATH, Method, check_method
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_flag


@register
class CleverHans(Attack):
    """The attacks of cleverhans, by name, with the contract of ours.

    cleverhans' own functions run inside our compiled step. They see the logits before a softmax, in float32,
    and take integer labels; ours are the checks of the input, the projection of the result, the random numbers, which
    depend on the seed and the image alone, and the loss: log-odds, whose gradient does not underflow where the model is
    confident. With epsilon 0 the images come back as they are. Each result is that of the last step.

    Step sizes are relative, so that one configuration serves every epsilon and all bounds: `eps_iter` is a fraction of
    epsilon, `learning_rate` and `delta` are fractions of the bounds' width. cleverhans takes them in the images' units.

    Args:
        method: `"fast_gradient_method"`; `"projected_gradient_descent"`; `"basic_iterative_method"`, the same from the
            image itself; `"madry_et_al"`, the same from a random start; `"momentum_iterative_method"`; or `"spsa"`,
            which takes no gradients but estimates them from the logits at random points, image by image. Defaults to
            `"fast_gradient_method"`.
        norm: `"linf"` or, but for `"spsa"`, `"l2"`. (In L2, cleverhans divides by a norm of at least 1e-6: for smaller
            gradients, its steps are shorter.) Defaults to `"linf"`.
        loss: `"log_odds"` or `"cross_entropy"`, which is cleverhans' own. `"spsa"` takes none: it has the margin.
            Defaults to `None`, for log-odds.
        targeted: Whether the labels are target classes. Defaults to `False`.
        nb_iter: How many steps there are. Not for `"fast_gradient_method"`. Defaults to `None`: 10, for `"spsa"` 100.
        eps_iter: The step size, as a fraction of epsilon, above 0 and at most 1. Not for
            `"fast_gradient_method"` and `"spsa"`. Defaults to `None`: the steps add up to epsilon, those of
            `"projected_gradient_descent"` and `"madry_et_al"` to 2.5 epsilon.
        rand_init: Whether to begin at a point drawn uniformly from the budget. Only for `"projected_gradient_descent"`.
            Defaults to `None`, for `False`.
        decay_factor: How much of the accumulated direction is kept at each step. Only for
            `"momentum_iterative_method"`. Defaults to `None`, for 1.
        learning_rate: That of Adam, as a fraction of the bounds' width. Only for `"spsa"`, as all that follow but the
            seed. Defaults to `None`, for 0.01.
        delta: How far from the image the points are, as a fraction of the bounds' width. Defaults to `None`, for 0.01.
        spsa_samples: How many points are evaluated at a time, an even number. Defaults to `None`, for 128.
        spsa_iters: How many times that happens for each step. Defaults to `None`, for once.
        early_stop_loss_threshold: An image is finished as soon as the margin of its label (or of the others over the
            target) is below this. Defaults to `None`, for never.
        seed: Seed of the random numbers. Only for methods that draw some. Defaults to `None`, for 0.

    Raises:
        ValueError: The method is unknown or does not work, an argument is out of range, or the method does not take it.
        RuntimeError: In the call, TensorFlow was told not to compile functions.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((2, 2, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1, 0]] * 4)),
    ... ])
    >>> x = np.full((1, 2, 2, 1), 0.5, "float32")
    >>> kax.contrib.CleverHans("momentum_iterative_method", nb_iter=4)(net, x, [0], epsilon=0.25).ravel().tolist()
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
        self.method = check_method(method)
        # What kind of attack it is, its method says; see `Attack`.
        self.uses_gradients = self.fills_budget = self.method != "spsa"
        self.iterative = self.method not in ("fast_gradient_method", "spsa")
        if method == "spsa" and norm != "linf":
            raise ValueError(f"The method 'spsa' keeps the norm 'linf' only. Received: norm={norm!r}")
        self._targeted = check_flag("targeted", targeted)
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
        for name, check in CHECKS.items():
            value = getattr(self, name)
            if value is not None:
                self._check_taken(name, value)
                setattr(self, name, check(name, value))

    def _check_taken(self, name: str, value: Any) -> None:
        taken = list(DEFAULTS[self.method])
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
        """Whether the labels are target classes instead of true classes."""
        return self._targeted

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """What cleverhans' function finds, `epsilon` being in the images' own units; see `Attack.perturb`."""
        if tf.executing_eagerly():
            # What is compiled makes a pass of its own: an eager one, which may come as `forward=`, serves no trace.
            return model.compiled((self, "perturb"), self._of_inputs, forward.inputs, y, epsilon)
        if self.uses_gradients:
            # Inside of cleverhans a model without gradients, such as one that rounds its images, fails with a None in
            # an arithmetic operation. Our own gradient says which layer or preprocessing stops it.
            FGSM(loss=self._value("loss")).gradient(forward, y)
        attack = self._follow_gradient if self.uses_gradients else self._spsa
        labels = tf.cast(y, tf.int32)
        # Projected gradient descent divides by epsilon, so 0, which every curve begins with, is not handed to it.
        return tf.cond(epsilon > 0, lambda: attack(x, labels, epsilon, forward), lambda: tf.identity(x))

    def _of_inputs(self, model: ImageClassifier, inputs: Any, y: Tensor, epsilon: Tensor) -> Tensor:
        forward = model.forward(inputs)
        return self.perturb(model, forward.images, y, epsilon, forward)

    def _follow_gradient(self, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        options = {name: self._value(name) for name in DEFAULTS[self.method]}
        if self.iterative:
            options["eps_iter"] = self._step_size()
        if self.method == "madry_et_al":
            options["rand_init"] = True
        return clever_hans_gradients.attack(
            self.method, forward, x, y, epsilon, norm=self.norm, targeted=self.targeted, **options
        )

    def _spsa(self, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        from keras_advxai.contrib import clever_hans_spsa  # loads cleverhans, which takes a second

        options = {name: self._value(name) for name in DEFAULTS["spsa"]}
        return clever_hans_spsa.attack(forward, y, epsilon, targeted=self.targeted, **options)

    def _value(self, name: str) -> Any:
        """A parameter, or the default of the method."""
        value = getattr(self, name)
        return DEFAULTS[self.method].get(name) if value is None else value

    def _step_size(self) -> float:
        """The step size, as a fraction of epsilon."""
        if self.eps_iter is not None:
            return self.eps_iter
        size: float = min(1.0, PATH.get(self.method, 1.0) / self._value("nb_iter"))
        return size


spsa = functools.partial(CleverHans, "spsa")
"""What `kax.attacks.get("spsa")` builds."""
