"""Attacks: immutable configurations that perturb images within a budget.

The class of an attack declares its kind by attributes, which the docstring of `Attack` lists.

An attack of your own is a subclass of `Attack` with one method, `perturb`; of `GradientAttack`, if it follows the
gradient of a loss; of `MinimumNormAttack`, if it looks for the nearest misclassified image. An iterative one is
built from parts by `GradientSteps`, whose docstring has a complete one, and declares `iterative = True`:

| part | ours | what it is |
|---|---|---|
| objective | `misclassification(attack)` | `Objective`: value, gradient, success |
| direction | `steepest(norm)`, `momentum(norm, decay)` | `Direction`: an initial state, and its update |
| project | `bounds_ball_bounds(norm)`, `ball_then_bounds(norm)` | the projection onto budget and bounds |
| sizes | `step_sizes(schedule, steps, step_size)` | an array with one number a step |
| start | `at_images`, `uniform_start(norm, seed)` | a function of images, epsilon and the attempt's number |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_advxai._registry import moved
from keras_advxai.attacks.attack import Attack
from keras_advxai.attacks.bim import BIM
from keras_advxai.attacks.ddn import DDN
from keras_advxai.attacks.deep_fool import DeepFool
from keras_advxai.attacks.directions import Direction, momentum, steepest
from keras_advxai.attacks.ensemble import Ensemble
from keras_advxai.attacks.explanation_pgd import ExplanationPGD
from keras_advxai.attacks.fgsm import FGSM
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.attacks.gradient_steps import GradientSteps
from keras_advxai.attacks.mifgsm import MIFGSM
from keras_advxai.attacks.minimum_norm_attack import MinimumNormAttack
from keras_advxai.attacks.multi_target_pgd import MultiTargetPGD
from keras_advxai.attacks.notices import NonFinitePixelWarning
from keras_advxai.attacks.objective import Objective, misclassification
from keras_advxai.attacks.pgd import PGD
from keras_advxai.attacks.projections import ball_then_bounds, bounds_ball_bounds
from keras_advxai.attacks.registry import REGISTRY, deserialize, get, serialize
from keras_advxai.attacks.schedules import step_sizes
from keras_advxai.attacks.sign_noise import SignNoise
from keras_advxai.attacks.square import Square
from keras_advxai.attacks.starts import at_images, uniform_start
from keras_advxai.attacks.uniform_noise import UniformNoise

ALL_OBJECTS: tuple[type[Attack], ...] = tuple(REGISTRY.classes.values())

# kax.contrib lies above this package and stands on it, so it is named here and not imported. Its attacks keep their
# names: a saved configuration, or "spsa" on a command line, is found without `import keras_advxai.contrib`.
REGISTRY.elsewhere["clever_hans"] = "keras_advxai.contrib:CleverHans"
REGISTRY.elsewhere["spsa"] = "keras_advxai.contrib.clever_hans:spsa"

if not TYPE_CHECKING:  # for a type checker, a module with a __getattr__ has every name
    __getattr__ = moved(__name__, {"CleverHans": "keras_advxai.contrib"})

__all__ = [
    "ALL_OBJECTS",
    "BIM",
    "DDN",
    "FGSM",
    "MIFGSM",
    "PGD",
    "Attack",
    "DeepFool",
    "Ensemble",
    "ExplanationPGD",
    "Direction",
    "GradientAttack",
    "GradientSteps",
    "MinimumNormAttack",
    "NonFinitePixelWarning",
    "MultiTargetPGD",
    "Objective",
    "SignNoise",
    "Square",
    "UniformNoise",
    "at_images",
    "ball_then_bounds",
    "bounds_ball_bounds",
    "deserialize",
    "get",
    "misclassification",
    "momentum",
    "serialize",
    "steepest",
    "step_sizes",
    "uniform_start",
]
