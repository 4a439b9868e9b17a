"""Preprocessing and bounds of the `keras.applications` families, as a table."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras

from keras_advxai._registry import nearest
from keras_advxai._typing import Bounds, Preprocess, Shape
from keras_advxai.models.inputs import check_bounds

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
deviation) or `identity`.

`identity` means that these models take the pixels and rescale them in their own first layers, as Keras builds
them by default. Built with `include_preprocessing=False`, they lack those layers, which cannot be seen from the
name: then pass a callable that does the same, with `bounds=(0, 255)`, or images that are already in the range
that the model takes, with their bounds."""


def preprocess_input(name: str, channels_first: bool = False) -> Callable[[Any], Any]:
    """The `preprocess_input` of a module of `keras.applications`.

    Args:
        name: The module's name, such as `"resnet50"`.
        channels_first: Whether the images are `(batch, channels, height, width)`. Defaults to `False`.

    Raises:
        ValueError: There is no such module; the message lists the known ones and the nearest.
    """
    if name not in MODES:
        raise ValueError(
            f"Argument `preprocess` must be a callable or the name of a module of keras.applications: "
            f"{', '.join(MODES)}.{nearest(name, MODES)} Received: preprocess={name!r}"
        )
    function = getattr(keras.applications, name).preprocess_input
    return functools.partial(function, data_format="channels_first" if channels_first else "channels_last")


def image_space(
    preprocess: Preprocess, bounds: Bounds | None, takes: Shape
) -> tuple[Callable[[Any], Any] | None, Bounds]:
    """The function from image space to what a network takes, and the bounds of image space.

    Args:
        preprocess: The function, the name of a module of `keras.applications`, or `None`.
        bounds: The bounds; `None` for (0, 255) where `preprocess` is a name, and else (0, 1).
        takes: The shape of what the network takes, without the batch; `None` where it does not say.

    Raises:
        TypeError: `preprocess` is something else.
        ValueError: The name is unknown, or the bounds are wrong.
    """
    if preprocess is not None and not isinstance(preprocess, str) and not callable(preprocess):
        raise TypeError(
            "Argument `preprocess` must be a callable, the name of a module of keras.applications, or None. "
            f"Received: preprocess={preprocess!r}"
        )
    if not isinstance(preprocess, str):
        return preprocess, check_bounds((0, 1) if bounds is None else bounds)
    channels_first = takes is not None and takes[0] == 3 != takes[-1]
    function = preprocess_input(preprocess, channels_first)
    if check_bounds(PIXELS if bounds is None else bounds) != PIXELS:
        raise ValueError(
            f"preprocess={preprocess!r} takes pixels, so the bounds are (0, 255). Received: bounds={bounds}. "
            "Leave `bounds` out, or pass a callable that goes from your images to what the network takes."
        )
    return function, PIXELS
