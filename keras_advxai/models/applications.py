"""Preprocessing and bounds of the `keras.applications` families, as a table."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import keras

from keras_advxai._choice import is_one_of, nearest
from keras_advxai._typing import Bounds, Preprocess, Shape
from keras_advxai.models.inputs import check_bounds
from keras_advxai.models.own_preprocessing import NOTHING, OWN, preprocessor_key

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


def check_colours(preprocess: Preprocess, shape: Sequence[int | None]) -> None:
    """Raise for images without colours where `preprocess` names a module with a mean for each colour.

    Keras fails there with a wrong index.

    Args:
        preprocess: What the preprocessing is.
        shape: `(height, width, channels)` of the images, or the channels first.

    Raises:
        ValueError: They have other dimensions or channels.
    """
    # The others scale all channels alike, so that a network for gray images may have been trained with them.
    by_colour = is_one_of(preprocess, MODES) and MODES[str(preprocess)] in ("caffe", "torch")
    if by_colour and not (len(shape) == 3 and ({3, None} & {shape[0], shape[-1]})):
        raise ValueError(
            f"preprocess={preprocess!r} is for images in colour, (height, width, 3), and the model takes "
            f"{tuple(shape)}. Pass a callable that goes from your images to what the network takes."
        )


class ImageSpace(NamedTuple):
    """The space in which images are, and how what a network takes is made of them.

    Attributes:
        preprocess: What the preprocessing is: a function, a name or `None`.
        function: From image space to what the network takes; `None` where that is the same.
        bounds: The smallest and the largest value of a pixel.
        key: What distinguishes the model's own preprocessing from another, where it is that.
    """

    preprocess: Preprocess
    function: Callable[[Any], Any] | None
    bounds: Bounds
    key: Hashable = None

    @property
    def reshapes(self) -> bool:
        """Whether the preprocessing may change the shape of the images, as `preprocess_input` does not."""
        return self.function is not None and (callable(self.preprocess) or self.preprocess == OWN)


def image_space(
    preprocess: Preprocess, bounds: Bounds | None, takes: Shape, own: Callable[[Any], Any] | None
) -> ImageSpace:
    """The space in which images are, and how what a network takes is made of them.

    Args:
        preprocess: The function, the name of a module of `keras.applications`, `"model"` for the model's own, `"none"`,
            or `None` for the model's own if it has one.
        bounds: The bounds; `None` for (0, 255) where `preprocess` is a name or the model's own, and else (0, 1).
        takes: The shape of what the network takes, without the batch; `None` where it does not say.
        own: The model's own preprocessing; `None` if it has none.

    Raises:
        TypeError: `preprocess` is something else.
        ValueError: The name is unknown, the model has no preprocessing of its own, or the bounds are wrong.
    """
    if is_one_of(preprocess, (OWN,)) and own is None:
        raise ValueError(
            f"preprocess={OWN!r} is the `preprocessor` of the model, which has none. Leave `preprocess` out, or pass a "
            "callable or the name of a module of keras.applications."
        )
    if own is not None and (preprocess is None or is_one_of(preprocess, (OWN,))):
        return ImageSpace(OWN, own, check_bounds(PIXELS if bounds is None else bounds), preprocessor_key(own))
    if is_one_of(preprocess, (NOTHING,)):
        return ImageSpace(None if own is None else NOTHING, None, check_bounds((0, 1) if bounds is None else bounds))
    if preprocess is not None and not isinstance(preprocess, str) and not callable(preprocess):
        raise TypeError(
            "Argument `preprocess` must be a callable, the name of a module of keras.applications, or None. "
            f"Received: preprocess={preprocess!r}"
        )
    if not isinstance(preprocess, str):
        return ImageSpace(preprocess, preprocess, check_bounds((0, 1) if bounds is None else bounds))
    channels_first = takes is not None and takes[0] == 3 != takes[-1]
    function = preprocess_input(preprocess, channels_first)
    if takes is not None:
        check_colours(preprocess, takes)
    if check_bounds(PIXELS if bounds is None else bounds) != PIXELS:
        raise ValueError(
            f"preprocess={preprocess!r} takes pixels, so the bounds are (0, 255). Received: bounds={bounds}. "
            "Leave `bounds` out, or pass a callable that goes from your images to what the network takes."
        )
    return ImageSpace(preprocess, function, PIXELS)
