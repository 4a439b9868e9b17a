"""The contract of explainers."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai import explainers
from keras_advxai._typing import Tensor
from keras_advxai.explainers import BlankHeatmapWarning, Explainer
from keras_advxai.models import ImageClassifier, as_classifier
from keras_advxai.testing.common import (
    check_configuration,
    check_exception,
    check_independence,
    check_one_trace,
    counting,
    like,
    naming,
    predicted,
    same_maps,
    tensors,
)
from keras_advxai.testing.state import require, unchanged


def check_explainer(explainer: Explainer, model: keras.Model | ImageClassifier, x: Any) -> None:
    """Fail unless an explainer satisfies the contract of `keras_advxai.explainers.Explainer`.

    Its heatmaps are `(batch, height, width, 1)` (for signals and videos `(batch, *positions, 1)`) float32, finite, at
    most 1, and 1 somewhere unless they are blank, of which a `BlankHeatmapWarning` warns; classes may be named in
    every form; heatmaps do not depend on the batch size, on the other images of the batch or on how often they are
    asked for; composed in a function of your own they are the same; model and arrays are left alone; the
    configuration makes the round trip; one trace serves all batches.

    Two ways to the same heatmaps are equal up to rounding, and but for at most 15 % of all pixels, a patch of one
    image, which differ by at most 5 % of the largest value: where rounding carries an activation across the kink of a
    ReLU or a max-pooling, as it does with one processor and not with another.

    Args:
        explainer: The explainer.
        model: A small model that it works on.
        x: Three or more images in the model's bounds, `(batch, height, width, channels)` float32; for a model with
            several inputs all of them, in the list or dictionary that it takes.

    Raises:
        AssertionError: It does not; the message says in a sentence what it did.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> from keras_advxai.testing import check_explainer
    >>> net = keras.Sequential([
    ...     keras.layers.Input((4, 4, 1)),
    ...     keras.layers.Conv2D(2, 3, kernel_initializer="ones"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2, kernel_initializer="ones"),
    ... ])
    >>> x = np.linspace(0.1, 0.9, 48, dtype="float32").reshape(3, 4, 4, 1)
    >>> check_explainer(kax.explainers.GradCAM(), net, x)
    """
    classifier = as_classifier(model)
    targets = predicted(classifier, x)

    def run(inputs: Any, classes: np.ndarray) -> Tensor:
        return explainer(classifier, inputs, classes)

    with naming(explainer), unchanged(classifier.model, *keras.tree.flatten(x)):
        check_configuration(explainer, explainers)
        _check_heatmaps(explainer, classifier, x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BlankHeatmapWarning)
            check_independence(run, same_maps, x, targets)
            _check_targets(explainer, model, x, targets)
            _check_composed(explainer, classifier, x, targets)
            counted, traced = counting(lambda images: classifier.network_inputs(images, images))
            check_one_trace(explainer, like(classifier, bounds=classifier.bounds, preprocess=counted), traced, x)
            check_exception(explainer, classifier, x)


def _check_heatmaps(explainer: Explainer, classifier: ImageClassifier, x: Any) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        maps = explainer(classifier, x)
    shape = tuple(classifier.map_shape(classifier.images_of(x).shape))
    require(isinstance(maps, np.ndarray), f"It returned {type(maps).__name__} for NumPy images.")
    require(maps.shape == shape, f"It returned the shape {maps.shape}, not {shape}.")
    require(maps.dtype == np.float32, f"It returned {maps.dtype}, not float32.")
    require(bool(np.isfinite(maps).all()), "It returned heatmaps with NaN or infinite values.")
    lowest = -1 if explainer.signed else 0
    within = bool((maps >= lowest).all() and (maps <= 1).all())
    require(within, f"It returned values from {maps.min()} to {maps.max()}, not in [{lowest}, 1].")
    largest = np.abs(maps).max(axis=tuple(range(1, maps.ndim)))
    require(set(largest.tolist()) <= {0.0, 1.0}, f"The largest values must be 1 (or 0), not {largest}.")
    told = any(issubclass(item.category, BlankHeatmapWarning) for item in caught)
    require(told == (largest == 0).any(), "It must warn of blank heatmaps, and of nothing else.")


def _check_targets(explainer: Explainer, model: Any, x: Any, targets: np.ndarray) -> None:
    classifier = as_classifier(model)
    maps = explainer(classifier, x)
    tensor = explainer(classifier, tensors(x))
    require(tf.is_tensor(tensor), f"It returned {type(tensor).__name__} for a tensor.")
    same_maps(tensor, maps, "It gives a tensor another heatmap than a NumPy array.")
    same_maps(explainer(model, x), maps, "It treats a model and its ImageClassifier differently.")
    forms = {"an array": targets, "a tensor": tf.constant(targets), "a column": targets[:, None]}
    if not classifier.binary:
        forms["one-hot rows"] = np.eye(classifier.classes)[targets]
    for form, given in forms.items():
        apart = f"The predicted classes given as {form} differ from targets=None."
        same_maps(explainer(classifier, x, given), maps, apart)
    for target in range(min(2, classifier.classes)):
        every = explainer(classifier, x, np.full(len(targets), target))
        same_maps(
            explainer(classifier, x, target),
            every,
            f"The class {target} for all images differs from {target} for each.",
        )


def _check_composed(explainer: Explainer, classifier: ImageClassifier, x: Any, targets: np.ndarray) -> None:
    @tf.function
    def composed(inputs: Any, classes: Tensor) -> tuple[Tensor, ...]:
        forward = classifier.forward(inputs)
        maps = explainer(classifier, inputs, classes, forward=forward)
        rows = tf.one_hot(classes, classifier.classes)
        return (
            maps,
            explainer(classifier, inputs, forward=forward),
            explainer(classifier, inputs, rows, forward=forward),
            explainer(classifier, inputs, 0, forward=forward),
            explainer.attributions(classifier, inputs, forward=forward),
        )

    *found, raw = composed(tensors(x), tf.constant(targets))
    apart = "It gives other heatmaps inside a tf.function with forward= than by itself."
    for maps, given in zip(found, (targets, None, targets, 0), strict=True):
        same_maps(maps, explainer(classifier, x, given), apart)
    alone = explainer.attributions(classifier, x)
    fits = alone.ndim == np.ndim(found[0]) and len(alone) == len(targets)
    require(fits, f"Attributions must be (batch, h, w, channels), not of shape {alone.shape}.")
    same_maps(raw, alone, "It gives other attributions inside a tf.function than by itself.")
