"""A `keras.Model` around any other that is trained on adversarial images."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, Unpack

import keras
import tensorflow as tf

from keras_advxai import attacks, explainers
from keras_advxai._typing import Tensor
from keras_advxai.attacks import Attack
from keras_advxai.explainers import Explainer
from keras_advxai.models.inputs import check_epsilons, check_number, check_whole_number
from keras_advxai.settings.arguments import ModelArguments
from keras_advxai.training.batch import adversarial_batch, attack_for_training
from keras_advxai.training.checks import check_loss, check_share
from keras_advxai.training.drift import explainer_for_training, explanation_drift
from keras_advxai.training.trades import DivergencePGD, divergence, logits_of
from keras_advxai.wrappers import ExplainableModel


@keras.saving.register_keras_serializable(package="keras_advxai")
class AdversarialTraining(ExplainableModel):
    """A Keras model whose `fit` trains it on what an attack makes of each batch.

    The inner model is shared, and has the weights that are trained. Everything else is as in `ExplainableModel`, with
    one difference: there is one kind of input. `fit`, `evaluate`, `predict` and calling the wrapper take **images**
    too, which `preprocess` maps to what the network takes.

    Each step attacks the model as it is, in the same compiled function, and then takes Keras' own training step on
    the adversarial images. The passes of the attack are those of inference. What `fit` logs as `loss` and `accuracy`
    is that of the images that were trained on, and so of adversarial ones; `val_loss` and `val_accuracy` are of
    the clean ones. `keras_advxai.callbacks.AdversarialEvaluation` measures accuracy and drift under attack.

    Args:
        model: Any `keras.Model`: functional, sequential or subclassed. It is kept as `inner`.
        attack: The name of an attack on labels, or one. Iterative ones take all their steps on all images, and keep
            the last iterate unless they say another. Defaults to `None`: with `"madry"`, `PGD(steps=7,
            step_size=0.25)`; with `"trades"`, `DivergencePGD()`, the one of that paper.
        epsilon: The budget as a fraction of the bounds' width. Defaults to 8/255.
        loss: `"madry"`: the compiled loss of the adversarial images. `"trades"`: the compiled loss of the clean images,
            plus `beta` times the mean divergence of the predictions on the adversarial images from those on the clean
            ones, `KL(p(x) || p(x'))`. Defaults to `"madry"`.
        beta: The weight of the divergence in `"trades"`. Defaults to 6.0.
        share: With `"madry"`, the share of the images of each batch, the first ones, that are attacked; the others
            are trained on as they are. Defaults to 1.0.
        explainer: The name of an explainer, or one, whose heatmaps are to stay where they are under the attack: `gamma`
            times their mean dissimilarity on the clean and the adversarial images is added to the loss, a penalty
            on MOD; see `explanation_drift`. Defaults to `None`, no penalty.
        gamma: The weight of this penalty. Defaults to 3.0.
        warmup_steps: Over how many steps of the optimizer epsilon rises from 0 in equal parts. Defaults to 0.
        name: The wrapper's name. Defaults to one that Keras makes.
        **settings: `bounds`, `preprocess` and the other settings of the model; see `ImageClassifier`.

    Attributes:
        inner: The model inside, with the trained weights.

    Raises:
        TypeError: `model` is not a `keras.Model`, or is wrapped already.
        ValueError: One of the settings is wrong.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> inner = keras.Sequential([
    ...     keras.layers.Input((8, 8, 1)),
    ...     keras.layers.Conv2D(4, 3, activation="relu"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(3, activation="softmax"),
    ... ])
    >>> model = kax.training.AdversarialTraining(inner, attack="fgsm", epsilon=0.1)
    >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> x, y = np.random.default_rng(0).random((6, 8, 8, 1), dtype="float32"), np.arange(6) % 3
    >>> sorted(model.fit(x, y, verbose=0).history)
    ['accuracy', 'loss']

    References:
        Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018.
        Zhang et al., "Theoretically principled trade-off between robustness and accuracy", ICML 2019 (TRADES).
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        attack: str | Attack | None = None,
        epsilon: float = 8 / 255,
        loss: str = "madry",
        beta: float = 6.0,
        share: float = 1.0,
        explainer: str | Explainer | None = None,
        gamma: float = 3.0,
        warmup_steps: int = 0,
        name: str | None = None,
        **settings: Unpack[ModelArguments],
    ) -> None:
        self._objective = check_loss(loss)
        if attack is None:
            own: Attack = attacks.PGD(steps=7, step_size=0.25, keep="last")
            attack = own if self._objective == "madry" else DivergencePGD()
        self._attack_given = attacks.get(attack)
        self._attack_taken = attack_for_training(self._attack_given)
        self._epsilon = check_epsilons(epsilon, self._attack_taken.norm)[0]
        self._beta = check_number("beta", beta, 0)
        self._share = check_share(share)
        if self._share < 1 and self._objective == "trades":
            raise ValueError(
                "Argument `share` belongs to loss='madry': with loss='trades', each image counts as it is and as it is "
                f"attacked. Received: share={share!r} with loss='trades'"
            )
        self._explainer = None if explainer is None else explainer_for_training(explainer)
        self._gamma = check_number("gamma", gamma, 0)
        self._warmup_steps = check_whole_number("warmup_steps", warmup_steps, 0)
        super().__init__(model, name=name, **settings)
        # Of a trace, and not of the model: each replica of a strategy traces in a thread of its own.
        self._step = threading.local()

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """The outputs of the inner model for images, which are preprocessed first."""
        if not self.inner.built and self.preprocess is None:  # Keras calls it to build it
            return super().call(inputs, training, **kwargs)
        images = tf.convert_to_tensor(self.classifier.images_of(inputs))
        return super().call(self.classifier.network_inputs(inputs, images), training, **kwargs)

    @property
    def training_epsilon(self) -> Tensor:
        """The budget of the next step, a scalar: that of the settings once `warmup_steps` are over."""
        if not self._warmup_steps:
            return tf.constant(self._epsilon, tf.float32)
        done = tf.cast(self.optimizer.iterations, tf.float32)
        return self._epsilon * tf.minimum(1.0, done / self._warmup_steps)

    def train_step(self, data: Any) -> Any:
        """Attack a batch, and train on what became of it.

        Args:
            data: Images, labels and perhaps weights, as `fit` hands them on.
        """
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        attacked = adversarial_batch(
            self.classifier, x, y, self._attack_taken, self.training_epsilon, share=self._share
        )
        trained_on = x if self._objective == "trades" else attacked
        with self._between(x, attacked):
            return super().train_step(keras.utils.pack_x_y_sample_weight(trained_on, y, weights))

    @contextlib.contextmanager
    def _between(self, clean: Any, attacked: Any) -> Iterator[None]:
        """Where the loss is also about what lies between these inputs."""
        self._step.pair = clean, attacked
        try:
            yield
        finally:
            del self._step.pair

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The compiled loss; in a step of the training, with what TRADES and the penalty on the drift add to it."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training=training)
        if not hasattr(self._step, "pair"):
            return loss
        clean, attacked = self._step.pair
        if self._objective == "trades":
            outputs = self(attacked, training=True) if self._call_has_training_arg else self(attacked)
            logits, others = (logits_of(self.classifier, found) for found in (y_pred, outputs))
            loss += self._beta * self._mean(divergence(logits, others), sample_weight)
        if self._explainer is not None:
            drift = explanation_drift(self.classifier, clean, attacked, self._explainer)
            loss += self._gamma * self._mean(drift, sample_weight)
        return loss

    def _mean(self, values: Tensor, sample_weight: Any) -> Tensor:
        """The mean of values of the images, `(batch,)`, as Keras takes the mean of its loss."""
        if sample_weight is not None:
            weights = self.classifier.output_of(sample_weight)
            values *= tf.reshape(tf.cast(weights, values.dtype), tf.shape(values))
        return self._aggregate_additional_loss(tf.reduce_mean(values))

    def get_config(self) -> dict[str, Any]:
        """The settings and the inner model, serialised."""
        return {
            **super().get_config(),
            "attack": attacks.serialize(self._attack_given),
            "epsilon": self._epsilon,
            "loss": self._objective,
            "beta": self._beta,
            "share": self._share,
            "explainer": None if self._explainer is None else explainers.serialize(self._explainer),
            "gamma": self._gamma,
            "warmup_steps": self._warmup_steps,
        }
