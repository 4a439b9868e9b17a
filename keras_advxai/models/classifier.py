"""All that is known about a user's model: bounds, preprocessing, logits, layers."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_advxai._registry import hashable, nearest
from keras_advxai._typing import Bounds, Preprocess, Tensor
from keras_advxai.models import applications, compiled, discovery, inputs
from keras_advxai.models.forward import Forward
from keras_advxai.models.selection import Selection, is_structure

_NOMINAL_SIZE = 224


class ImageClassifier:
    """A Keras model as a classifier of images with known bounds, seen through to its logits and layers.

    The model is neither copied nor changed, and its weights are read as they are at each call. Attacks and
    explanations live in *image space*: the images as the user holds them, from which `preprocess` leads
    to what the network takes. Gradients go through the preprocessing.

    Args:
        model: A built `keras.Model` with a softmax, sigmoid or linear head.
        bounds: The smallest and the largest value that a pixel may take in image space. Defaults to
            `(0, 1)`, and to `(0, 255)` where `preprocess` is the name of an applications module.
        preprocess: A callable from image space to what the network takes, made of differentiable TensorFlow
            or Keras operations; the name of a `keras.applications` module such as `"resnet50"`, whose
            `preprocess_input` is used; or `None` for images that the model takes as they are. Defaults to
            `None`.
        from_logits: Whether the model's output is logits (`True`) or probabilities (`False`). Defaults to
            `None`: it is found out from the model's last operation.
        output: For a model with several outputs, the name or index of the one with the classes. Defaults to
            `None`.
        input: For a model with several inputs, the name or index of the one with the images. The others are
            passed through. Defaults to `None`.

    Raises:
        TypeError: `model` is not a `keras.Model`.
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
    ) -> None:
        if not isinstance(model, keras.Model):
            raise TypeError(
                "Argument `model` must be a keras.Model (of Keras 3), or an ImageClassifier around one. "
                f"Received: {type(model).__module__}.{type(model).__name__}"
            )
        if not model.built:
            raise ValueError(
                f"Argument `model` must be built. Received: {model.name!r}, which has no weights yet. Call it once "
                "on a batch, or begin it with keras.Input."
            )
        named = isinstance(preprocess, str)
        self.preprocess = preprocess
        self._preprocess = applications.preprocess_input(preprocess) if isinstance(preprocess, str) else preprocess
        if self._preprocess is not None and not callable(self._preprocess):
            raise TypeError(
                "Argument `preprocess` must be a callable, the name of a module of keras.applications, or None. "
                f"Received: preprocess={preprocess!r}"
            )
        self.bounds = inputs.check_bounds((applications.PIXELS if named else (0, 1)) if bounds is None else bounds)
        if named and self.bounds != applications.PIXELS:
            raise ValueError(
                f"preprocess={preprocess!r} takes pixels, so the bounds are (0, 255). Received: bounds={bounds}. "
                "Leave `bounds` out, or pass a callable that goes from your images to what the network takes."
            )
        self.model = model
        self.from_logits = from_logits
        self.output = output
        self.input = input
        self._images = Selection(model, "input", input)
        self._classes = Selection(model, "output", output)

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self._settings().items())
        return f"ImageClassifier({self.model.name!r}, {settings})"

    @property
    def width(self) -> float:
        """The width of the bounds: what an epsilon of 1 means in image space."""
        return self.bounds[1] - self.bounds[0]

    @property
    def image_shape(self) -> tuple[int | None, ...] | None:
        """`(height, width, channels)` that the model takes; `None` for each that it leaves open, or for all."""
        try:
            shapes = self.model.input_shape
        except (AttributeError, ValueError):
            return None
        shape = self.images_of(shapes) if isinstance(shapes, (dict, list)) else shapes
        return tuple(shape[1:])

    @property
    def takes_several_inputs(self) -> bool:
        """Whether the model takes other inputs beside the images, as far as it says."""
        return len(self._images.names) > 1 or (not self._images.names and self.input is not None)

    @property
    def default_layer(self) -> str:
        """The layer that is explained unless another is named: what the model pools or flattens last.

        Raises:
            ValueError: The model has no layer with a spatial output.
        """
        return self.layer_path(None)

    @property
    def classes(self) -> int:
        """How many classes the model tells apart; one sigmoid unit tells two."""
        return self._probe()["classes"]

    @property
    def binary(self) -> bool:
        """Whether the model ends in one unit, which stands for two classes."""
        return self._probe()["binary"]

    def layers(self, shape: Sequence[int | None] | None = None) -> tuple[discovery.LayerInfo, ...]:
        """Every layer that can be explained, in execution order.

        Args:
            shape: `(height, width, channels)` of the images, for a model that leaves them open.
        """
        return self._probe(shape)["layers"]

    def head(self, shape: Sequence[int | None] | None = None) -> str:
        """The kind of head: `"softmax"`, `"sigmoid"`, `"linear"` or `"probability"`."""
        return self._probe(None if shape is None else tuple(shape)[1:])["head"]

    def layer_path(self, layer: str | None, shape: Sequence[int | None] | None = None) -> str:
        """The full path of a layer that can be explained.

        Args:
            layer: Its name or path; `None` for the default layer.
            shape: `(height, width, channels)` of the images, for a model that leaves them open.

        Raises:
            ValueError: There is no such layer, it has no spatial output, or there are two of that name.
        """
        layers = self.layers(shape)
        names = [info.name for info in layers]
        default = [info.name for info in layers if info.default]
        if layer is None and default:
            return default[0]
        if layer is None:
            raise ValueError(
                f"The model {self.model.name!r} has no layer with a spatial output (batch, height, width, channels) "
                "in front of its classes, so there is nothing for Grad-CAM to look at. Attacks still work on it."
            )
        if layer in names:
            return layer
        found = [name for name in names if name.rsplit("/", 1)[-1] == layer]
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(f"There are {len(found)} layers named {layer!r}. Pass one of the paths {', '.join(found)}")
        known = names if len(names) <= 12 else [*names[:4], "...", *names[-6:]]
        raise ValueError(
            f"The model {self.model.name!r} has no layer {layer!r} with a spatial output."
            f"{nearest(layer, names)} Layers that can be explained: {', '.join(known) or 'none'}"
        )

    def forward(self, x: Tensor, *, layers: Sequence[str] = ()) -> Forward:
        """Run the model once on images in image space, recording what attacks and explainers need.

        Args:
            x: Images, `(batch, height, width, channels)`, numpy or tensor. For a model with several inputs,
                all of them, as the model takes them.
            layers: Paths of layers whose gradients will be wanted together.

        Returns:
            A `Forward` with `logits`, `probabilities`, `predictions`, `activation` and `gradient`.
        """
        if tf.executing_eagerly():
            x = self.checked(x)
        return Forward(self, x, layers=layers)

    def checked(self, x: Tensor, where: str = "`x`") -> Tensor:
        """The inputs as float32 tensors, after the images were checked against shape and bounds."""
        images = inputs.check_images(self.images_of(x), self.bounds, self.image_shape, where)
        tensor = tf.cast(tf.convert_to_tensor(images), tf.float32)
        others = keras.tree.map_structure(tf.convert_to_tensor, x) if is_structure(x) else x
        checked = self.with_images(others, tensor)
        self.check_output(checked)
        return checked

    def images_of(self, x: Any) -> Any:
        """The images among the model's inputs: `x` itself unless the model takes several."""
        return self._images.pick(x)

    def with_images(self, x: Any, images: Tensor) -> Any:
        """The model's inputs with other images: `images` itself unless the model takes several."""
        return self._images.replace(x, images)

    def network_inputs(self, x: Any, images: Tensor) -> Any:
        """What the network takes: the inputs, with the images preprocessed."""
        images = images if self._preprocess is None else self._preprocess(images)
        return keras.tree.map_structure(tf.convert_to_tensor, self.with_images(x, images))

    def output_of(self, outputs: Any) -> Tensor:
        """The output with the classes."""
        return self._classes.pick(outputs)

    def compiled(self, key: Hashable, function: Callable[..., Any], *args: Any) -> Any:
        """The result of `function(classifier, *args)`, compiled once for this model, `key` and kind of arguments.

        One trace serves every batch size. The compiled function lives as long as the model does.

        Args:
            key: What tells `function` apart from others, such as an attack or an explainer.
            function: A function of a classifier and of tensors. It must not refer to the model by itself.
            *args: Nested structures of tensors; `None` stands for an argument that is left out.
        """
        given = [index for index, arg in enumerate(args) if arg is not None]
        signature = [keras.tree.map_structure(_spec, args[index]) for index in given]
        key = (self._identity(), key, tuple(given), str(signature))
        trace = _Trace(function, weakref.ref(self.model), self._settings(), len(args), given)
        run = compiled.remember(self.model, key, lambda: tf.function(trace, autograph=False, input_signature=signature))
        return run(*(args[index] for index in given))

    def _probe(self, shape: Sequence[int | None] | None = None) -> dict[str, Any]:
        """What one traced pass shows of the model: head, classes and layers."""
        own = self.image_shape or self._built_shape()
        shape = tuple(shape or own)
        if len(shape) == len(own):
            shape = tuple(known if side is None else side for side, known in zip(shape, own, strict=True))
        if len(shape) != 3 or shape[-1] is None:
            raise ValueError(
                f"The model {self.model.name!r} must take images, (batch, height, width, channels). "
                f"Received: a model that takes {shape or 'inputs of a shape that it does not say'}."
            )
        size = tuple(_NOMINAL_SIZE if side is None else side for side in shape)
        key = (self._identity(), "probe", size)
        return compiled.remember(self.model, key, lambda: self._trace_probe(size))

    def _built_shape(self) -> tuple[int | None, ...]:
        """What a subclassed model, which says nothing about its input, was built on."""
        shapes = [shape for shape in (getattr(self.model, "_build_shapes_dict", None) or {}).values() if shape]
        return tuple(shapes[0][1:]) if len(shapes) == 1 else ()

    def _trace_probe(self, shape: tuple[int, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def look(x: Any) -> None:
            forward = Forward(self, x)
            found["head"] = forward.head
            found["classes"] = forward.logits.shape[-1]
            found["binary"] = forward.source.shape[-1] == 1
            found["layers"] = discovery.spatial_layers(forward.root, forward.source)

        images = tf.TensorSpec((None, *shape), tf.float32)
        specs = images
        if len(self._images.names) > 1:
            specs = self.with_images(
                keras.tree.map_structure(lambda item: tf.TensorSpec(item.shape, item.dtype), self.model.input), images
            )
        tf.function(look, autograph=False).get_concrete_function(specs)
        return found

    def _settings(self) -> dict[str, Any]:
        return {
            "bounds": self.bounds,
            "preprocess": self.preprocess,
            "from_logits": self.from_logits,
            "output": self.output,
            "input": self.input,
        }

    @property
    def is_unsure(self) -> bool:
        """Whether the output was taken for probabilities although nothing says that it is."""
        return self.from_logits is None and self.head() == "probability"

    def check_output(self, inputs: Any) -> None:
        """Raise if the output was taken for probabilities and is none. The model is run for this once.

        Args:
            inputs: Checked inputs.

        Raises:
            ValueError: The output leaves [0, 1].
        """
        shape = self.images_of(inputs).shape
        if self.from_logits is None and self.head(shape) == "probability":
            key = (self._identity(), "output checked", tuple(shape[1:]))
            compiled.remember(self.model, key, lambda: self._check_probabilities(inputs))

    def _check_probabilities(self, inputs: Any) -> None:
        discovery.check_probabilities(self.output_of(Forward(self, inputs).root.output))

    def _identity(self) -> Hashable:
        return tuple(hashable(value) for value in self._settings().values())


@dataclasses.dataclass(frozen=True, eq=False)
class _Trace:
    """A function of a classifier, to be traced without a reference that would keep the model alive."""

    function: Callable[..., Any]
    model: weakref.ref[keras.Model]
    settings: dict[str, Any]
    count: int
    given: list[int]

    def __call__(self, *tensors: Any) -> Any:
        args = [None] * self.count
        for index, tensor in zip(self.given, tensors, strict=True):
            args[index] = tensor
        return self.function(ImageClassifier(self.model(), **self.settings), *args)


def as_classifier(model: keras.Model | ImageClassifier) -> ImageClassifier:
    """`model` itself if it is an `ImageClassifier`, its `classifier` if it brings one, else one with bounds (0, 1)."""
    if isinstance(model, ImageClassifier):
        return model
    own = getattr(model, "classifier", None)
    return own if isinstance(own, ImageClassifier) else ImageClassifier(model)


def _spec(value: Any) -> tf.TensorSpec:
    return tf.TensorSpec([None, *value.shape[1:]] if value.shape.rank else [], value.dtype)
