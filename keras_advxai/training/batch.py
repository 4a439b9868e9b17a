"""The adversarial images of one batch, for every way to train."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_advxai import attacks
from keras_advxai._typing import Tensor
from keras_advxai.attacks import Attack
from keras_advxai.models import ImageClassifier, as_classifier
from keras_advxai.training.checks import check_share


def attack_for_training(attack: str | Attack) -> Attack:
    """The attack as it runs in training: in a fixed number of passes, whatever the images.

    Where `keep` is left open, the last iterate is taken, as in Madry et al.: it costs no pass of its own.

    Args:
        attack: The name of an attack, or one.

    Raises:
        ValueError: It aims at something else than labels, or is unknown.
    """
    found = attacks.get(attack)
    if found.aim != "label":
        raise ValueError(
            "Argument `attack` must be an attack that makes a model misclassify, such as 'fgsm' or 'pgd'. Received: "
            f"attack={attack!r}, which aims at {'the explanation' if found.aim == 'explanation' else 'nothing'}"
        )
    if found.targeted:
        raise ValueError(
            "Argument `attack` must be untargeted: the labels of the training are true classes, and no targets. "
            f"Received: attack={attack!r}"
        )
    config = found.get_config()
    if "keep" in config and config["keep"] is None and config.get("restarts", 1) == 1:
        found = type(found).from_config({**config, "keep": "last"})
    return found.with_whole_budget()


def adversarial_batch(
    model: keras.Model | ImageClassifier,
    x: Any,
    y: Any = None,
    attack: str | Attack = "fgsm",
    epsilon: float | Tensor = 8 / 255,
    *,
    share: float = 1.0,
) -> Any:
    """A batch of which some images, or all, were attacked: for a training loop of your own.

    Call it in a `train_step`, inside of any `tf.function` or eagerly; each call attacks the model as it is at that
    moment. Passes of the attack are those of inference: neither the moving statistics of a BatchNormalization nor the
    random numbers of a Dropout take notice.

    Args:
        model: A `keras.Model` that takes images in [0, 1], or an `ImageClassifier`.
        x: Images in image space, `(batch, height, width, channels)`, or all inputs of a model with several.
        y: The true class of each image, `(batch,)` or one-hot, or of a model with several outputs the labels of each.
            Defaults to `None`: the model's own predictions, from which nothing of the labels can leak into the images
            (Kurakin et al. 2017).
        attack: The name of an attack on labels, or one. Iterative ones take all their steps on all images, and keep
            the last iterate unless they say another. Defaults to `"fgsm"`.
        epsilon: The budget as a fraction of the bounds' width. It may be a tensor. Defaults to 8/255.
        share: The share of the images, the first ones of the batch, that are attacked, one at
            the least. Defaults to 1.0, all.

    Returns:
        Inputs as `x` (NumPy for NumPy, tensors for tensors), with float32 images.

    Raises:
        ValueError: The attack does not aim at labels, or `share` is not above 0 and up to 1.

    Example:

    A training step by hand. Wrap the model once, and not in each step:

    >>> import keras, numpy as np, tensorflow as tf
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> optimizer = keras.optimizers.SGD(0.1)
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> @tf.function
    ... def train_step(x, y):
    ...     x = kax.training.adversarial_batch(net, x, y, "pgd", epsilon=0.1)
    ...     with tf.GradientTape() as tape:
    ...         value = loss(y, net(x, training=True))
    ...     optimizer.apply(tape.gradient(value, net.trainable_variables), net.trainable_variables)
    ...     return value
    >>> x, y = np.random.default_rng(0).random((8, 4, 4, 1), "float32"), np.arange(8) % 2
    >>> first = train_step(x, y)
    >>> bool(train_step(x, y) < first)
    True

    References:
        Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018.
        Kurakin et al., "Adversarial machine learning at scale", ICLR 2017.
    """
    check_share(share)
    classifier, found = as_classifier(model), attack_for_training(attack)
    images = tf.cast(classifier.images_of(x), tf.float32)
    labels = None if y is None else classifier.output_of(y)
    if share == 1:
        return classifier.with_images(x, found(classifier, x, labels, epsilon))
    # At least one, so that a short last batch is attacked too.
    count = tf.maximum(1, tf.cast(tf.round(share * tf.cast(tf.shape(images)[0], tf.float32)), tf.int32))
    some = keras.tree.map_structure(lambda part: part[:count], x)
    attacked = found(classifier, some, None if labels is None else labels[:count], epsilon)
    whole = tf.concat([tf.cast(attacked, tf.float32), images[count:]], axis=0)
    return classifier.with_images(x, whole if tf.is_tensor(classifier.images_of(x)) else whole.numpy())
