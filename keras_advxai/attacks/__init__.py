"""Attacks: immutable configurations that perturb images within a budget."""

from __future__ import annotations

from keras_advxai.attacks.attack import Attack
from keras_advxai.attacks.bim import BIM
from keras_advxai.attacks.clever_hans import CleverHans
from keras_advxai.attacks.ddn import DDN
from keras_advxai.attacks.deep_fool import DeepFool
from keras_advxai.attacks.ensemble import Ensemble
from keras_advxai.attacks.explanation_pgd import ExplanationPGD
from keras_advxai.attacks.fgsm import FGSM
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.attacks.iterative_attack import IterativeAttack
from keras_advxai.attacks.mifgsm import MIFGSM
from keras_advxai.attacks.minimum_norm_attack import MinimumNormAttack
from keras_advxai.attacks.multi_target_pgd import MultiTargetPGD
from keras_advxai.attacks.pgd import PGD
from keras_advxai.attacks.registry import REGISTRY, deserialize, get, serialize
from keras_advxai.attacks.sign_noise import SignNoise
from keras_advxai.attacks.square import Square
from keras_advxai.attacks.uniform_noise import UniformNoise

ALL_OBJECTS: tuple[type[Attack], ...] = tuple(REGISTRY.classes.values())

__all__ = [
    "ALL_OBJECTS",
    "BIM",
    "DDN",
    "FGSM",
    "MIFGSM",
    "PGD",
    "Attack",
    "CleverHans",
    "DeepFool",
    "Ensemble",
    "ExplanationPGD",
    "GradientAttack",
    "IterativeAttack",
    "MinimumNormAttack",
    "MultiTargetPGD",
    "SignNoise",
    "Square",
    "UniformNoise",
    "deserialize",
    "get",
    "serialize",
]
