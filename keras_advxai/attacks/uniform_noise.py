"""Random noise: what an attack has to be compared with."""

from __future__ import annotations

import numbers

import tensorflow as tf

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks.attack import EVERY_TASK, Attack
from keras_advxai.attacks.registry import register
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.ops import norms


@register
class UniformNoise(Attack):
    """Uniform random noise of the same norm and budget as an attack: the control.

    What accuracy or explanations lose under an attack means something only next to what they lose under
    noise of the same norm and budget. With `norm="linf"`, every pixel moves by a number drawn from
    `[-epsilon, epsilon]`; with `norm="l2"`, that noise is scaled to a norm of exactly `epsilon`.

    The noise of an image is drawn from the seed and the image itself, so it depends neither on its position in
    the data nor on the batch size, and it is the same at every epsilon up to its scale.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        seed: An integer. Defaults to 0.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> x = np.full((1, 4, 4, 1), 0.5, "float32")
    >>> noisy = kax.attacks.UniformNoise(seed=1)(net, x, epsilon=0.1)
    >>> bool(0.05 < abs(noisy - x).max() <= 0.1)
    True
    """

    aim = "noise"
    tasks = EVERY_TASK

    def __init__(self, *, norm: Norm = "linf", seed: int = 0) -> None:
        super().__init__(norm=norm)
        whole = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
        if not whole or not -(2**31) <= seed < 2**31:
            raise ValueError(f"Argument `seed` must be an integer of 32 bits. Received: seed={seed!r}")
        self.seed = int(seed)

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """Noise of the whole budget; see `Attack.perturb`."""
        # In the graph of the pass, also from inside of a loop over epsilons: they differ in the scale alone.
        noise = forward.remember((self, "noise"), x, lambda: self._noise(x))
        return x + epsilon * noise

    def _noise(self, x: Tensor) -> Tensor:
        """The noise of a budget of 1."""
        # The bits of all pixels, added up: the same image gets the same noise in any batch, and at any epsilon.
        content = tf.reduce_sum(tf.bitcast(x, tf.int32), axis=tf.range(1, tf.rank(x)))

        def draw(content_of_image: Tensor) -> Tensor:
            seeds = tf.stack([self.seed, content_of_image])
            return tf.random.stateless_uniform(tf.shape(x)[1:], seeds, minval=-1.0, maxval=1.0)

        noise: Tensor = tf.map_fn(draw, content, fn_output_signature=tf.TensorSpec(x.shape[1:], tf.float32))
        return noise if self.norm == "linf" else norms.steepest(noise, "l2")
