"""What the contract suite runs over: one line for each attack, explainer and their options."""

from __future__ import annotations

from keras_advxai.attacks import FGSM, UniformNoise
from keras_advxai.explainers import GradCAM

ATTACKS = [
    FGSM(),
    FGSM(norm="l2"),
    FGSM(loss="cross_entropy"),
    FGSM(targeted=True),
    UniformNoise(),
    UniformNoise(norm="l2", seed=3),
]

EXPLAINERS = [
    GradCAM(),
    GradCAM(score="probability"),
    GradCAM(relu=False),
    GradCAM(layer="conv1"),
]
