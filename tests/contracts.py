"""What the contract suite runs over: every attack, explainer and dissimilarity, and their options.

A class that is in none of the lines below is taken with its defaults, so a new one needs lines for its options alone,
and one where it cannot be built without arguments.
"""

from __future__ import annotations

from keras_advxai import attacks, explainers, metrics
from keras_advxai.attacks import (
    BIM,
    DDN,
    FGSM,
    MIFGSM,
    PGD,
    DeepFool,
    Ensemble,
    ExplanationPGD,
    MultiTargetPGD,
    SignNoise,
    Square,
    UniformNoise,
)
from keras_advxai.contrib import CleverHans, TFKerasVis
from keras_advxai.explainers import (
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    IntegratedGradients,
    LayerCAM,
    Saliency,
    ScoreCAM,
    SmoothGrad,
)

ATTACKS = [
    FGSM(),
    FGSM(norm="l2"),
    FGSM(loss="cross_entropy"),
    FGSM(targeted=True),
    PGD(),
    PGD(norm="l2", start="uniform", restarts=2),
    PGD(keep="best", schedule="cosine"),
    PGD(keep="last", loss="margin"),
    PGD(targeted=True, loss="margin"),
    BIM(),
    BIM(norm="l2"),
    MIFGSM(),
    MIFGSM(norm="l2", keep="best"),
    MultiTargetPGD(steps=4),
    MultiTargetPGD(norm="l2", restarts=2),
    Ensemble(["fgsm", PGD(steps=3)]),
    Ensemble([PGD(steps=3), MultiTargetPGD(targets=2, steps=3)]),
    ExplanationPGD(explainer="saliency", objective="top_k", steps=2),
    DeepFool(),
    DeepFool(norm="linf", steps=5),
    DDN(steps=30),
    DDN(steps=20, targeted=True),
    Square(queries=30),
    Square(norm="l2", queries=30, targeted=True),
    CleverHans(),
    CleverHans("projected_gradient_descent", norm="l2", nb_iter=3, rand_init=True, seed=4),
    CleverHans("basic_iterative_method", nb_iter=3, targeted=True),
    CleverHans("madry_et_al", nb_iter=3, loss="cross_entropy"),
    CleverHans("momentum_iterative_method", nb_iter=3),
    CleverHans("spsa", nb_iter=3, spsa_samples=8),
    UniformNoise(),
    UniformNoise(norm="l2", seed=3),
    SignNoise(),
    SignNoise(norm="l2", seed=3),
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
    IntegratedGradients(steps=5, baseline="blur", internal_batch_size=3),  # first: with it, kernels differ at kinks
    IntegratedGradients(),
    IntegratedGradients(score="probability"),
    IntegratedGradients(steps=5, baseline="mean", method="middle"),
    IntegratedGradients(steps=5, baseline="noise", draws=2, seed=1),
    IntegratedGradients(steps="auto", tolerance=0.05, max_steps=31),
    ScoreCAM(max_channels=3),
    ScoreCAM(layer="conv1", relu=False, score="logit"),
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

ATTACKS += [cls() for cls in attacks.ALL_OBJECTS if cls not in {type(item) for item in ATTACKS}]
EXPLAINERS += [cls() for cls in explainers.ALL_OBJECTS if cls not in {type(item) for item in EXPLAINERS}]
METRICS = list(metrics.ALL_OBJECTS)
