"""What is known about a user's model: bounds, preprocessing, logits, layers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Bounds, Labels, Preprocess, Reduce, Shape, TaskName, Tensor
from keras_advxai.models import applications, compiled, heads, inputs, signature
from keras_advxai.models.arrays import as_tensor
from keras_advxai.models.autograph import do_not_convert
from keras_advxai.models.forward import Forward
from keras_advxai.models.kinds import kind_of
from keras_advxai.models.labels import are_several, check_no_thresholds
from keras_advxai.models.layered import Found, LayeredModel
from keras_advxai.models.own_code import told_apart
from keras_advxai.models.own_preprocessing import NOTHING, own_preprocessor
from keras_advxai.models.selection import Selection, is_structure
from keras_advxai.models.signature import check_preprocessed_shape, concrete_shape, match_structure, network_specs
from keras_advxai.ops.compiling import check_usable
from keras_advxai.text import to_be_said

OPTIONS = ("fold_batch_norm", "jit_compile")  # how a pass is computed, and not what it is
_UNUSUAL = ("reduce", "labels", "task")  # what most models need nothing said of
SETTINGS = ("bounds", "preprocess", "from_logits", "output", "input", *_UNUSUAL, *OPTIONS)


class ImageClassifier(LayeredModel):
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
        output: For a model with several outputs, the name or index of the one with the classes. An index counts as
            `model.outputs` does, dictionaries by their sorted keys. Defaults to `None`.
        input: For a model with several inputs, the name of the one with the images, or its index in `model.inputs`.
            The others are passed through. Defaults to `None`.
        reduce: For a model whose output has another shape than `(batch, classes)`, such as one of segmentation, a
            detector or a classifier of frames: a function of the output, float32, to `(batch, classes)`, made of
            differentiable TensorFlow or Keras operations, such as the mean over a region (Seg-Grad-CAM). If the model
            ends in a softmax or sigmoid, the function is given the logits before it, and returns logits; if the model
            ends in an unknown operation, it is given the output, and returns what `from_logits` says. The layer that is
            explained by default is then the last one at the smallest resolution. Defaults to `None`.
        labels: `"multi"` for a model that predicts several labels for each image, by a sigmoid for each or its logit;
            they are given as rows of 0 and 1 then, and explained is one of them. `"single"` for one class, also by
            sigmoids. Defaults to `None`: several sigmoids predict several labels unless the labels that are given name
            one class for each image.
        task: `"regression"` for a model that predicts numbers: attacks change them, and explained is one of them.
            Defaults to `None`, a classification.
        fold_batch_norm: Whether compiled passes compute layers and the BatchNormalization after them in one step:
            faster, and the same up to rounding; see docs/options.md. Defaults to `False`.
        jit_compile: Whether XLA compiles the passes, forward and backward: slower on a CPU; see docs/options.md.
            Defaults to `False`.

    Raises:
        TypeError: `model` is not a `keras.Model`, or an option is not `True` or `False`.
        ValueError: The model is not built, bounds or preprocessing are wrong, an input or output has to be named, or
            options contradict one another.

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

    A model of segmentation, explained by the scores of its classes in the left half of the image:

    >>> unet = keras.Sequential([
    ...     keras.layers.Input((8, 8, 1)),
    ...     keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="bottleneck"),
    ...     keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
    ...     keras.layers.Conv2D(3, 1, activation="softmax"),
    ... ])
    >>> of_half = kax.ImageClassifier(unet, reduce=lambda scores: keras.ops.mean(scores[:, :, :4], axis=(1, 2)))
    >>> of_half.classes, of_half.default_layer
    (3, 'bottleneck')

    References:
        Vinogradova, Dibrov and Myers, "Towards interpretable semantic segmentation via gradient-weighted class
        activation mapping", AAAI 2020 (Seg-Grad-CAM).
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
        reduce: Reduce = None,
        labels: Labels = None,
        task: TaskName = None,
        fold_batch_norm: bool = False,
        jit_compile: bool = False,
    ) -> None:
        check_usable()
        inputs.check_model(model, classifier=ImageClassifier)  # passed down: that file lies below this one
        self.model = model
        self.from_logits = from_logits if from_logits is None else inputs.check_flag("from_logits", from_logits)
        self.output = output
        self.input = input
        self.reduce = heads.check_reduce(reduce)
        self.kind = kind_of(labels, task, from_logits)
        self.labels = labels
        self.task = task
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
        chosen = {key: value for key, value in self._settings().items() if key not in (*_UNUSUAL, *OPTIONS) or value}
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

    def check_labels(self, y: Any, count: int, where: str = "`y`", shape: Shape = None) -> np.ndarray:
        """Labels, after they were checked; see `Task.check_labels`."""
        found = self._summary(shape)
        heads.check_no_masks(y, self.reduce, where, count, found.classes)
        if self.reduce is None and found.head == "sigmoid" and not found.binary:
            check_no_thresholds(y, found.classes, where)
        return self.kind.check_labels(y, count, found.classes, found.binary, where)

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

    def decided(self, y: Any, shape: Shape = None) -> ImageClassifier:
        """The same, as one of several labels or of one class where nothing but the labels tells.

        Several sigmoids may say either: one class if the labels name one for each image, else several labels.

        Args:
            y: Labels as a user has them; `None` where there are none.
            shape: `(height, width, channels)` of the images, for a model that leaves them open.

        Raises:
            ValueError: Labels that are traced, whose values nobody knows, might be either.
        """
        said = self.labels is not None or self.task is not None
        if said or self.head(shape) != "sigmoid" or self._summary(shape).binary:
            return self
        traced = tf.is_symbolic_tensor(y)
        if traced and len(y.shape) > 1:
            raise ValueError(
                "The model ends in several sigmoids, and in a tf.function the labels do not tell whether it says "
                "several labels or one class. Pass " + to_be_said("labels='multi'", "labels='single'")
            )
        several = y is None or (not traced and are_several(y, self._summary(shape).classes))
        return ImageClassifier(self.model, **{**self._settings(), "labels": "multi" if several else "single"})

    def checked(self, x: Tensor, where: str = "`x`") -> Tensor:
        """The inputs as float32 tensors, after the images were checked against shape and bounds."""
        tensor = tf.cast(as_tensor(self.check_images(x, where)), tf.float32)
        others = keras.tree.map_structure(as_tensor, x) if is_structure(x) else x
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
        shape, has, built = self.image_shape, self._space.function is not None, self._network_shape()
        rank = len(built) + 1 if built and not self._space.reshapes else None  # it holds, if not the sizes
        images = inputs.check_images(self.images_of(x), self.bounds, shape, where, rank=rank, preprocesses=has)
        applications.check_colours(self.preprocess, images.shape[1:])
        inputs.check_others(self._images.others(x), where)
        if self._space.reshapes:
            key = (self._identity(), "preprocessed", images.shape[1:])  # once for each shape
            given = self._space.function, images.shape, self._network_shape(declared=True), where
            compiled.remember(self.model, key, lambda: check_preprocessed_shape(*given))
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

    def _found(self, name: str, find: Callable[[Any, tuple[int, ...]], Found], shape: Shape) -> Found:
        # Looked at without folding, which has to ask first what can be folded, and without XLA, which hides operations.
        other: dict[str, Any] = {name: False for name in OPTIONS if getattr(self, name)}
        if shape is None:
            # The shape is the network's own then, from which a preprocessing would lead further.
            other |= {"bounds": None, "preprocess": NOTHING}
        size = concrete_shape(shape, self._network_shape(), self._space.reshapes, self.model.name)
        classifier = ImageClassifier(self.model, **{**self._settings(), **other}) if other else self
        key = (classifier._identity(), name, size)
        found: Found = compiled.remember(self.model, key, lambda: find(classifier, size))
        return found

    def _network_shape(self, declared: bool = False) -> tuple[int | None, ...] | None:
        """What the network takes for images, without the batch: what it declares, or else was built on."""
        specs = None if declared and not getattr(self.model, "inputs", None) else network_specs(self.model)
        if specs is None:
            return None
        return tuple(self.images_of(specs).shape[1:])

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in SETTINGS}

    @property
    def assumes_probabilities(self) -> bool:
        """Whether the output is assumed to be probabilities, without evidence that it is."""
        return self.from_logits is None and self.head() == "probability" and self.visible_end() is None

    def check_output(self, inputs: Any) -> None:
        """Raise if the output was taken for probabilities and is not, for which the model is run once more.

        Args:
            inputs: Checked inputs.

        Raises:
            TypeError: Some of the inputs are words, and the model takes none.
            ValueError: The output leaves [0, 1].
        """
        signature.check_numbers(self.model, inputs)
        shape = tuple(self.images_of(inputs).shape[1:])
        # Each time, of the few models of which nothing else says what they return: a softplus is small before the
        # training, and on some images also after it.
        if self.from_logits is None and self.head(shape) == "probability":
            output = Forward(self, inputs).root.output
            heads.check_probabilities(heads.reduced(self.output_of(output), self.reduce))

    def _identity(self) -> Hashable:
        return (*map(told_apart, self._settings().values()), self._space.key)


def _call(
    function: Callable[..., Any], settings: dict[str, Any], beta: float | None, model: keras.Model, *args: Any
) -> Any:
    return function(ImageClassifier(model, **settings).smoothed(beta), *args)
