"""How Integrated Gradients are asked of each library, and the bare passes that none can do without.

alibi is imported where it is used: the rest runs without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.passes import compiled_gradient

Explain = Callable[[], np.ndarray]


def bare(model: keras.Model, x: np.ndarray, targets: np.ndarray, steps: int, size: int) -> Explain:
    """As many bare passes as an explanation takes, `size` points at a time, over the same images again and again."""
    gradient = compiled_gradient(model)
    whole, rest = divmod(len(x) * steps, size)
    order = np.resize(np.arange(len(x)), size)
    points, labels = tf.constant(x[order]), tf.constant(targets[order])
    batches = [(points, labels)] * whole + [(points[:rest], labels[:rest])] * bool(rest)

    def run() -> np.ndarray:
        for batch in batches:
            found = gradient(*batch)
        return found.numpy()

    return run


def ours(model: keras.Model, x: np.ndarray, targets: np.ndarray, steps: int, size: int | None = None) -> Explain:
    """keras-advxai."""
    import keras_advxai as kax

    explainer = kax.explainers.IntegratedGradients(steps=steps, internal_batch_size=size)
    return lambda: explainer.attributions(model, x, targets)


def alibi(
    model: keras.Model, x: np.ndarray, targets: np.ndarray, steps: int, size: int, compiled: bool = False
) -> Explain:
    """alibi, on the model as it is, or on what it asks of a model around a `tf.function`."""
    from alibi.explainers import IntegratedGradients

    explainer = IntegratedGradients(
        Compiled(model) if compiled else model, n_steps=steps, method="gausslegendre", internal_batch_size=size
    )
    return lambda: explainer.explain(x, target=targets.tolist()).attributions[0]


class Compiled:
    """A model whose calls are compiled, with the two attributes of a model that alibi reads."""

    def __init__(self, model: keras.Model) -> None:
        self.inputs = model.inputs
        self.output_shape = model.output_shape
        signature = [tf.TensorSpec((None, *model.input_shape[1:]), model.input.dtype)]
        self.call = tf.function(lambda x: model(x, training=False), input_signature=signature, autograph=False)

    def __call__(self, x: Any) -> tf.Tensor:
        return self.call(x)


def reference(precise: keras.Model, x: np.ndarray, targets: np.ndarray, steps: int) -> np.ndarray:
    """Integrated Gradients by the formula, in float64, from black images: `(batch, height, width, channels)`.

    Args:
        precise: The model in float64.
        x: Images.
        targets: Classes.
        steps: Nodes of the Gauss-Legendre rule.
    """
    gradient = compiled_gradient(precise)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    found = np.zeros(x.shape)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        found += weight * gradient(tf.constant(node * x.astype("float64")), tf.constant(targets)).numpy()
    return found * x
