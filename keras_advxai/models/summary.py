"""What one traced pass shows of a model: its head, its classes and its layers."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai.models.discovery import trace_topology
from keras_advxai.models.draws import random_operations
from keras_advxai.models.forward import Forward, Traceable
from keras_advxai.models.last_operation import visible_end
from keras_advxai.models.neighbours import Images, first_mixing, may_mix, outputs_of
from keras_advxai.models.selection import is_structure
from keras_advxai.models.signature import network_specs
from keras_advxai.models.topology import Topology


@dataclasses.dataclass(frozen=True)
class ModelSummary:
    """What one traced pass shows of a model.

    Attributes:
        head: The kind of head: `"softmax"`, `"sigmoid"`, `"linear"` or `"probability"`.
        classes: How many classes the model has; one sigmoid unit counts as two.
        binary: Whether the model ends in one unit that counts as two classes.
        topology: The layers between the images and the classes.
        visible_end: What the last operation is, whatever is said of the output; see `last_operation.visible_end`.
        may_mix: Whether what the model says of an image may depend on the others of its batch; see `mixing_layer`.
    """

    head: str
    classes: int
    binary: bool
    topology: Topology
    visible_end: str | None
    may_mix: bool = False


def summarize(classifier: Traceable, size: tuple[int, ...]) -> ModelSummary:
    """Trace one pass and read from its graph what can be known without computing anything.

    Args:
        classifier: The classifier.
        size: The shape of an image.
    """
    seen: dict[str, Any] = {}

    def look(x: Any) -> None:
        forward = Forward(classifier, x)
        # Scores of positions or boxes, and not of the image.
        output = classifier.output_of(forward.root.output)
        reduced = classifier.reduce is not None and output.shape.rank > 2
        topology = trace_topology(forward.root, forward.images, forward.network_images, forward.raw_logits, reduced)
        random = random_operations(forward.raw_logits, forward.draws, classifier.model._flatten_layers())
        seen.update(
            head=forward.head,
            classes=forward.logits.shape[-1],
            binary=forward.raw_logits.shape[-1] < forward.logits.shape[-1],
            topology=dataclasses.replace(topology, random=random),
            visible_end=visible_end(output),
            may_mix=not random and may_mix(forward.images, forward.raw_logits),
        )

    # A subclassed model has no graph until it is called, so the pass is traced, and its graph thrown away, for all.
    tf.function(look, autograph=False).get_concrete_function(_specs(classifier, size))
    return ModelSummary(**seen)


def mixing_layer(classifier: Traceable, size: tuple[int, ...]) -> str | None:
    """The layer that makes what a model says of an image depend on the others of its batch, found by running it.

    Args:
        classifier: The classifier.
        size: `(height, width, channels)` of the images, `None` where a side is open.

    Returns:
        Its path, `""` if it has none; `None` where there is no such layer.
    """

    def look(x: Any) -> tuple[Any, dict[str, Any]]:
        forward = Forward(classifier, x)
        return forward.raw_logits, outputs_of(forward.root, forward.raw_logits)

    specs = _specs(classifier, size)
    run = tf.function(look, autograph=False).get_concrete_function(specs)
    return first_mixing(run, functools.partial(_inputs, classifier, specs), Images(size, classifier.bounds))


def _specs(classifier: Traceable, size: tuple[int, ...]) -> Any:
    """What a pass over images of a size takes."""
    specs, images = network_specs(classifier.model), tf.TensorSpec((None, *size), tf.float32)
    return classifier.with_images(specs, images) if is_structure(specs) else images


def _inputs(classifier: Traceable, specs: Any, images: np.ndarray) -> Any:
    """What a model takes, of images: other inputs beside them are zero, or empty words."""

    def filled(spec: tf.TensorSpec) -> Any:
        shape = [len(images), *(1 if side is None else side for side in spec.shape[1:])] if spec.shape.rank else []
        return tf.fill(shape, "") if spec.dtype == tf.string else tf.zeros(shape, spec.dtype)

    others = keras.tree.map_structure(filled, specs) if is_structure(specs) else None
    return classifier.with_images(others, tf.constant(images, tf.float32))
