"""Explainers: immutable configurations that show which regions of an image speak for a class."""

from __future__ import annotations

from keras_advxai.explainers.alibi_integrated_gradients import AlibiIntegratedGradients
from keras_advxai.explainers.class_activation_map import ClassActivationMap
from keras_advxai.explainers.explainer import BlankHeatmapWarning, Explainer
from keras_advxai.explainers.grad_cam import GradCAM
from keras_advxai.explainers.grad_cam_plus_plus import GradCAMPlusPlus
from keras_advxai.explainers.hi_res_cam import HiResCAM
from keras_advxai.explainers.integrated_gradients import IntegratedGradients
from keras_advxai.explainers.layer_cam import LayerCAM
from keras_advxai.explainers.registry import REGISTRY, deserialize, get, serialize
from keras_advxai.explainers.saliency import Saliency
from keras_advxai.explainers.smooth_grad import SmoothGrad
from keras_advxai.explainers.tf_keras_vis import TFKerasVis
from keras_advxai.ops.heatmaps import is_blank

ALL_OBJECTS: tuple[type[Explainer], ...] = tuple(REGISTRY.classes.values())

__all__ = [
    "ALL_OBJECTS",
    "AlibiIntegratedGradients",
    "BlankHeatmapWarning",
    "ClassActivationMap",
    "Explainer",
    "GradCAM",
    "GradCAMPlusPlus",
    "HiResCAM",
    "IntegratedGradients",
    "LayerCAM",
    "Saliency",
    "SmoothGrad",
    "TFKerasVis",
    "deserialize",
    "get",
    "is_blank",
    "serialize",
]
