"""What the contract suite runs over: one line for each attack, explainer and their options."""

from __future__ import annotations

from keras_advxai.attacks import DDN, FGSM, DeepFool, Square, UniformNoise
from keras_advxai.explainers import (
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    IntegratedGradients,
    LayerCAM,
    Saliency,
    SmoothGrad,
    TFKerasVis,
)

ATTACKS = [
    FGSM(),
    FGSM(norm="l2"),
    FGSM(loss="cross_entropy"),
    FGSM(targeted=True),
    DeepFool(),
    DeepFool(norm="linf", steps=5),
    DDN(steps=30),
    DDN(steps=20, targeted=True),
    Square(queries=30),
    Square(norm="l2", queries=30, targeted=True),
    UniformNoise(),
    UniformNoise(norm="l2", seed=3),
]

EXPLAINERS = [
    GradCAM(),
    GradCAM(score="probability"),
    GradCAM(relu=False),
    GradCAM(layer="conv1"),
    GradCAMPlusPlus(),
    GradCAMPlusPlus(layer="conv2"),
    HiResCAM(layer="conv2"),
    HiResCAM(layer="conv2", relu=False),
    LayerCAM(layer="conv2"),
    LayerCAM(score="probability"),
    Saliency(),
    Saliency(score="probability"),
    IntegratedGradients(),
    IntegratedGradients(score="probability"),
    IntegratedGradients(steps=5, baseline="mean", method="middle"),
    IntegratedGradients(steps=5, baseline="blur", internal_batch_size=3),
    IntegratedGradients(steps=5, baseline="noise", draws=2, seed=1),
    SmoothGrad(samples=3),
    SmoothGrad(explainer=GradCAM(relu=False), samples=3),
    SmoothGrad(explainer=IntegratedGradients(steps=3), samples=2, noise=0.1),
    TFKerasVis(),
    TFKerasVis(score="probability"),
    TFKerasVis("gradcam++"),
    TFKerasVis("layercam", layer="conv2"),
    TFKerasVis("scorecam", max_N=3),
    TFKerasVis("saliency"),
    TFKerasVis("smoothgrad", smooth_samples=2),
]
