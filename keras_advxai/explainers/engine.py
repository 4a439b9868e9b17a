"""Runs the explainers of other packages while a graph runs, on a small Keras model that stands for the user's."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._registry import hashable
from keras_advxai._typing import Tensor
from keras_advxai.models import Forward, ImageClassifier, compiled

_SETTINGS = ("bounds", "preprocess", "from_logits", "output", "input")
EXPLAINED = "explained"
"""The name of the stand-in's layer whose output is that of the explained layer."""


class Network:
    """A classifier as a function of images, for packages that compute with NumPy and Keras models.

    `model` stands for the classifier in them: it takes images in image space and runs the classifier's compiled pass.
    So what is explained may be any kind of model, is seen with the weights that it has at the time, and cannot be
    changed. It can be run, and differentiated, inside of `running` only.

    Args:
        forward: A pass of the classifier over the images. It is not kept, and the model is referred to weakly.
        values: What `model` returns, `(batch, classes)`: the `"scores"`, `"logits"` or `"probabilities"` of a pass.
        layer: The path of the layer whose output `model` has as the output of its layer `EXPLAINED`. Defaults to
            `None`.

    Attributes:
        model: The stand-in.
    """

    def __init__(self, forward: Forward, values: str, layer: str | None = None) -> None:
        classifier = forward.classifier
        self._model = weakref.ref(classifier.model)
        self._settings = {name: getattr(classifier, name) for name in _SETTINGS}
        self._key = ("engine", values, layer)
        self._outputs = functools.partial(_outputs, values=values, layer=layer)
        self._gradient = functools.partial(_gradient, values=values, layer=layer)
        self._running = threading.local()
        classes = (None, forward.scores.shape[-1])
        explained = () if layer is None else tuple(forward.activation(layer).shape)
        with tf.init_scope():
            images = keras.Input(forward.images.shape[1:], dtype="float32", name="images")
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
        running = self._running
        running.inputs = inputs
        running.classifier = ImageClassifier(self._model(), **self._settings)
        try:
            with _THREADS.waiting() as running.compiled:
                yield running.classifier.images_of(inputs)
        finally:
            vars(running).clear()

    @property
    def compiled(self) -> bool:
        """Whether passes are compiled at the time, and can be differentiated as any function."""
        return bool(self._running.compiled)

    def outputs(self, images: Tensor) -> Any:
        """The values of the classes, and in front of them the output of the layer if there is one."""
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
        if self.compiled:
            return running.classifier.compiled((*self._key, what), function, *args)
        return function(running.classifier, *args)

    def _beside(self, images: Tensor) -> Any:
        """The model's inputs with these images, the others repeated."""
        inputs, classifier = self._running.inputs, self._running.classifier
        copies = len(images) // len(classifier.images_of(inputs))

        def repeated(part: Any) -> Tensor:
            part = tf.convert_to_tensor(part)
            return tf.tile(part, [copies] + [1] * (part.shape.rank - 1)) if part.shape.rank and copies > 1 else part

        images = tf.convert_to_tensor(images, tf.float32)
        others = inputs if inputs is classifier.images_of(inputs) else keras.tree.map_structure(repeated, inputs)
        return classifier.with_images(others, images)


def run(
    classifier: ImageClassifier,
    key: Hashable,
    build: Callable[[], Callable[..., np.ndarray]],
    inputs: Any,
    *others: Tensor,
) -> Tensor:
    """`build()(inputs, *others)`, called with arrays when the graph runs.

    Args:
        classifier: The classifier.
        key: What tells the function apart from others for this model and these images.
        build: Makes the function, once. The function must not refer to the model.
        inputs: The model's inputs, nested tensors.
        *others: Further tensors, such as the targets.

    Returns:
        What the function returns, float32, without a shape.
    """
    settings = tuple(hashable(getattr(classifier, name)) for name in _SETTINGS)
    shape = tuple(classifier.images_of(inputs).shape[1:])
    function = compiled.remember(classifier.model, ("engine", key, settings, shape), build)
    structure, count = keras.tree.map_structure(lambda part: 0, inputs), len(others)

    def call(*arrays: np.ndarray) -> np.ndarray:
        given = keras.tree.pack_sequence_as(structure, list(arrays[count:]))
        return np.asarray(function(given, *arrays[:count]), np.float32)

    return tf.numpy_function(call, [*others, *keras.tree.flatten(inputs)], tf.float32)


def rows(inputs: Any, chosen: slice) -> Any:
    """Some rows of all of a model's inputs."""
    return keras.tree.map_structure(lambda part: part[chosen] if np.ndim(part) else part, inputs)


class _StandIn(keras.Model):
    """A functional model of images, by themselves or in a list, whose `predict` neither prints nor is traced."""

    def __call__(self, inputs: Any, **settings: Any) -> Any:
        """What the functional model returns."""
        return super().__call__(inputs if isinstance(inputs, list) else [inputs], **settings)

    def predict(self, x: Any, batch_size: int = 32) -> np.ndarray:
        """The values of the classes, `(batch, classes)`."""
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
    """From images to the values of the classes."""

    def call(self, images: Tensor) -> Tensor:
        values = self.network.outputs(images)
        return values if self.network.compiled else _function_of(images, values, self.network, images)


class _Pass(_Layer):
    """From images to the output of a layer and the values of the classes, neither of which knows of the other yet."""

    def call(self, images: Tensor) -> list[Tensor]:
        activation, values = self.network.outputs(tf.stop_gradient(images))
        return [_attached(images, activation), values]


class _Behind(_Layer):
    """The values of the classes as a function of the output of the layer."""

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
    forward = Forward(classifier, inputs)  # images need not keep the bounds, as noisy ones do not
    found = getattr(forward, values)
    return found if layer is None else (tf.cast(forward.activation(layer), tf.float32), found)


def _gradient(classifier: ImageClassifier, inputs: Any, weights: Tensor, *, values: str, layer: str | None) -> Tensor:
    return tf.cast(Forward(classifier, inputs).gradient(_WEIGHTED[values], weights, wrt=layer), tf.float32)


def _weighted(forward: Forward, weights: Tensor, values: str) -> Tensor:
    return tf.reduce_sum(getattr(forward, values) * weights, axis=-1)


_WEIGHTED = {values: functools.partial(_weighted, values=values) for values in ("scores", "logits", "probabilities")}


class _Threads:
    """Tells whether one more of TensorFlow's threads may wait for another of them.

    A function that the graph calls holds one of the threads that run graphs. A compiled function that it calls needs
    another, and where there is none both would wait forever: on a machine with a single core, or with many such calls
    at a time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = 0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[bool]:
        """Inside of the block a thread may wait, if this says so."""
        with self._lock:
            free = self._held + 1 < _thread_count()
            self._held += 1
        try:
            yield free
        finally:
            with self._lock:
                self._held -= 1


def _thread_count() -> int:
    """How many threads TensorFlow runs graphs with."""
    said = os.environ.get("TF_NUM_INTEROP_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return tf.config.threading.get_inter_op_parallelism_threads() or int(said if said.isdecimal() else 0) or cores


_THREADS = _Threads()
