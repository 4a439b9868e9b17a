"""The methods of cleverhans that follow a gradient, run by cleverhans' own functions."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks.starts import uniform_in_ball
from keras_advxai.contrib.clever_hans_methods import Method
from keras_advxai.models import Forward
from keras_advxai.ops import losses, norms

_ORDERS = {"linf": np.inf, "l2": 2}


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cleverhans' own, to the last bit: ours rounds the label's part of the gradient less."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


_LOSSES = {"log_odds": losses.log_odds, "cross_entropy": _cross_entropy}


def attack(
    method: Method,
    forward: Forward,
    x: Tensor,
    y: Tensor,
    epsilon: Tensor,
    *,
    norm: Norm,
    targeted: bool,
    loss: str,
    nb_iter: int | None = None,
    eps_iter: float | None = None,
    rand_init: bool = False,
    decay_factor: float = 1.0,
    seed: int = 0,
) -> Tensor:
    """What cleverhans' function of a method returns.

    Args:
        method: Any but `"spsa"`.
        forward: The pass over the images.
        x: The images, `(batch, height, width, channels)` float32.
        y: Class indices, `(batch,)` int32.
        epsilon: The budget in the images' own units, a scalar tensor above 0.
        norm: `"linf"` or `"l2"`.
        targeted: Whether the labels are target classes.
        loss: `"log_odds"` or `"cross_entropy"`.
        nb_iter: How many steps there are, for the methods that take several.
        eps_iter: The step size, as a fraction of epsilon.
        rand_init: Whether projected gradient descent begins at a random point of the budget.
        decay_factor: How much of the accumulated direction the momentum iterative method keeps at each step.
        seed: Seed of the start.

    Returns:
        Images, shaped as `x`.
    """
    model = forward.classifier
    lower, upper = model.bounds
    order, loss_of = _ORDERS[norm], _LOSSES[loss]
    # cleverhans' check of the bounds needs eager tensors, and `Attack.__call__` has checked them already.
    always = {"y": y, "targeted": targeted, "sanity_checks": False, "clip_min": lower, "clip_max": upper}

    def logits_of(images: Tensor) -> Tensor:
        return model.forward(model.with_images(forward.inputs, images)).logits

    def loss_fn(labels: Tensor, logits: Tensor) -> Tensor:
        return loss_of(logits, labels)

    if method == "fast_gradient_method":
        return _function(method)(logits_of, x, epsilon, order, loss_fn, **always)
    if method == "momentum_iterative_method":
        # The loss is no argument of this method but a function of its module. Its cross-entropy has no gradient where
        # the model is confident: a float32 softmax is exactly 1 there, and the images would not move.
        run = _function(method, loss_fn=loss_fn)
        return run(logits_of, x, epsilon, eps_iter * epsilon, nb_iter, order, decay_factor=decay_factor, **always)

    def start(*_: Any, **__: Any) -> Tensor:
        return uniform_in_ball(x, norm, seed, 0)

    # This one stands for basic_iterative_method and madry_et_al too, which call it and leave out the loss.
    # It draws its start from TensorFlow's global generator: an image's result would depend on the images before it.
    run = _function(
        "projected_gradient_descent", fast_gradient_method=_function("fast_gradient_method"), random_lp_vector=start
    )
    # It asserts `eps_iter <= eps` in Python, which a tensor does not answer while a graph is traced, and one graph
    # serves all epsilons. So it gets images in units of epsilon, where its budget is the number 1. The loss is divided,
    # too: cleverhans has a floor of 1e-6 under the L2 norm of a gradient, and means one in the images' own units.
    found = run(
        lambda images: logits_of(epsilon * images),
        x / epsilon,
        1.0,
        eps_iter,
        nb_iter,
        order,
        lambda labels, logits: loss_fn(labels, logits) / epsilon,
        **(always | {"clip_min": lower / epsilon, "clip_max": upper / epsilon}),
        rand_init=rand_init,
    )
    return x + epsilon * (found - x / epsilon)


def _function(name: str, **exchanged: Any) -> Callable[..., Tensor]:
    """A function of cleverhans, from a copy of its module in which some names mean something else.

    The copy is nobody else's: cleverhans itself, which the user may call beside us or from other threads, stays as it
    is.

    Args:
        name: The function, and the module of the same name.
        **exchanged: What other names of the module mean in the copy.
    """
    from cleverhans.tf2.utils import compute_gradient

    spec = importlib.util.find_spec(f"cleverhans.tf2.attacks.{name}")
    if spec is None or spec.loader is None:
        raise ImportError(f"cleverhans 4.0 is needed. Received: one without cleverhans.tf2.attacks.{name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def finite_gradient(*args: Any, **options: Any) -> Tensor:
        return norms.finite(compute_gradient.python_function(*args, **options))  # as in our own attacks

    # cleverhans' `compute_gradient` is a tf.function of the process: it keeps the graph of every model that it has
    # seen, for good. This one lives as long as the graph that calls it. It is called at each step and not inlined, so
    # that many steps are traced as often as few, and so that oneDNN does not leave its kernels slow inside of the loop
    # over epsilons (see "Explainers with passes of their own" in docs/design.md).
    gradient = tf.function(finite_gradient, autograph=False, experimental_attributes={"_noinline": True})
    vars(module).update(compute_gradient=gradient, **exchanged)
    function: Callable[..., Tensor] = getattr(module, name)
    return function
