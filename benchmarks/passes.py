"""The bare passes of a model: what nothing that looks at it can do without."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

F, FB = "F", "F+B"
"""A bare compiled pass forward; a bare compiled pass forward and backward to the images."""

Run = Callable[[], np.ndarray]


@functools.lru_cache(maxsize=1)
def compiled_forward(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """One compiled pass forward: images to logits. The latest model's is kept, so that it is traced once for all."""
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), model.inputs[0].dtype)]

    @tf.function(input_signature=signature, autograph=False)
    def forward(x: tf.Tensor) -> tf.Tensor:
        return model(x, training=False)

    return forward


def compiled_gradient(model: keras.Model) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """One compiled pass forward and backward: images and classes to the gradients of their logits."""
    shape = model.input_shape[1:]
    signature = [tf.TensorSpec((None, *shape), model.inputs[0].dtype), tf.TensorSpec((None,), tf.int32)]

    @tf.function(input_signature=signature, autograph=False)
    def gradient(x: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        score = tf.gather(model(x, training=False), targets, batch_dims=1)
        return tf.gradients(score, x)[0]

    return gradient


def forward(model: keras.Model, x: np.ndarray) -> Run:
    """A bare pass forward over images that lie ready as a tensor."""
    run, images = compiled_forward(model), tf.constant(x)
    return lambda: run(images).numpy()


def forward_backward(model: keras.Model, x: np.ndarray, targets: np.ndarray) -> Run:
    """A bare pass forward and backward over images that lie ready as a tensor."""
    run, images, labels = compiled_gradient(model), tf.constant(x), tf.constant(targets)
    return lambda: run(images, labels).numpy()
