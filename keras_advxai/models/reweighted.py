"""A classifier whose model has other weights, without another model."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_advxai._typing import Shape, Tensor
from keras_advxai.models.autograph import do_not_convert
from keras_advxai.models.classifier import ImageClassifier
from keras_advxai.models.draws import Draws
from keras_advxai.models.forward import Forward
from keras_advxai.models.recording import all_operations, record


class ReweightedClassifier(ImageClassifier):
    """An `ImageClassifier` of the same model that sees other values of its weights.

    The model is not touched: its variables are read through a scope of Keras that says what their values are. It is
    made while a graph is traced and lives no longer than the trace, so the values may be tensors, and nothing is
    compiled for it.

    Args:
        classifier: The classifier.
        values: A tensor for each of `weights(classifier.model)`.
        shape: `(height, width, channels)` of the images.
    """

    def __init__(self, classifier: ImageClassifier, values: Sequence[Tensor], shape: Shape) -> None:
        vars(self).update(vars(classifier))
        # A linear layer is known by its variables, and here its kernel is a tensor as any other.
        self.from_logits = {"linear": True, "probability": False}.get(classifier.head(shape), classifier.from_logits)
        self.fold_batch_norm = False  # folding computes with the weights past the layers
        pairs = zip(weights(classifier.model), values, strict=True)
        self.state = [(weight, tf.ensure_shape(value, weight.shape)) for weight, value in pairs]

    @do_not_convert
    def forward(self, x: Tensor, *, layers: Sequence[str] = ()) -> Forward:
        """As that of the classifier, with other weights."""
        return _ReweightedForward(self, x, layers=layers)

    def compiled(self, key: Hashable, function: Callable[..., Any], *args: Any) -> Any:
        """The result of `function(self, *args)`, not compiled by itself."""
        return function(self, *args)


class _ReweightedForward(Forward):
    """A pass with the weights of its classifier."""

    classifier: ReweightedClassifier

    def _scope(self) -> Draws:
        return Draws(self.classifier.state)


def weights(model: keras.Model) -> list[keras.Variable]:
    """What training changes, also where it is frozen; not the statistics of a normalisation, nor seeds."""
    own = [weight for item in all_operations(model) for weight in vars(item).get("_trainable_variables", ())]
    return list({id(weight): weight for weight in own}.values())


def weights_by_layer(classifier: ImageClassifier, inputs: Any) -> list[tuple[str, list[int]]]:
    """Each layer that has weights, and which of `weights` are its own, from the first that a pass runs to the last.

    Args:
        classifier: The classifier, whose model is run once, not compiled.
        inputs: What the model takes.
    """
    model, images = classifier.model, classifier.images_of(inputs)
    with keras.StatelessScope():
        prepared = classifier.network_inputs(
            inputs, images
        )  # by layers that may be the model's, and are no part of a pass
        with record(model) as recorded:
            model(prepared, training=False)
    places = {id(weight): place for place, weight in enumerate(weights(model))}
    found: dict[str, list[int]] = {}
    taken: set[int] = set()
    # From the last call to the first, so that a layer that is called twice stands where it is nearest to the classes.
    for call in reversed([*recorded().walk(), recorded()]):
        own = [places[id(weight)] for weight in vars(call.operation).get("_trainable_variables", ())]
        if own and not taken.issuperset(own):
            found[call.path or model.name] = own
            taken.update(own)
    rest = [place for place in places.values() if place not in taken]
    if rest:  # of layers that this pass did not run, or that keep their weights elsewhere
        found["the rest"] = rest
    return [*found.items()][::-1]
