"""An attack that does something else, too, whenever it runs: it fails, or breaks what lies around it."""

from __future__ import annotations

from typing import ClassVar

import tensorflow as tf

import keras_advxai as kax


class Acting(kax.attacks.FGSM):
    """FGSM that notes the size of each batch, and calls each of its `actions` with it."""

    actions: ClassVar[list] = []
    sizes: ClassVar[list] = []  # attacks are immutable, so both are the class's own

    def perturb(self, model, x, y, epsilon, forward):
        def act(images):
            self.sizes.append(len(images))
            for action in self.actions:
                action(len(images))
            return images

        found = super().perturb(model, x, y, epsilon, forward)
        (same,) = tf.numpy_function(act, [found], [tf.float32])
        return tf.ensure_shape(same, found.shape)

    @classmethod
    def does(cls, *actions):
        """From now on, and nothing else."""
        cls.actions[:] = actions
        cls.sizes.clear()
