"""Attacks: immutable configurations that perturb images within a budget."""

from __future__ import annotations

from keras_advxai.attacks.attack import Attack
from keras_advxai.attacks.ddn import DDN
from keras_advxai.attacks.deep_fool import DeepFool
from keras_advxai.attacks.fgsm import FGSM
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.attacks.minimum_norm_attack import MinimumNormAttack
from keras_advxai.attacks.registry import REGISTRY, deserialize, get, serialize
from keras_advxai.attacks.square import Square
from keras_advxai.attacks.uniform_noise import UniformNoise

ALL_OBJECTS: tuple[type[Attack], ...] = tuple(REGISTRY.classes.values())

__all__ = [
    "ALL_OBJECTS",
    "DDN",
    "FGSM",
    "Attack",
    "DeepFool",
    "GradientAttack",
    "MinimumNormAttack",
    "Square",
    "UniformNoise",
    "deserialize",
    "get",
    "serialize",
]
