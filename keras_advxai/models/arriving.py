"""What arrives at the first layer that keeps statistics of its training, beside these statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models.forward import Forward
from keras_advxai.models.recording import Call

_MOSTLY_INITIAL = 0.95
"""The largest share of their initial values that statistics may have and still say anything."""


@dataclasses.dataclass(frozen=True)
class Arriving:
    """What arrived at a layer, as normal distributions, one for each channel, beside those of its training.

    Attributes:
        layer: The layer's path.
        images: How many images it was seen on.
        distance: The Kullback-Leibler divergence of what arrived from what the layer knows; the median channel's.
        unsettled: The same, if the layer's statistics still have a share of their initial values, 0 and 1: the least
            over such shares.
        ratio: The variance that arrived, over the layer's; the median channel's.
        initial: Whether the statistics are the initial ones, which no training has touched.
    """

    layer: str
    images: int
    distance: float
    unsettled: float
    ratio: float
    initial: bool


def layer_with_statistics(calls: Sequence[Call]) -> str | None:
    """The path of the first layer with statistics of its training, among calls in their order; `None` if none has any.

    Args:
        calls: The calls between the images and the classes.
    """
    return next((call.path for call in calls if _statistics(call) is not None), None)


def moments(forward: Forward) -> dict[str, Tensor] | None:
    """What arrives at that layer in a pass, and what it knows: mean and variance of each channel, `(channels,)` each.

    Args:
        forward: A pass, in a graph.

    Returns:
        `mean`, `variance`, `known_mean`, `known_variance`; `None` if there is no such layer.
    """
    path = forward.classifier.topology(forward.images.shape[1:]).statistics
    call = next((item for item in forward.root.walk() if item.path == path), None)
    known = None if call is None else _statistics(call)
    if call is None or known is None:
        return None
    axis, mean, variance = known
    values = tf.cast(call.inputs[0], tf.float32)
    others = [index for index in range(values.shape.rank) if index != axis]
    return {
        "mean": tf.reduce_mean(values, others),
        "variance": tf.math.reduce_variance(values, others),
        "known_mean": mean,
        "known_variance": variance,
    }


def pooled(batches: Sequence[Mapping[str, np.ndarray]], counts: Sequence[int]) -> dict[str, np.ndarray]:
    """The moments of all batches as those of one.

    Args:
        batches: What `moments` returned for each batch.
        counts: How many images each has.
    """
    share = np.asarray(counts, float)[:, None] / sum(counts)
    means, variances = (np.stack([batch[name] for batch in batches]).astype(float) for name in ("mean", "variance"))
    mean = np.sum(share * means, axis=0)
    variance = np.sum(share * (variances + (means - mean) ** 2), axis=0)
    known = {name: batches[0][name].astype(float) for name in ("known_mean", "known_variance")}
    return {"mean": mean, "variance": variance, **known}


def compared(layer: str, batches: Sequence[Mapping[str, np.ndarray]], counts: Sequence[int]) -> Arriving:
    """The moments of all batches, beside the layer's statistics.

    Args:
        layer: The layer's path.
        batches: What `moments` returned for each batch.
        counts: How many images each has.
    """
    found = pooled(batches, counts)
    mean, variance, known = found["mean"], found["variance"], (found["known_mean"], found["known_variance"])
    # Moving averages begin at 0 and 1: after a short training they are a mixture of those and of what arrives.
    shares = np.linspace(0, _MOSTLY_INITIAL, 96)
    mixtures = [_divergence((1 - share) * mean, variance + share * (1 - variance), *known) for share in shares]
    return Arriving(
        layer=layer,
        images=sum(counts),
        distance=mixtures[0],
        unsettled=min(mixtures),
        ratio=float(np.median(variance / np.maximum(known[1], 1e-12))),
        initial=bool(np.all(known[0] == 0) and np.all(known[1] == 1)),
    )


def _divergence(mean: np.ndarray, variance: np.ndarray, known_mean: np.ndarray, known_variance: np.ndarray) -> float:
    slack = 1e-6 * np.maximum(1e-6, np.median(known_variance))  # of channels that are always 0
    ratio = (variance + slack) / (known_variance + slack)
    each = (ratio + (mean - known_mean) ** 2 / (known_variance + slack) - 1 - np.log(ratio)) / 2
    return float(np.median(each))  # a few channels may be dead, or alive for a few images only


def _statistics(call: Call) -> tuple[int, Any, Any] | None:
    """The axis of the channels, and the mean and the variance that a layer keeps; `None` for others."""
    layer = call.operation
    if isinstance(layer, keras.layers.BatchNormalization):
        mean, variance, axes = layer.moving_mean, layer.moving_variance, (layer.axis,)
    # A mean and variance that were given may be nothing but another range: 127.5 and its square.
    elif isinstance(layer, keras.layers.Normalization) and layer.input_mean is None and layer.built:
        mean, variance, axes = layer.mean, layer.variance, tuple(layer.axis or ())
    else:
        return None
    rank = call.inputs[0].shape.rank if call.inputs else None
    if len(axes) != 1 or rank is None or isinstance(axes[0], (list, tuple)):
        return None
    flat = (tf.reshape(tf.cast(tf.convert_to_tensor(item), tf.float32), [-1]) for item in (mean, variance))
    return axes[0] % rank, *flat
