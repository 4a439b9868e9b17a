"""A small Keras model in place of the user's, for packages that look for layers in one."""

from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.contrib.threads import THREADS
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.classifier import OPTIONS
from keras_advxai.models.classifier import SETTINGS as ALL_SETTINGS
from keras_advxai.models.heads import VALUES

SETTINGS = tuple(name for name in ALL_SETTINGS if name not in OPTIONS)
"""What a classifier is built from again beside its model; how a pass is compiled is another matter."""

EXPLAINED = "explained"
"""The name of the stand-in's layer whose output is that of the explained layer."""


class Network:
    """A classifier as a function of images, for packages that compute with NumPy and Keras models.

    `model` represents the classifier there: it takes images in image space and runs the classifier's compiled pass.
    So what is explained may be any kind of model, is seen with the weights that it has at the time, and cannot be
    changed. It can be run, and differentiated, inside `running` only.

    Args:
        forward: A pass of the classifier over the images. It is not kept, and the model is referred to weakly.
        values: What `model` returns, `(batch, classes)`: the `"scores"`, `"centered_scores"`, `"logits"` or
            `"probabilities"` of a pass.
        layer: The path of the layer whose output `model` has as the output of its layer `EXPLAINED`. Defaults to
            `None`.

    Attributes:
        model: The stand-in.
    """

    def __init__(self, forward: Forward, values: str, layer: str | None = None) -> None:
        classifier = forward.classifier
        self._model = weakref.ref(classifier.model)
        self._settings = {name: getattr(classifier, name) for name in SETTINGS}
        self._key = ("engine", values, layer)
        self._outputs = functools.partial(_outputs, values=values, layer=layer)
        self._gradient = functools.partial(_gradient, values=values, layer=layer)
        self._running = threading.local()
        classes = (None, forward.scores.shape[-1])
        explained = () if layer is None else tuple(forward.activation(layer).shape)
        # This runs while the user's graph is traced, in which no Keras model can be built.
        with tf.init_scope():
            images = keras.Input(forward.images.shape[1:], dtype="float32", name="images")
            # tf-keras-vis cuts a model at a layer that it finds by its name. The user's model may have that layer in a
            # nested model or call it from a subclass's own code, where there is nothing to cut. So the stand-in has two
            # layers, one up to the activation and one behind it, both of which run the user's whole pass.
            if layer is None:
                values = _Values(self, classes)(images)
            else:
                activation, values = _Pass(self, explained, classes)(images)
                activation = keras.layers.Identity(name=EXPLAINED, dtype="float32")(activation)
                values = _Behind(self, classes)([images, activation, values])
            self.model = _StandIn([images], values, name="stand_in")

    @contextlib.contextmanager
    def running(self, inputs: Any) -> Iterator[np.ndarray]:
        """The images. Inside of the block, in this thread, `model` runs with what belongs to them beside them.

        Args:
            inputs: What the classifier takes, with the images that are explained. Any number of altered copies of them
                can be run at once, as often as the others are repeated.
        """
        # One stand-in serves all threads and is given images only, through packages that know of no other inputs. What
        # belongs to the images of this call waits here, and the model is held no longer than the call takes.
        running = self._running
        running.inputs = inputs
        running.classifier = ImageClassifier(self._model(), **self._settings)
        try:
            with THREADS.waiting() as running.compiled:
                yield running.classifier.images_of(inputs)
        finally:
            vars(running).clear()

    @property
    def compiled(self) -> bool:
        """Whether passes are compiled at the time, and can be differentiated as any function."""
        return bool(self._running.compiled)

    def outputs(self, images: Tensor) -> Any:
        """The scores of the classes, and before them the output of the layer if there is one."""
        return self._call("outputs", self._outputs, self._beside(images))

    def gradient(self, images: Tensor, weights: Tensor) -> Tensor:
        """The gradient of the weighted sum of the values to the output of the layer.

        Args:
            images: The images.
            weights: A number for each image and class, `(batch, classes)`.
        """
        return self._call("gradient", self._gradient, self._beside(images), weights)

    def _call(self, what: str, function: Callable[..., Any], *args: Any) -> Any:
        running = self._running
        # Where the thread may not wait for a graph, the pass is made eagerly: more slowly, and the same.
        if self.compiled:
            return running.classifier.compiled((*self._key, what), function, *args)
        return function(running.classifier, *args)

    def _beside(self, images: Tensor) -> Any:
        """The model's inputs with these images, the others repeated."""
        inputs, classifier = self._running.inputs, self._running.classifier
        # Score-CAM and the paths of alibi send several altered images for each one, copy after copy.
        copies = len(images) // len(classifier.images_of(inputs))

        def repeated(part: Any) -> Tensor:
            part = tf.convert_to_tensor(part)
            return tf.tile(part, [copies] + [1] * (part.shape.rank - 1)) if part.shape.rank and copies > 1 else part

        images = tf.convert_to_tensor(images, tf.float32)
        others = inputs if inputs is classifier.images_of(inputs) else keras.tree.map_structure(repeated, inputs)
        return classifier.with_images(others, images)


class _StandIn(keras.Model):
    """A functional model of images, by themselves or in a list, whose `predict` neither prints nor is traced."""

    def __call__(self, inputs: Any, **settings: Any) -> Any:
        """What the functional model returns.

        tf-keras-vis gives a list of inputs and alibi an array, and Keras warns of a structure that is not the model's.
        """
        return super().__call__(inputs if isinstance(inputs, list) else [inputs], **settings)

    def predict(self, x: Any, batch_size: int = 32) -> np.ndarray:
        """The scores of the classes, `(batch, classes)`.

        Score-CAM calls it. Keras' own prints a progress bar, and traces a graph that outlives the call.
        """
        images = x[0] if isinstance(x, list) else x
        starts = range(0, len(images), batch_size)
        return np.concatenate([self(images[start : start + batch_size]) for start in starts])


class _Layer(keras.layers.Layer):
    """A layer of a stand-in. It has no weights."""

    def __init__(self, network: Network, *shapes: tuple[int | None, ...]) -> None:
        super().__init__(dtype="float32", autocast=False, name=type(self).__name__.strip("_").lower())
        self.network = network
        self.shapes = shapes

    def compute_output_spec(self, inputs: Any) -> Any:
        """Of tensors of these shapes, in a list if there are several."""
        specs = [keras.KerasTensor(shape, "float32") for shape in self.shapes]
        return specs if len(specs) > 1 else specs[0]


class _Values(_Layer):
    """From images to the scores of the classes."""

    def call(self, images: Tensor) -> Tensor:
        values = self.network.outputs(images)
        # An eager pass has a tape of its own, and its gradient is asked of that one.
        return values if self.network.compiled else _function_of(images, values, self.network, images)


class _Pass(_Layer):
    """From images to the output of a layer and the scores of the classes, not yet connected to one another."""

    def call(self, images: Tensor) -> list[Tensor]:
        # tf-keras-vis watches the images and asks for the gradient of the values to the activation. Both come out of
        # one compiled call, so to a tape neither is a function of the other. The tape is kept out of the pass and told
        # what it needs: `_attached` that the activation depends on the images, `_Behind` the values on the activation.
        activation, values = self.network.outputs(tf.stop_gradient(images))
        return [_attached(images, activation), values]


class _Behind(_Layer):
    """The scores of the classes as a function of the output of the layer."""

    def call(self, inputs: list[Tensor]) -> Tensor:
        images, activation, values = inputs
        return _function_of(activation, values, self.network, images)


def _function_of(source: Tensor, values: Tensor, network: Network, images: Tensor) -> Tensor:
    """The values as a function of what they were computed from, whose gradient is that of another pass."""

    @tf.custom_gradient
    def function(source: Tensor) -> Any:
        def gradient(weights: Tensor) -> Tensor:
            return network.gradient(images, weights)

        return tf.identity(values), gradient

    return function(source)


@tf.custom_gradient
def _attached(images: Tensor, activation: Tensor) -> Any:
    """The activation as something that a tape which watches the images watches, too."""

    def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
        return tf.zeros_like(images), upstream

    return tf.identity(activation), gradient


def _outputs(classifier: ImageClassifier, inputs: Any, *, values: str, layer: str | None) -> Any:
    # Not `classifier.forward`, which checks the bounds: SmoothGrad's noisy images leave them.
    forward = Forward(classifier, inputs)
    found = getattr(forward, values)
    return found if layer is None else (tf.cast(forward.activation(layer), tf.float32), found)


def _gradient(classifier: ImageClassifier, inputs: Any, weights: Tensor, *, values: str, layer: str | None) -> Tensor:
    return tf.cast(Forward(classifier, inputs).gradient(_WEIGHTED[values], weights, wrt=layer), tf.float32)


def _weighted(forward: Forward, weights: Tensor, values: str) -> Tensor:
    return tf.reduce_sum(getattr(forward, values) * weights, axis=-1)


_WEIGHTED = {values: functools.partial(_weighted, values=values) for values in ("logits", *VALUES.values())}
