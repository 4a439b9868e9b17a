"""Preprocessing and bounds of the `keras.applications` families, as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from keras_advxai._registry import nearest
from keras_advxai._typing import Bounds

PIXELS: Bounds = (0.0, 255.0)

MODES: dict[str, str] = {
    "convnext": "identity",
    "densenet": "torch",
    "efficientnet": "identity",
    "efficientnet_v2": "identity",
    "inception_resnet_v2": "tf",
    "inception_v3": "tf",
    "mobilenet": "tf",
    "mobilenet_v2": "tf",
    "mobilenet_v3": "identity",
    "nasnet": "tf",
    "resnet": "caffe",
    "resnet50": "caffe",
    "resnet_v2": "tf",
    "vgg16": "caffe",
    "vgg19": "caffe",
    "xception": "tf",
}
"""Module of `keras.applications` to what its `preprocess_input` does to pixels in [0, 255]: `caffe`
(to BGR, minus the ImageNet mean), `tf` (to [-1, 1]), `torch` (to [0, 1], minus mean, over standard
deviation) or `identity` (the model rescales by itself)."""


def preprocess_input(name: str) -> Callable[[Any], Any]:
    """The `preprocess_input` of a module of `keras.applications`.

    Args:
        name: The module's name, such as `"resnet50"`.

    Raises:
        ValueError: There is no such module; the message lists the known ones and the nearest.
    """
    if name not in MODES:
        raise ValueError(
            f"Argument `preprocess` must be a callable or the name of a module of keras.applications: "
            f"{', '.join(MODES)}.{nearest(name, MODES)} Received: preprocess={name!r}"
        )
    function: Callable[[Any], Any] = getattr(keras.applications, name).preprocess_input
    return function
