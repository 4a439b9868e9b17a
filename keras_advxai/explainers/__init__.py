"""Explainers: immutable configurations that show which regions of an image are evidence for a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_advxai._registry import moved
from keras_advxai.explainers.class_activation_map import ClassActivationMap
from keras_advxai.explainers.explainer import Explainer
from keras_advxai.explainers.grad_cam import GradCAM
from keras_advxai.explainers.grad_cam_plus_plus import GradCAMPlusPlus
from keras_advxai.explainers.hi_res_cam import HiResCAM
from keras_advxai.explainers.integrated_gradients import IntegratedGradients
from keras_advxai.explainers.layer_cam import LayerCAM
from keras_advxai.explainers.layer_explainer import LayerExplainer
from keras_advxai.explainers.notices import BlankHeatmapWarning, NonFiniteHeatmapWarning, NonFiniteOutputWarning
from keras_advxai.explainers.registry import REGISTRY, deserialize, get, serialize
from keras_advxai.explainers.saliency import Saliency
from keras_advxai.explainers.score_cam import ScoreCAM
from keras_advxai.explainers.smooth_grad import SmoothGrad
from keras_advxai.ops.heatmaps import is_blank

ALL_OBJECTS: tuple[type[Explainer], ...] = tuple(REGISTRY.classes.values())

# kax.contrib lies above this package and stands on it, so it is named here and not imported. Its explainers keep their
# names: a saved configuration, or "tf_keras_vis" in a script, is found without `import keras_advxai.contrib`.
REGISTRY.elsewhere["tf_keras_vis"] = "keras_advxai.contrib:TFKerasVis"
REGISTRY.elsewhere["alibi_integrated_gradients"] = "keras_advxai.contrib:AlibiIntegratedGradients"

if not TYPE_CHECKING:  # for a type checker, a module with a __getattr__ has every name
    _CONTRIB = "keras_advxai.contrib"
    __getattr__ = moved(__name__, {"AlibiIntegratedGradients": _CONTRIB, "TFKerasVis": _CONTRIB})

__all__ = [
    "ALL_OBJECTS",
    "BlankHeatmapWarning",
    "ClassActivationMap",
    "Explainer",
    "GradCAM",
    "GradCAMPlusPlus",
    "HiResCAM",
    "IntegratedGradients",
    "LayerCAM",
    "LayerExplainer",
    "NonFiniteHeatmapWarning",
    "NonFiniteOutputWarning",
    "Saliency",
    "ScoreCAM",
    "SmoothGrad",
    "deserialize",
    "get",
    "is_blank",
    "serialize",
]
