"""What is known about a user's model: bounds, preprocessing, logits, layers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._registry import hashable
from keras_advxai._typing import Bounds, Preprocess, Shape, Tensor
from keras_advxai.models import applications, compiled, heads, inputs, lookup, signature
from keras_advxai.models.autograph import do_not_convert
from keras_advxai.models.forward import Forward
from keras_advxai.models.layer_table import LayerTable
from keras_advxai.models.own_preprocessing import NOTHING, own_preprocessor
from keras_advxai.models.selection import Selection, is_structure
from keras_advxai.models.signature import check_preprocessed_shape, concrete_shape, match_structure, network_specs
from keras_advxai.models.summary import ModelSummary, summarize
from keras_advxai.models.topology import Topology
from keras_advxai.ops.compiling import check_usable

_OPTIONS = ("fold_batch_norm", "jit_compile")  # how a pass is computed, and not what it is
_SETTINGS = ("bounds", "preprocess", "from_logits", "output", "input", *_OPTIONS)


class ImageClassifier:
    """A Keras model as a classifier of images with known bounds, with access to its logits and layers.

    The model is neither copied nor changed, and its weights are read as they are at each call. Attacks and
    explanations live in *image space*: the images as the user holds them, which `preprocess` maps
    to what the network takes. Gradients go through the preprocessing.

    Args:
        model: A built `keras.Model` with a softmax, sigmoid or linear head.
        bounds: The smallest and the largest value that a pixel may take in image space. Defaults to
            `(0, 1)`, and to `(0, 255)` where `preprocess` is a name or the model's own.
        preprocess: A callable from image space to what the network takes, made of differentiable TensorFlow
            or Keras operations; the name of a `keras.applications` module such as `"resnet50"`, whose
            `preprocess_input` is used; `"model"` for the `preprocessor` that `predict` of KerasHub's classifiers
            applies; or `"none"` for images that the model takes as they are. Defaults to `None`: the first that exists.
        from_logits: Whether the model's output is logits (`True`) or probabilities (`False`). Defaults to
            `None`: it is inferred from the model's last operation.
        output: For a model with several outputs, the name or index of the one with the classes. Defaults to
            `None`.
        input: For a model with several inputs, the name or index of the one with the images. The others are
            passed through. Defaults to `None`.
        fold_batch_norm: Whether compiled passes compute layers and the BatchNormalization after them in one step:
            faster, and the same up to rounding; see docs/options.md. Defaults to `False`.
        jit_compile: Whether XLA compiles the passes, forward and backward: slower on a CPU; see docs/options.md.
            Defaults to `False`.

    Raises:
        TypeError: `model` is not a `keras.Model`, or an option is not `True` or `False`.
        ValueError: The model is not built, bounds or preprocessing are wrong, or an input or output has to be
            named.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> model = keras.Sequential([
    ...     keras.layers.Input((8, 8, 1)),
    ...     keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(3, activation="softmax"),
    ... ])
    >>> classifier = kax.ImageClassifier(model, bounds=(0, 1))
    >>> classifier.default_layer
    'conv'
    >>> classifier.forward(np.zeros((2, 8, 8, 1), "float32")).logits.shape
    TensorShape([2, 3])
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        bounds: Bounds | None = None,
        preprocess: Preprocess = None,
        from_logits: bool | None = None,
        output: str | int | None = None,
        input: str | int | None = None,
        fold_batch_norm: bool = False,
        jit_compile: bool = False,
    ) -> None:
        check_usable()
        inputs.check_model(model, classifier=ImageClassifier)  # passed down: that file lies below this one
        self.model = model
        self.from_logits = from_logits
        self.output = output
        self.input = input
        self.fold_batch_norm = inputs.check_flag("fold_batch_norm", fold_batch_norm)
        self.jit_compile = inputs.check_flag("jit_compile", jit_compile)
        self._images = Selection(model, "input", input)
        self._classes = Selection(model, "output", output)
        self.relu_beta: float | None = None  # of attacks on the explanation; see `smoothed`
        # Only what is declared: the shape that a subclassed model was built on may be one of many that it takes.
        takes = self._network_shape(declared=True)
        self._space = applications.image_space(preprocess, bounds, takes, own_preprocessor(model))
        self.preprocess, self.bounds = self._space.preprocess, self._space.bounds

    def __repr__(self) -> str:
        chosen = {key: value for key, value in self._settings().items() if key not in _OPTIONS or value}
        return f"ImageClassifier({self.model.name!r}, {', '.join(f'{key}={value!r}' for key, value in chosen.items())})"

    @property
    def width(self) -> float:
        """The width of the bounds: what an epsilon of 1 means in image space."""
        return self.bounds[1] - self.bounds[0]

    @property
    def image_shape(self) -> tuple[int | None, ...] | None:
        """`(height, width, channels)` of the images, `None` for each that is open, or for all.

        Signals have `(steps, channels)`, videos `(frames, height, width, channels)`, a `channels_first` model has
        the channels first. A `preprocess` may change the shape, so that nothing is known before one.
        """
        return None if self._space.reshapes else self._network_shape(declared=True)

    @property
    def takes_several_inputs(self) -> bool:
        """Whether the model takes other inputs besides the images, as far as it declares them."""
        return len(self._images.names) > 1 or (not self._images.names and self.input is not None)

    @property
    def default_layer(self) -> str:
        """The layer that is explained unless another is named: what the model pools or flattens last.

        Raises:
            ValueError: The model has no layer with a spatial output, or sees images as tokens.
        """
        return self.layer_path(None)

    @property
    def classes(self) -> int:
        """How many classes the model has; one sigmoid unit counts as two."""
        return self._summary().classes

    @property
    def binary(self) -> bool:
        """Whether the model ends in one unit, which counts as two classes."""
        return self._summary().binary

    def layers(self, shape: Shape = None) -> LayerTable:
        """Every layer that can be explained, in execution order. Printed, it is a table.

        Args:
            shape: `(height, width, channels)` of the images, for a model that leaves them open.
        """
        return self.topology(shape).layers

    def head(self, shape: Shape = None) -> str:
        """The kind of head: `"softmax"`, `"sigmoid"`, `"linear"` or `"probability"`."""
        return self._summary(shape).head

    def map_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of the heatmaps of images, `(batch, height, width, 1)`.

        Args:
            shape: The shape of the images, `(batch, height, width, channels)`, or as the model takes them.
        """
        batch, *sides = shape
        topology = self.topology(sides)
        # Images without channels, (28, 28) or (784,), have the map of what the model makes of them.
        sides = list(topology.grid or sides)
        if len(sides) > 1:
            del sides[topology.channel - 1]
        return (batch, *sides, 1)

    def to_channels_last(self, images: Tensor) -> Tensor:
        """Images, or something shaped like them, as `(batch, height, width, channels)`, as the model lays them out."""
        topology = self.topology(images.shape[1:])
        if topology.grid is not None:
            images = keras.ops.reshape(images, (-1, *topology.grid))
        if len(images.shape) == 2:
            return images[..., None]
        return keras.ops.moveaxis(images, topology.channel, -1)

    def layer_path(self, layer: str | keras.Operation | None, shape: Shape = None, *, spatial: bool = True) -> str:
        """The full path of a layer that can be explained.

        Args:
            layer: Its name or path, or the layer itself; `None` for the default layer.
            shape: `(height, width, channels)` of the images, for a model that leaves them open.
            spatial: Whether its output must have a spatial extent. Defaults to `True`.

        Raises:
            ValueError: There is no such layer, it has no spatial output, the pass does not reach it, or there are
                two of that name.
        """
        return lookup.layer_path(self.model, self.topology(shape), layer, spatial=spatial)

    def topology(self, shape: Shape = None) -> Topology:
        """The layers between the images and the classes, and where their outputs are found.

        Args:
            shape: `(height, width, channels)` of the images, for a model that leaves them open.
        """
        return self._summary(shape).topology

    @do_not_convert
    def forward(self, x: Tensor, *, layers: Sequence[str] = ()) -> Forward:
        """Run the model once on images in image space, recording what attacks and explainers need.

        Args:
            x: Images, `(batch, height, width, channels)`, numpy or tensor, or all inputs of a model with several.
            layers: Paths of layers whose gradients will be wanted together.

        Returns:
            A `Forward` with `logits`, `probabilities`, `predictions`, `activation` and `gradient`.
        """
        # In a graph there are no pixels to check; who compiles has checked them before.
        if tf.executing_eagerly():
            x = self.checked(x)
        return Forward(self, x, layers=layers)

    def smoothed(self, beta: float | None) -> Self:
        """The same classifier for passes in graphs, whose gradients go through ReLUs as `rectifiers.smooth` says.

        What the passes compute stays the same. ReLUs in a free `tf.function` of the model's, and functions made
        otherwise, such as `tf.maximum(x, 0)`, keep their gradient.

        Args:
            beta: How sharp the step of the derivative is; `None` for the exact one.
        """
        # A copy of the settings, around the same model, so that what is known of it is shared.
        other = copy.copy(self)
        other.relu_beta = beta
        return other

    def checked(self, x: Tensor, where: str = "`x`") -> Tensor:
        """The inputs as float32 tensors, after the images were checked against shape and bounds."""
        tensor = tf.cast(tf.convert_to_tensor(self.check_images(x, where)), tf.float32)
        others = keras.tree.map_structure(tf.convert_to_tensor, x) if is_structure(x) else x
        checked = self.with_images(others, tensor)
        self.check_output(checked)
        return checked

    def check_images(self, x: Any, where: str = "`x`") -> np.ndarray:
        """The images among the inputs, after every pixel was checked.

        Args:
            x: Images, or the model's inputs with them.
            where: What the images are called in messages.

        Raises:
            TypeError: They are not numbers.
            ValueError: They do not fit the model or the bounds.
        """
        shape, has = self.image_shape, self._space.function is not None
        built = self._network_shape()  # the rank holds, if not the sizes
        rank = len(built) + 1 if built and not self._space.reshapes else None
        images = inputs.check_images(self.images_of(x), self.bounds, shape, where, rank=rank, preprocesses=has)
        if self._space.reshapes:
            key = (self._identity(), "preprocessed", images.shape[1:])  # once for each shape
            takes = self._network_shape(declared=True)
            compiled.remember(
                self.model, key, lambda: check_preprocessed_shape(self._space.function, images.shape, takes, where)
            )
        return images

    def images_of(self, x: Any) -> Any:
        """The images among the model's inputs: `x` itself unless the model takes several."""
        return self._images.pick(x)

    def with_images(self, x: Any, images: Tensor) -> Any:
        """The model's inputs with other images: `images` itself unless the model takes several."""
        return self._images.replace(x, images)

    def network_inputs(self, x: Any, images: Tensor) -> Any:
        """What the network takes: the inputs, with the images preprocessed."""
        images = images if self._space.function is None else self._space.function(images)
        x = match_structure(self.model, x)
        return keras.tree.map_structure(tf.convert_to_tensor, self.with_images(x, images))

    def output_of(self, outputs: Any) -> Tensor:
        """The output with the classes."""
        return self._classes.pick(outputs)

    def compiled(self, key: Hashable, function: Callable[..., Any], *args: Any) -> Any:
        """The result of `function(classifier, *args)`, compiled once for this model, `key` and kind of arguments.

        One trace serves every batch size. The compiled function lives as long as the model does.

        Args:
            key: What distinguishes `function` from others.
            function: A function of a classifier and of tensors. It must not refer to the model by itself.
            *args: Nested structures of tensors; `None` stands for an argument that is left out.
        """
        # Of the settings and not of the classifier, which holds the model; see `compiled.remember`.
        call = partial(_call, function, self._settings(), self.relu_beta)
        run = compiled.function(self.model, (self._identity(), self.relu_beta, key), call, args)
        with signature.naming_fixed_batch(self.model):
            return run(*(arg for arg in args if arg is not None))  # None is part of the trace

    def _summary(self, shape: Shape = None) -> ModelSummary:
        """What one traced pass over images of this shape shows; by default, of the shape that the network takes."""
        # Looked at without folding, which has to ask first what can be folded, and without XLA, which hides operations.
        other: dict[str, Any] = {name: False for name in _OPTIONS if getattr(self, name)}
        if shape is None:
            # The shape is the network's own then, from which a preprocessing would lead further.
            other |= {"bounds": None, "preprocess": NOTHING}
        size = concrete_shape(shape, self._network_shape(), self._space.reshapes, self.model.name)
        classifier = ImageClassifier(self.model, **{**self._settings(), **other}) if other else self
        key = (classifier._identity(), "summary", size)
        found: ModelSummary = compiled.remember(self.model, key, lambda: summarize(classifier, size))
        return found

    def _network_shape(self, declared: bool = False) -> tuple[int | None, ...] | None:
        """What the network takes for images, without the batch: what it declares, or else was built on."""
        specs = None if declared and not getattr(self.model, "inputs", None) else network_specs(self.model)
        if specs is None:
            return None
        return tuple(self.images_of(specs).shape[1:])

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _SETTINGS}

    @property
    def assumes_probabilities(self) -> bool:
        """Whether the output is assumed to be probabilities, without evidence that it is."""
        return self.from_logits is None and self.head() == "probability"

    def check_output(self, inputs: Any) -> None:
        """Raise if the output was taken for probabilities and is not. The model is run for this once.

        Args:
            inputs: Checked inputs.

        Raises:
            ValueError: The output leaves [0, 1].
        """
        shape = tuple(self.images_of(inputs).shape[1:])
        # Once for each shape of images: a look at every batch would double the time of an attack.
        if self.from_logits is None and self.head(shape) == "probability":
            key = (self._identity(), "output checked", shape)
            run = partial(Forward, self, inputs)
            compiled.remember(self.model, key, lambda: heads.check_probabilities(self.output_of(run().root.output)))

    def _identity(self) -> Hashable:
        return (*(hashable(value) for value in self._settings().values()), self._space.key)


def _call(
    function: Callable[..., Any], settings: dict[str, Any], beta: float | None, model: keras.Model, *args: Any
) -> Any:
    return function(ImageClassifier(model, **settings).smoothed(beta), *args)
