"""What may be named in a call: attacks, explainers, dissimilarities, whole evaluations, and kinds of data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from given import Given, literals

import keras_advxai as kax


def instance(label: str, build: Callable[[], Any]) -> Given:
    return Given(label, lambda subject: build(), None)


ATTACKS = [
    *literals("fgsm", "FGSM", "bim", "mifgsm", "sign_noise", "uniform_noise", kax.attacks.FGSM),
    instance("FGSM l2", lambda: kax.attacks.FGSM(norm="l2")),
    instance("FGSM targeted", lambda: kax.attacks.FGSM(targeted=True)),
    instance("FGSM dlr", lambda: kax.attacks.FGSM(loss="dlr")),
    instance("PGD", lambda: kax.attacks.PGD(steps=2, start="uniform", restarts=2)),
    instance("PGD l2", lambda: kax.attacks.PGD(steps=2, norm="l2", loss="margin", schedule="cosine")),
    instance("PGD last", lambda: kax.attacks.PGD(steps=2, keep="last", loss="cross_entropy", samples=2)),
    instance("BIM l2", lambda: kax.attacks.BIM(steps=2, norm="l2")),
    instance("MIFGSM", lambda: kax.attacks.MIFGSM(steps=2, keep="best", targeted=True)),
    instance("MultiTargetPGD", lambda: kax.attacks.MultiTargetPGD(steps=2, targets=9)),
    instance("Ensemble", lambda: kax.attacks.Ensemble(["fgsm", kax.attacks.PGD(steps=2)])),
    instance("DeepFool", lambda: kax.attacks.DeepFool(steps=2)),
    instance("DeepFool linf", lambda: kax.attacks.DeepFool(norm="linf", steps=2, overshoot=0)),
    instance("DDN", lambda: kax.attacks.DDN(steps=3)),
    instance("Square", lambda: kax.attacks.Square(queries=3)),
    instance("Square l2", lambda: kax.attacks.Square(norm="l2", queries=3, targeted=True)),
    instance("ExplanationPGD", lambda: kax.attacks.ExplanationPGD(explainer="saliency", objective="top_k", steps=2)),
    instance("ExplanationPGD of Grad-CAM", lambda: kax.attacks.ExplanationPGD(steps=2)),
    instance("CleverHans", lambda: kax.contrib.CleverHans("momentum_iterative_method", nb_iter=2)),
    instance("SPSA", lambda: kax.contrib.CleverHans("spsa", nb_iter=2, spsa_samples=4)),
    instance("UniformNoise l2", lambda: kax.attacks.UniformNoise(norm="l2", seed=-3)),
    instance("a configuration", lambda: kax.attacks.serialize(kax.attacks.FGSM())),
    instance("a broken configuration", lambda: {"class_name": "FGSM", "config": {"norm": "l7"}}),
    *literals("fgsn", "grad_cam", "clever hans", kax.attacks.Attack, kax.attacks.Ensemble, {"class_name": "Dense"}),
]
"""Attacks, for calls of their own and for evaluations. Slow ones have few steps."""

EXPLAINERS = [
    *literals("grad_cam", "GradCAM", "saliency", "hi_res_cam", kax.explainers.GradCAM),
    instance("Grad-CAM's probability", lambda: kax.explainers.GradCAM(score="probability")),
    instance("Grad-CAM's centered logit", lambda: kax.explainers.GradCAM(score="centered_logit")),
    instance("signed Grad-CAM", lambda: kax.explainers.GradCAM(relu=False)),
    Given("Grad-CAM at a layer", lambda s: kax.explainers.GradCAM(layer=s.layers[0] if s.layers else "conv")),
    instance("Grad-CAM at the head", lambda: kax.explainers.GradCAM(layer="head")),
    instance("Grad-CAM at no layer", lambda: kax.explainers.GradCAM(layer="../conv")),
    instance("Grad-CAM of a strange layer", lambda: kax.explainers.GradCAM(layer=keras.layers.Dense(2))),
    instance("Grad-CAM++", lambda: kax.explainers.GradCAMPlusPlus()),
    instance("LayerCAM", lambda: kax.explainers.LayerCAM()),
    instance("IntegratedGradients", lambda: kax.explainers.IntegratedGradients(steps=3)),
    instance("IG of noise", lambda: kax.explainers.IntegratedGradients(steps=2, baseline="noise", draws=2)),
    instance("IG of a number", lambda: kax.explainers.IntegratedGradients(steps=2, baseline=0.5)),
    instance("IG of many", lambda: kax.explainers.IntegratedGradients(steps=2, baseline=7.0)),
    instance("SmoothGrad", lambda: kax.explainers.SmoothGrad(samples=2)),
    instance("SmoothGrad of Grad-CAM", lambda: kax.explainers.SmoothGrad(explainer="grad_cam", samples=2)),
    instance("tf-keras-vis", lambda: kax.contrib.TFKerasVis()),
    instance("Score-CAM", lambda: kax.explainers.ScoreCAM(max_channels=2)),
    instance("Score-CAM of tf-keras-vis", lambda: kax.contrib.TFKerasVis("scorecam", max_N=2)),
    instance("a configuration", lambda: kax.explainers.serialize(kax.explainers.GradCAM())),
    *literals("gradcan", "fgsm", "alibi_integrated_gradients", kax.explainers.Explainer, {"class_name": "x"}),
]
"""Explainers, for calls of their own and for evaluations."""


def wrong_shape(maps: Any, others: Any) -> Any:
    return maps


def one_for_all(maps: Any, others: Any) -> Any:
    return tf.reduce_mean(maps)


def mean_change(maps: Any, others: Any) -> Any:
    return tf.reduce_mean(tf.abs(maps - others), axis=tuple(range(1, len(maps.shape))))


METRICS = literals(
    *("nissim", "rank_distance", "top_k_distance", "cosine_distance", "center_shift", "NISSIM", "nissin"),
    *(mean_change, wrong_shape, one_for_all),
)


PLANS: tuple[dict[str, Any], ...] = (
    {"epsilons": (0.02, 0.1)},
    {"epsilons": (0.1,), "attacks": ["fgsm", "contrast"], "severities": (2,)},
    {"epsilons": (0.1,), "explainers": (), "attacks": ["fgsm", "square"], "noise_control": False},
    {"attacks": [kax.attacks.PGD(steps=2)], "epsilons": (0.02, 0.1), "metrics": ("cosine_distance", "nissim")},
    {"attacks": [kax.attacks.FGSM(norm="l2")], "epsilons": (0.5, 3.0), "explainers": "saliency", "target": "clean"},
    {"attacks": [kax.attacks.FGSM(targeted=True)], "attack_targets": 1, "epsilons": (0.1,), "noise_control": False},
    {
        "attacks": ["ddn", "deep_fool"],
        "explainers": [kax.explainers.IntegratedGradients(steps=2), kax.explainers.GradCAM(score="probability")],
        "epsilons": (0.1,),
    },
)
"""What is evaluated: few, since each of them is traced for each model."""


def stream(x: Any, y: Any, batch: int | None) -> Any:
    data = tf.data.Dataset.from_tensor_slices(x if y is None else (x, y))
    return data if batch is None else data.batch(batch)


class Sequence(keras.utils.PyDataset):
    def __init__(self, x: Any, y: Any) -> None:
        super().__init__()
        self.x, self.y = x, y

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        half = slice(2 * index, 2 * index + 2)
        return keras.tree.map_structure(lambda part: part[half], self.x), self.y[half]


CONTAINERS: dict[str, Callable[[Any, Any], Any]] = {
    "pair": lambda x, y: (x, y),
    "list": lambda x, y: [x, y],
    "images alone": lambda x, y: x,
    "triple": lambda x, y: (x, y, np.ones(4)),
    "dataset": lambda x, y: stream(x, y, 3),
    "a dataset of images": lambda x, y: stream(x, None, 2),
    "not batched": lambda x, y: stream(x, y, None),
    "repeated": lambda x, y: stream(x, y, 2).repeat(),
    "empty": lambda x, y: stream(x, y, 2).take(0),
    "PyDataset": Sequence,
    "dictionary": lambda x, y: {"x": x, "y": y},
    "generator": lambda x, y: ((part, y) for part in [x]),
    "single": lambda x, y: (x,),
    "four": lambda x, y: (x, y, None, None),
    "nothing": lambda x, y: None,
}
