"""One recorded pass of a classifier, and the gradients that were asked of it."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from keras_advxai._typing import Score, Tensor
from keras_advxai.models import heads, rectifiers
from keras_advxai.models.discovery import Place
from keras_advxai.models.folding import Folding
from keras_advxai.models.maps import as_map
from keras_advxai.models.recording import Call, record
from keras_advxai.ops.losses import pick

if TYPE_CHECKING:
    from keras_advxai.models.classifier import ImageClassifier

Objective = Callable[["Forward", Tensor], Tensor]
"""A function of a pass and of one label for each image, with one value for each image, `(batch,)`."""


class Forward:
    """One pass of a classifier over a batch of images: outputs, activations and gradients.

    Everything that looks at a model takes such a pass as `forward=`, so that a prediction, an attack and
    any number of explanations of the same images cost one pass together. A gradient is computed when it is
    first asked for, and remembered: an attack at five strengths takes one, however the five are traced.

    Made by `ImageClassifier.forward`, inside a `tf.function` or eagerly. In a graph, gradients are taken
    symbolically between exactly the tensors asked for, so Grad-CAM pays for the layers behind its own and
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
        predictions: The most probable class of each image, `(batch,)` int32.
    """

    def __init__(self, classifier: ImageClassifier, x: Tensor, *, layers: Sequence[str] = ()) -> None:
        self.classifier = classifier
        self.layers = tuple(layers)
        self.inputs = x
        self.images = tf.cast(classifier.images_of(x), tf.float32)
        self._graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        self._tape = tf.GradientTape(persistent=True) if self._graph is None else None
        self._remembered: dict[Any, tuple[Any, Any]] = {}
        self._folding: Folding | None = None
        with self._recording():
            if self._tape is not None:
                self._tape.watch(self.images)
            self._run(x)
        self.predictions = tf.argmax(self.logits, axis=-1, output_type=tf.int32)

    @tf.autograph.experimental.do_not_convert
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
        call, place = self._call(layer)
        return call.output if place.input is None else call.inputs[place.input]

    def _as_map(self, layer: str, output: Tensor) -> Tensor:
        call, place = self._call(layer)
        return as_map(output, call.frames, place.order)

    def _call(self, layer: str) -> tuple[Call, Place]:
        """The recorded call of a layer, and where it was found."""
        place = self.classifier.survey(self.images.shape[1:]).place(layer)
        calls = self._calls.get(place.path, [])
        if not -len(calls) <= place.occurrence < len(calls):
            raise ValueError(f"The pass did not reach a layer {layer!r}; it reached {', '.join(self._calls)}")
        return calls[place.occurrence], place

    def score(self, targets: Tensor, kind: Score = "logit") -> Tensor:
        """The score of one class for each image, before (`"logit"`) or after (`"probability"`) the softmax.

        Args:
            targets: Class indices, `(batch,)`.
            kind: `"logit"` or `"probability"`.

        Returns:
            Scores, `(batch,)` float32.
        """
        values = self.scores if kind == "logit" else self.probabilities
        return pick(values, targets)

    @tf.autograph.experimental.do_not_convert
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
        key = (objective, id(labels), wrt)
        if key not in self._remembered:
            together = self.layers if wrt in self.layers else (wrt,)
            sources = [self.images if layer is None else self._output(layer) for layer in together]
            for layer, gradient in zip(together, self._differentiate(objective, labels, sources), strict=True):
                self._remembered[objective, id(labels), layer] = (gradient, labels)
        gradient, _ = self._remembered[key]
        if gradient is None:
            what = "the images" if wrt is None else f"the output of layer {wrt!r}"
            whole = [item.dtype for item in getattr(self.classifier.model, "inputs", None) or () if "int" in item.dtype]
            if whole:
                raise ValueError(
                    f"The model takes {whole[0]}, and whole numbers have no gradient. Build it with "
                    'keras.Input(..., dtype="float32"); its layers and weights can be used again.'
                )
            reason = (
                f"The model's scores do not depend on {what} in a differentiable way, so there is no gradient. "
                "Look for a rounding, an argmax or a stop_gradient in the model or in `preprocess`."
            )
            if not or_zero or wrt is not None:
                raise ValueError(reason)
            warnings.warn(reason, stacklevel=2)
            gradient = tf.zeros_like(self.images)
        gradient = tf.convert_to_tensor(gradient)
        return gradient if wrt is None else self._as_map(wrt, gradient)

    def remember(self, key: Hashable, labels: Tensor, build: Callable[[], Tensor]) -> Tensor:
        """What `build()` returned the first time, for something that is computed of this pass and of labels.

        Args:
            key: What tells it apart from others.
            labels: Class indices, `(batch,)`. Those that are the same tensor are the same labels.
            build: Computes it, in the graph of this pass.
        """
        if not self._sees(labels):  # they come from inside of a loop
            return build()
        place = (key, id(labels), None)
        if place not in self._remembered:
            with contextlib.nullcontext() if self._graph is None else self._graph.as_default():
                self._remembered[place] = (build(), labels)
        return self._remembered[place][0]

    def seen_by(self, classifier: ImageClassifier) -> Forward:
        """The same pass for a classifier that differs in how it differentiates, `ImageClassifier.smoothed`.

        Args:
            classifier: The smoothed classifier, or the one that it was made from, if a smoothed one made the pass.
        """
        other = copy.copy(self)
        other.classifier = classifier
        other._remembered = {}
        return other

    def _sees(self, tensor: Tensor) -> bool:
        """Whether the graph of this pass can use a tensor: its own, or one from around it."""
        owner, graph = getattr(tensor, "graph", None), self._graph
        while graph is not None and owner is not graph:
            graph = getattr(graph, "outer_graph", None)
        return owner is graph

    def _differentiate(self, objective: Objective, labels: Tensor, sources: list[Tensor]) -> list[Tensor | None]:
        with rectifiers.smooth(self.classifier.relu_beta):
            with self._recording():
                value = objective(self, labels)
            beside = [] if self._folding is None else self._folding.sources(sources)
            try:
                if self._tape is not None:
                    return list(self._tape.gradient(value, sources))
                with self._recording():
                    found = tf.gradients(value, [*sources, *beside])
                    if self._folding is None:
                        return list(found)
                    return self._folding.gradients(sources, found[: len(sources)], found[len(sources) :])
            except LookupError:  # some operation between them has no gradient at all
                return [None] * len(sources)

    def _recording(self) -> contextlib.AbstractContextManager[Any]:
        """Where this pass' operations belong: on its tape, or in its graph even from inside of a loop."""
        if self._graph is None:
            return self._tape or contextlib.nullcontext()
        context = contextlib.ExitStack()
        context.enter_context(self._graph.as_default())
        if self.classifier.jit_compile:
            context.enter_context(tf.xla.experimental.jit_scope(separate_compiled_gradients=True))
        return context

    def _run(self, x: Tensor) -> None:
        classifier = self.classifier
        inputs = classifier.network_inputs(x, self.images)
        self.network_images = classifier.images_of(inputs)
        if classifier.fold_batch_norm and self._graph is not None:
            found = classifier.survey(self.images.shape[1:])
            places = [found.place(layer) for layer in self.layers]
            self._folding = Folding(found.foldable, frozenset((item.path, item.occurrence) for item in places))
        marked = contextlib.nullcontext() if classifier.relu_beta is None else rectifiers.marked()
        with record(classifier.model, self._folding) as recorded, keras.StatelessScope(), marked:
            try:
                outputs = classifier.model(inputs, training=False)
            except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
                shapes = keras.tree.map_structure(lambda item: tuple(item.shape), inputs)
                raise ValueError(
                    f"The model {classifier.model.name!r} cannot be run on inputs of shape {shapes}: {error}"
                ) from error
        self.root = recorded()
        self._calls: dict[str, list[Call]] = {}
        for call in self.root.walk():
            if tf.is_tensor(call.output):
                self._calls.setdefault(call.path, []).append(call)
        output = classifier.output_of(outputs)
        if self._graph is not None:
            logits, self.head = heads.find_logits(output, classifier.from_logits)
        else:
            self.head = classifier.head(self.images.shape[1:])
            logits = _eager_logits(output, self.head)
        self._read(tf.cast(logits, tf.float32))

    def _read(self, logits: Tensor) -> None:
        """Sets what depends on the logits, `(batch,)` or `(batch, units)`."""
        if logits.shape.rank == 1:
            logits = logits[:, None]
        self.source = logits
        if logits.shape.rank != 2 or logits.shape[-1] is None:
            raise ValueError(
                "The model's output must have the shape (batch, classes). Received: an output of shape "
                f"{tuple(logits.shape)}. Pass ImageClassifier(model, output=...) if another output has the classes."
            )
        if logits.shape[-1] > 1:
            self.logits = self.scores = logits
            self.probabilities = tf.sigmoid(logits) if self.head == "sigmoid" else tf.nn.softmax(logits)
            return
        if self.head not in ("sigmoid", "probability") and not self.classifier.from_logits:
            raise ValueError(
                "The model ends in one linear unit, which may be a regression. If it is the logit of class 1 against "
                "class 0, pass ImageClassifier(model, from_logits=True), or from_logits=True to the callback."
            )
        if self.head == "probability":
            logits = logits - tf.math.log1p(-tf.minimum(tf.exp(logits), 1 - 6e-8))
        self.logits = tf.concat([tf.zeros_like(logits), logits], axis=-1)
        self.scores = tf.concat([-logits, logits], axis=-1)
        self.probabilities = tf.concat([tf.sigmoid(-logits), tf.sigmoid(logits)], axis=-1)


def logit_score(forward: Forward, targets: Tensor) -> Tensor:
    """The objective of an explanation before the softmax."""
    return forward.score(targets, "logit")


def probability_score(forward: Forward, targets: Tensor) -> Tensor:
    """The objective of an explanation after the softmax."""
    return forward.score(targets, "probability")


SCORES: dict[str, Objective] = {"logit": logit_score, "probability": probability_score}


def _eager_logits(output: Tensor, head: str) -> Tensor:
    if head == "linear":
        return output
    if head == "probability":
        return heads.log_of(output)
    if not hasattr(output, "_keras_logits"):
        raise ValueError(
            f"The logits in front of the model's {head} can be reached in a compiled function only. "
            "Call `forward` inside of a `tf.function`."
        )
    return output._keras_logits
