"""One recorded pass of a classifier, and the gradients that were asked of it."""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol, Self, TypeVar

import keras
import tensorflow as tf

from keras_advxai._typing import Bounds, Reduce, Score, Shape, Tensor
from keras_advxai._warnings import warn
from keras_advxai.models import heads, rectifiers
from keras_advxai.models.autograph import do_not_convert
from keras_advxai.models.draws import Draws
from keras_advxai.models.folding import Folding
from keras_advxai.models.maps import as_map
from keras_advxai.models.recording import Call, UnbuiltLayerError, record
from keras_advxai.models.selection import is_structure
from keras_advxai.models.signature import cannot_run
from keras_advxai.models.task import Task
from keras_advxai.models.topology import TensorLocation, Topology
from keras_advxai.ops.losses import pick


class Traceable(Protocol):
    """What a pass, and those who are handed one, ask of its classifier: the part of `ImageClassifier` that they use."""

    model: keras.Model
    bounds: Bounds
    from_logits: bool | None
    reduce: Reduce
    kind: Task
    fold_batch_norm: bool
    jit_compile: bool
    relu_beta: float | None

    @property
    def width(self) -> float:
        """The width of the bounds."""

    def head(self, shape: Shape = None) -> str:
        """The kind of head."""

    def topology(self, shape: Shape = None) -> Topology:
        """The layers between the images and the classes."""

    def images_of(self, x: Any) -> Any:
        """The images among the model's inputs."""

    def with_images(self, x: Any, images: Tensor) -> Any:
        """The model's inputs with other images."""

    def network_inputs(self, x: Any, images: Tensor) -> Any:
        """What the network takes: the inputs, with the images preprocessed."""

    def output_of(self, outputs: Any) -> Tensor:
        """The output with the classes."""

    def smoothed(self, beta: float | None) -> Self:
        """The same with smooth gradients of ReLUs."""

    def forward(self, x: Tensor, *, layers: Sequence[str] = ()) -> Forward:
        """One pass."""


T = TypeVar("T")
Objective = Callable[["Forward", Tensor], Tensor]
"""A function of a pass and of one label for each image, with one value for each image, `(batch,)`."""


class Forward:
    """One pass of a classifier over a batch of images: outputs, activations and gradients.

    Everything that looks at a model takes such a pass as `forward=`, so that a prediction, an attack and
    any number of explanations of the same images cost one pass together. A gradient is computed when it is
    first asked for, and remembered: an attack at five epsilons takes one, however the five are traced.

    Made by `ImageClassifier.forward`, inside a `tf.function` or eagerly. In a graph, gradients are taken
    symbolically between exactly the tensors asked for, so Grad-CAM pays for the layers after its own and
    nothing else; eagerly, a tape records the pass.

    Args:
        classifier: The classifier to run.
        x: Images in image space, `(batch, height, width, channels)`, or the model's inputs with them.
        layers: Paths of layers whose gradients will be asked for together; asking for one computes all.

    Attributes:
        classifier: The classifier.
        inputs: What was given: the images, or the model's inputs with them.
        images: The images in image space, float32.
        network_images: What `preprocess` made of them.
        logits: `(batch, classes)` float32. One sigmoid unit counts as two classes with the logits (0, z).
        scores: What an explainer differentiates before the softmax, `(batch, classes)`: the logits, or for
            one sigmoid unit the log-odds (-z, z), so that class 0 has evidence of its own.
        probabilities: `(batch, classes)` float32.
        predictions: What the model says, in the form of labels: the most probable class, `(batch,)` int32; which of
            several labels, `(batch, labels)` int32; or the values of a regression, `(batch, outputs)` float32.
        strongest: The class, label or output that is explained unless another is named, `(batch,)` int32.
        finite: Whether the model's output has neither NaN nor infinity, `(batch,)` bool.
        decisions: What counts as predicted: `predictions`, and -1, which is neither right nor a target, where the
            output is not finite.
    """

    def __init__(self, classifier: Traceable, x: Tensor, *, layers: Sequence[str] = ()) -> None:
        self.classifier = classifier
        self.layers = tuple(layers)
        self.inputs = x
        self.images = tf.cast(classifier.images_of(x), tf.float32)
        # Kept, because a gradient may be asked for inside of a loop, whose graph cannot be read from outside of it.
        self._graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        self._tape = tf.GradientTape(persistent=True) if self._graph is None else None
        self._remembered: dict[Any, tuple[Any, Any]] = {}
        self._folding: Folding | None = None
        with self._recording():
            if self._tape is not None:
                self._tape.watch(self.images)
            self._run(x)
        self._predict()

    def _predict(self) -> None:
        """Set what the model says."""
        kind = self.classifier.kind
        self.predictions = kind.predictions(self.logits)
        self.strongest = kind.strongest(self.logits, self.predictions)
        # The argmax of NaN is class 0: a model of NaN would be right on all images of that class.
        self.decisions = kind.decisions(self.predictions, self.finite)

    @do_not_convert
    def activation(self, layer: str) -> Tensor:
        """What a layer returned: a map `(batch, height, width, channels)`, channels last, or what else it is.

        Args:
            layer: The layer's path, as `ImageClassifier.layers` gives it.

        Raises:
            ValueError: The pass did not reach such a layer.
        """
        return self._as_map(layer, self._output(layer))

    def _output(self, layer: str) -> Tensor:
        """What a layer returned, as it returned it."""
        call, location = self._call(layer)
        # Models that add and pool by operations: what flows into the pooling is no layer's output.
        return call.output if location.input is None else call.inputs[location.input]

    def _as_map(self, layer: str, output: Tensor) -> Tensor:
        call, location = self._call(layer)
        return as_map(output, call.frames, location.order, location.lacking)

    def _call(self, layer: str) -> tuple[Call, TensorLocation]:
        """The recorded call of a layer, and where it was found."""
        location = self.classifier.topology(self.images.shape[1:]).locate(layer)
        calls = self._calls.get(location.path, [])
        if not -len(calls) <= location.occurrence < len(calls):
            raise ValueError(f"The pass did not reach a layer {layer!r}; it reached {', '.join(self._calls)}")
        return calls[location.occurrence], location

    @property
    def centered_scores(self) -> Tensor:
        """The scores less their mean over the classes, `(batch, classes)`.

        A softmax ignores what is added to all logits, and so do these. Of one sigmoid unit they are the scores
        themselves, (-z, z), whose mean is 0.
        """
        return self.scores - tf.reduce_mean(self.scores, axis=-1, keepdims=True)

    def score(self, targets: Tensor, kind: Score = "logit") -> Tensor:
        """The score of one class for each image, before or after the softmax.

        Args:
            targets: Class indices, `(batch,)`.
            kind: `"logit"`, the value before it; `"probability"`, the value after it; or `"centered_logit"`, the logit
                less the mean of all logits.

        Returns:
            Scores, `(batch,)` float32.
        """
        return pick(getattr(self, heads.VALUES[kind]), targets)

    @do_not_convert
    def gradient(
        self, objective: Objective, labels: Tensor, *, wrt: str | None = None, or_zero: bool = False
    ) -> Tensor:
        """The gradient of an objective, remembered for the next time that it is asked for.

        Args:
            objective: A function of this pass and of `labels`, one value for each image.
            labels: Class indices, `(batch,)`.
            wrt: The path of a layer, for the gradient to its output; `None` for the gradient to the images.
            or_zero: Whether the gradient of what does not depend on the images is zero, with a warning, instead of an
                error. Defaults to `False`.

        Returns:
            The gradient, shaped as the images or as what `activation` returns.

        Raises:
            ValueError: The objective does not depend on it.
        """
        # By identity: labels are tensors of the graph, whose values nobody knows yet.
        key = (objective, id(labels), wrt)
        # Grad-CAM at every layer names them all when the pass begins, and pays for one backward pass instead of one
        # each.
        if key not in self._remembered:
            together = self.layers if wrt in self.layers else (wrt,)
            sources = [self.images if layer is None else self._output(layer) for layer in together]
            for layer, gradient in zip(together, self._differentiate(objective, labels, sources), strict=True):
                # With the labels: as long as they live, their id is not given out again.
                self._remembered[objective, id(labels), layer] = (gradient, labels)
        gradient, _ = self._remembered[key]
        if gradient is None:
            what = "the images" if wrt is None else f"the output of layer {wrt!r}"
            # Models that take pixels as uint8 read like any other, and the cast behind the input cuts off the
            # gradient.
            whole = [item.dtype for item in getattr(self.classifier.model, "inputs", None) or () if "int" in item.dtype]
            if whole:
                raise ValueError(
                    f"The model takes {whole[0]}, and integers have no gradient. Build it with "
                    'keras.Input(..., dtype="float32"); its layers and weights can be used again.'
                )
            reason = (
                f"The model's scores do not depend on {what} in a differentiable way, so there is no gradient. "
                "Look for a rounding, an argmax or a stop_gradient in the model or in `preprocess`."
            )
            # A heatmap of a model that is flat there is blank, which a table can show; an attack has nothing to go by.
            if not or_zero or wrt is not None:
                raise ValueError(reason)
            warn(reason, stacklevel=2)
            gradient = tf.zeros_like(self.images)
        gradient = tf.convert_to_tensor(gradient)
        return gradient if wrt is None else self._as_map(wrt, gradient)

    def remember(self, key: Hashable, labels: Tensor, build: Callable[[], T]) -> T:
        """What `build()` returned the first time, for something that is computed of this pass and of labels.

        Args:
            key: What distinguishes it from others.
            labels: Class indices, `(batch,)`. Those that are the same tensor are the same labels.
            build: Computes it, in the graph of this pass.
        """
        # A loop over targets, as DeepFool's over classes, makes labels that exist in its own graph only.
        if not self._sees(labels):  # they come from inside of a loop
            return build()
        full_key = (key, id(labels), None)
        if full_key not in self._remembered:
            with contextlib.nullcontext() if self._graph is None else self._graph.as_default():
                self._remembered[full_key] = (build(), labels)
        found: T = self._remembered[full_key][0]
        return found

    def with_classifier(self, classifier: Traceable) -> Forward:
        """The same pass for a classifier that differs in how it differentiates, or in what its outputs mean.

        Args:
            classifier: One that was made of its own by `ImageClassifier.smoothed` or `decided`, or the other way.
        """
        other = copy.copy(self)
        other.classifier = classifier
        # Gradients of the exact ReLU and of the smooth one go by the same objective and labels.
        other._remembered = {}
        if classifier.kind is not self.classifier.kind:
            other._predict()
        return other

    def _sees(self, tensor: Tensor) -> bool:
        """Whether the graph of this pass can use a tensor: its own, or one from around it."""
        # Inside of a function, a tensor of the graph around it is captured; the other way there is no access.
        owner, graph = getattr(tensor, "graph", None), self._graph
        while graph is not None and owner is not graph:
            graph = getattr(graph, "outer_graph", None)
        return owner is graph

    def _differentiate(self, objective: Objective, labels: Tensor, sources: list[Tensor]) -> list[Tensor | None]:
        with rectifiers.smooth(self.classifier.relu_beta):
            # In the graph of the pass even from inside of a loop over epsilons, so that all turns of the loop share
            # one gradient.
            with self._recording():
                value = objective(self, labels)
            fused = [] if self._folding is None else self._folding.sources(sources)
            try:
                if self._tape is not None:
                    return list(self._tape.gradient(value, sources))
                with self._recording():
                    found = tf.gradients(value, [*sources, *fused])
                    if self._folding is None:
                        return list(found)
                    return self._folding.gradients(sources, found[: len(sources)], found[len(sources) :])
            except LookupError:  # some operation between them has no gradient at all
                return [None] * len(sources)

    def _recording(self) -> contextlib.AbstractContextManager[Any]:
        """Where this pass' operations belong: on its tape, or in its graph even from inside a loop."""
        if self._graph is None:
            return self._tape or contextlib.nullcontext()
        context = contextlib.ExitStack()
        context.enter_context(self._graph.as_default())
        if self.classifier.jit_compile:
            context.enter_context(tf.xla.experimental.jit_scope(separate_compiled_gradients=True))
        return context

    def _run(self, x: Tensor) -> None:
        classifier = self.classifier
        # A `preprocess` may be made of layers, too, and draw random numbers.
        self.draws = self._scope()
        with self.draws:
            inputs = classifier.network_inputs(x, self.images)
        self.network_images = classifier.images_of(inputs)
        # Eagerly nothing is pruned, so the convolution's own output would be computed in addition to the folded one.
        if classifier.fold_batch_norm and self._graph is not None:
            topology = classifier.topology(self.images.shape[1:])
            asked = [topology.locate(layer) for layer in self.layers]
            self._folding = Folding(topology.foldable, frozenset((item.path, item.occurrence) for item in asked))
        marked = contextlib.nullcontext() if classifier.relu_beta is None else rectifiers.marked()
        with record(classifier.model, self._folding) as recorded, self.draws, marked:
            try:
                outputs = classifier.model(inputs, training=False)
            except UnbuiltLayerError:
                raise
            # Keras and TensorFlow name an inner layer and a shape of it, and not the images that the user passed.
            except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
                raise cannot_run(classifier.model, inputs, error) from error
        self.root = recorded()
        self._calls: dict[str, list[Call]] = {}
        for call in self.root.walk():
            # Layers that return several tensors, or none, have no map to explain.
            if tf.is_tensor(call.output):
                self._calls.setdefault(call.path, []).append(call)
        output = classifier.output_of(outputs)
        # Of the output itself: where classes are masked by logits of minus infinity, the softmax is finite.
        self.finite = heads.is_finite(output)
        said = classifier.kind.from_logits(classifier.from_logits)
        known = functools.partial(classifier.head, self.images.shape[1:])
        logits, self.head = heads.read_logits(output, said, classifier.reduce, known)
        heads.check_rank(logits, self.images.shape.rank, is_structure(outputs) and len(outputs) > 1)
        self._read(tf.cast(logits, tf.float32))

    def _scope(self) -> Draws:
        """What the model is run in."""
        # Layers may assign to variables in any call, as spectral normalization does; the scope drops what they assign.
        return Draws()

    def _read(self, logits: Tensor) -> None:
        """Set what depends on the logits, `(batch,)` or `(batch, units)`."""
        self.raw_logits = logits[:, None] if logits.shape.rank == 1 else logits
        outputs = self.classifier.kind.outputs(self.raw_logits, self.head, self.classifier.from_logits)
        self.logits, self.scores, self.probabilities = outputs
