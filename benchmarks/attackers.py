"""How each library makes adversarial images of a Keras model, at an equal budget.

The peers are imported where they are used. Each gets what its documentation asks for: a model that returns logits,
images in [0, 1], true labels; cross-entropy is the loss of all of them. Where a library has no such attack or fails,
the call raises, and the benchmark tells what it said.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_advxai as kax

STEPS = 10
SIZES = {"pgd": 2.5 / STEPS, "bim": 1 / STEPS, "mifgsm": 1 / STEPS}
"""How many steps an attack has, and how long each is, as a fraction of epsilon. All begin at the image."""

METHODS = ("fgsm", *SIZES)


@dataclasses.dataclass(frozen=True)
class Task:
    """What is attacked.

    Attributes:
        model: A `keras.Model` that returns logits.
        x: Images in [0, 1], `(batch, height, width, channels)` float32.
        y: Their classes, `(batch,)` int32.
        norm: `"linf"` or `"l2"`.
        epsilon: The budget.
    """

    model: keras.Model
    x: np.ndarray
    y: np.ndarray
    norm: str
    epsilon: float

    @property
    def order(self) -> float:
        """The norm, as cleverhans and ART call it."""
        return np.inf if self.norm == "linf" else 2


Run = Callable[[], np.ndarray]
"""Comes to the adversarial images. What can be prepared once for a model was prepared before."""


def configured(task: Task, attack: kax.attacks.Attack) -> Run:
    """Any attack of ours."""
    return lambda: attack(task.model, task.x, task.y, task.epsilon)


def ours(task: Task, method: str, **options: Any) -> Run:
    """keras-advxai."""
    attacks = {"fgsm": kax.attacks.FGSM, "pgd": kax.attacks.PGD, "bim": kax.attacks.BIM, "mifgsm": kax.attacks.MIFGSM}
    if method in SIZES:
        options |= {"steps": STEPS, "step_size": SIZES[method]}
    if method == "pgd":
        options |= {"start": "zero"}
    return configured(task, attacks[method](norm=task.norm, **options))


_CLEVERHANS = {
    "fgsm": "fast_gradient_method",
    "pgd": "projected_gradient_descent",
    "bim": "basic_iterative_method",
    "mifgsm": "momentum_iterative_method",
}


def wrapped(task: Task, method: str) -> Run:
    """cleverhans through `kax.contrib.CleverHans`."""
    steps = {"nb_iter": STEPS, "eps_iter": SIZES[method]} if method in SIZES else {}
    return configured(task, kax.contrib.CleverHans(_CLEVERHANS[method], norm=task.norm, **steps))


def cleverhans(task: Task, method: str) -> Run:
    """cleverhans itself, without its sanity checks, with which its BIM fails with numpy 2."""
    import importlib

    name = _CLEVERHANS[method]
    function = getattr(importlib.import_module(f"cleverhans.tf2.attacks.{name}"), name)
    options: dict[str, Any] = {"norm": task.order, "clip_min": 0.0, "clip_max": 1.0, "sanity_checks": False}
    if method in SIZES:
        options |= {"eps_iter": SIZES[method] * task.epsilon, "nb_iter": STEPS}
    if method == "pgd":
        options |= {"rand_init": False}
    x, y = tf.constant(task.x), tf.constant(task.y)
    return lambda: function(task.model, x, eps=task.epsilon, y=y, **options).numpy()


def foolbox(task: Task, method: str) -> Run:
    """Foolbox on TensorFlow. With labels in int32 it fails where numpy is 2 or newer, so it gets them in int64."""
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # it imports GitPython, which looks for git
    import foolbox as library

    kind = {
        "fgsm": "FastGradientAttack",
        "pgd": "ProjectedGradientDescentAttack",
        "bim": "BasicIterativeAttack",
        "mifgsm": "MomentumIterativeFastGradientMethod",
    }[method]
    steps: dict[str, Any] = {}
    if method in SIZES:
        steps = {"steps": STEPS, "abs_stepsize": SIZES[method] * task.epsilon}
    if method in ("pgd", "bim"):
        steps |= {"random_start": False}
    attack = getattr(library.attacks, {"linf": "Linf", "l2": "L2"}[task.norm] + kind)(**steps)
    model = library.TensorFlowModel(task.model, bounds=(0, 1))
    x, y = tf.constant(task.x), tf.constant(task.y, tf.int64)
    return lambda: attack(model, x, y, epsilons=task.epsilon)[1].numpy()


def art(task: Task, method: str) -> Run:
    """The Adversarial Robustness Toolbox."""
    from art.attacks import evasion
    from art.estimators.classification import TensorFlowV2Classifier

    classifier = TensorFlowV2Classifier(
        task.model,
        nb_classes=task.model.output_shape[-1],
        input_shape=task.x.shape[1:],
        loss_object=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        clip_values=(0, 1),
    )
    options: dict[str, Any] = {"norm": task.order, "eps": task.epsilon, "batch_size": len(task.x)}
    if method in SIZES:
        options |= {"eps_step": SIZES[method] * task.epsilon, "max_iter": STEPS, "verbose": False}
    if method == "pgd":
        options |= {"num_random_init": 0}
    attacks: dict[str, Any] = {
        "fgsm": evasion.FastGradientMethod,
        "pgd": evasion.ProjectedGradientDescent,
        "bim": evasion.BasicIterativeMethod,
        "mifgsm": evasion.MomentumIterativeMethod,
    }
    if method == "bim" and task.norm == "linf":
        del options["norm"]  # which it takes none of: in L2 it refuses it
    attack = attacks[method](classifier, **options)
    return lambda: attack.generate(task.x, task.y)


LIBRARIES: dict[str, Callable[[Task, str], Run]] = {
    "keras-advxai": ours,
    "cleverhans": cleverhans,
    "CleverHans(...)": wrapped,
    "Foolbox": foolbox,
    "ART": art,
}
"""By name, functions of a task and one of `METHODS`."""
