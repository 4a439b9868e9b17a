"""Random signs: noise at the corners of the budget, where FGSM ends too."""

from __future__ import annotations

import tensorflow as tf

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks.attack import EVERY_TASK, Attack
from keras_advxai.attacks.registry import register
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_whole_number
from keras_advxai.ops import norms, random


@register
class SignNoise(Attack):
    """Every pixel up or down by as much as the budget allows, at random: the control for attacks by signs.

    `x + epsilon * s`, with `s` of -1 and 1 of equal probability, and with `norm="l2"` divided by its norm. In
    L-infinity, uniform noise is smaller than the perturbation of FGSM, by a factor of `sqrt(3)` in the Euclidean norm;
    this noise has the same norm.

    The signs of an image are drawn from the seed and the image itself, as those of `UniformNoise`.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        seed: An integer. Defaults to 0.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> x = np.full((1, 4, 4, 1), 0.5, "float32")
    >>> sorted(set(kax.attacks.SignNoise()(net, x, epsilon=0.25).ravel().tolist()))
    [0.25, 0.75]
    """

    aim = "noise"
    tasks = EVERY_TASK

    def __init__(self, *, norm: Norm = "linf", seed: int = 0) -> None:
        super().__init__(norm=norm)
        self.seed = check_whole_number("seed", seed, -(2**31))

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """Noise of the whole budget; see `Attack.perturb`."""
        # In the graph of the pass, also from inside of a loop over epsilons: they differ in the scale alone.
        return x + epsilon * forward.remember((self, "noise"), x, lambda: self._noise(x))

    def _noise(self, x: Tensor) -> Tensor:
        """The noise of a budget of 1."""
        # From the content, like all noise here: neither the batch nor the order changes it.
        signs = tf.ensure_shape(random.signs(random.image_keys(x, self.seed), 0, tf.shape(x)[1:]), x.shape)
        return norms.steepest(signs, self.norm)
