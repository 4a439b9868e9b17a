"""Whether images that come without a dimension for the channels are pictures, and how a network lays them out."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_advxai.models import graph
from keras_advxai.models.recording import Call
from keras_advxai.ops.ssim import LARGEST_WINDOW


def grid_of(root: Call, images: Any) -> Any:
    """What images become where the model gives them a dimension for the channels first; `None` if it does not.

    Args:
        root: The recorded call of the model.
        images: What the network is given, symbolic.
    """
    pixels = images.shape[1:].num_elements()
    for call in root.walk():
        for tensor in (*call.inputs, call.output):
            if not tf.is_symbolic_tensor(tensor) or tensor.shape.rank not in (3, 4):
                continue
            if (
                tensor.shape.rank > images.shape.rank
                and pixels
                and tensor.shape[1:].num_elements() == pixels
                and graph.plain_source(tensor) is images
            ):
                return tensor
    return None


def is_picture(images: Any, network_images: Any, logits: Any) -> bool:
    """Whether images with two dimensions are of positions both: the network flattens them, and neither is narrow.

    Args:
        images: The images in image space, symbolic.
        network_images: What the preprocessing made of them.
        logits: The values before the head.
    """
    sides = images.shape[1:]
    # Fewer values than NISSIM's window in a dimension are channels, of a signal.
    if sides.rank != 2 or not all(side is not None and side >= LARGEST_WINDOW for side in sides):
        return False
    seen = images if network_images is None else network_images
    return graph.is_flattened_first(seen, graph.between(seen, logits))
