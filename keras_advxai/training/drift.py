"""How far an attack moves the explanations of a batch, as a term of a loss."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_advxai import explainers
from keras_advxai._typing import Tensor
from keras_advxai.explainers import Explainer
from keras_advxai.models import ImageClassifier, as_classifier
from keras_advxai.ops.ssim import dissimilarity


def explainer_for_training(explainer: str | Explainer) -> Explainer:
    """An explainer whose heatmaps can be compared and differentiated.

    Args:
        explainer: The name of an explainer, or one.

    Raises:
        ValueError: Its heatmaps are signed or computed outside of TensorFlow, or the name is unknown.
    """
    found = explainers.get(explainer)
    if not found.differentiable or found.signed:
        why = "are signed" if found.signed else "are computed outside of TensorFlow"
        raise ValueError(
            "Argument `explainer` must be one whose heatmaps are in [0, 1] and can be differentiated, such as "
            f"'grad_cam' or 'integrated_gradients'. Received: explainer={explainer!r}, whose heatmaps {why}"
        )
    return found


def explanation_drift(
    model: keras.Model | ImageClassifier, x: Any, attacked: Any, explainer: str | Explainer = "grad_cam"
) -> Tensor:
    """How far the heatmaps of images move under an attack, as a term of a loss: NISSIM, `(batch,)`.

    `(1 - SSIM) / 2` of the heatmaps of both batches, each for the class that is predicted for the clean image. The mean
    over the images is the MOD with `target="clean"`, but for those whose clean heatmap is blank: they count as 0 here,
    and MOD leaves them out. It can be differentiated in the weights of the model and belongs inside of the
    `tf.GradientTape` of a training step; `AdversarialTraining(explainer=...)` adds it to its loss. The passes are those
    of inference.

    Args:
        model: A `keras.Model` that takes images in [0, 1], or an `ImageClassifier`.
        x: Images in image space, `(batch, height, width, channels)`, or all inputs of a model with several; tensors or
            arrays.
        attacked: The same images after an attack, such as `adversarial_batch` returns them.
        explainer: The name of an explainer, or one; not one that is signed or computes outside of TensorFlow.
            Defaults to `"grad_cam"`.

    Returns:
        float32 values in [0, 1], `(batch,)`.

    Raises:
        ValueError: The explainer is none of these, or the heatmaps are too small for SSIM, below 3 pixels.

    Example:

    A model that passes the image on, so that Grad-CAM is the image. Its drift is that of the two images:

    >>> import keras, tensorflow as tf
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((3, 3, 1)),
    ...     keras.layers.Conv2D(1, 1, kernel_initializer="ones"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1.0, 0.5]])),
    ... ])
    >>> x = tf.reshape(tf.range(1.0, 10.0) / 9, (1, 3, 3, 1))
    >>> kax.training.explanation_drift(net, x, x).numpy().tolist()
    [0.0]
    >>> with tf.GradientTape() as tape:
    ...     drift = kax.training.explanation_drift(net, x, tf.reverse(x, axis=[1]))
    >>> expected = kax.metrics.nissim(x, tf.reverse(x, axis=[1]))
    >>> abs(float(drift[0]) - float(expected[0])) < 1e-6
    True

    References:
        Chen et al., "Robust attribution regularization", NeurIPS 2019.
    """
    classifier, explaining = as_classifier(model), explainer_for_training(explainer)
    x, attacked = (keras.tree.map_structure(tf.convert_to_tensor, given) for given in (x, attacked))
    clean, moved = classifier.forward(x), classifier.forward(attacked)
    targets = clean.strongest
    maps = explaining(classifier, x, targets, forward=clean)
    others = explaining(classifier, attacked, targets, forward=moved)
    found = tf.cast(dissimilarity(maps, others), tf.float32)
    # What shows nothing cannot move, and a flat loss there would be the same constant for every other heatmap.
    shown = tf.reduce_any(maps > 0, axis=list(range(1, maps.shape.rank)))
    return tf.where(shown, found, 0.0)
