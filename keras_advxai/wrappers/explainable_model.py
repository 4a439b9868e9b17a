"""A `keras.Model` around any other that also explains, attacks and measures its robustness."""

from __future__ import annotations

import inspect
import os
import types
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import keras
import tensorflow as tf

from keras_advxai import attacks, explainers
from keras_advxai._typing import Bounds, ImageNames, Labels, OnError, Preprocess, Reduce, TaskName, Tensor
from keras_advxai.api import evaluate
from keras_advxai.attacks import Attack
from keras_advxai.evaluation import EvaluationReport, EvaluationSettings
from keras_advxai.execution.runner import Runner
from keras_advxai.explainers import Explainer
from keras_advxai.models import ImageClassifier
from keras_advxai.settings.arguments import FUNCTION_SETTINGS, MODEL_SETTINGS, RobustnessArguments, takes_settings
from keras_advxai.wrappers.overrides import PREDICTION, check_own_optimizer, check_trains_alike, overridden
from keras_advxai.wrappers.saving import deserialized, serialized
from keras_advxai.wrappers.wrappable import check_settings, check_wrappable


def _of_inner(name: str, summary: str) -> property:
    def get(self: ExplainableModel) -> Any:
        return getattr(self.inner if hasattr(self.inner, name) else super(ExplainableModel, self), name)

    return property(get, doc=summary)


@keras.saving.register_keras_serializable(package="keras_advxai")
class ExplainableModel(keras.Model):
    """A Keras model that explains its predictions and attacks itself, and is the inner model in all else.

    The inner model is shared, not copied: both have the same weights, whichever of them is trained. The wrapper
    compiles, fits, evaluates, predicts, saves and loads as the inner model does, to the last bit; what it is compiled
    with is its own. It may be passed wherever a model is taken.

    There are two kinds of input. `fit`, `evaluate`, `predict` and calling the wrapper take **what the network
    takes**, as with the inner model; the `predict` of KerasHub's classifiers takes images. `explain`, `attack` and
    `evaluate_robustness` take **images**, which `preprocess` maps to what the network takes. For
    `ExplainableModel(keras.applications.MobileNetV2(), preprocess="mobilenet_v2")` that is `model.explain(pixels)`
    with pixels from 0 to 255, and `model.predict(keras.applications.mobilenet_v2.preprocess_input(pixels))`. For
    images that the network takes as they are, `preprocess=None`, the two are the same.

    The weights are those of the inner model, so `model.inner.save` and `model.inner.load_weights` keep working with
    files of the inner model by itself. An inner model with training methods of its own (`train_step`, `compute_loss`,
    ...) is trained by itself; compiling the wrapper is an error then.

    Args:
        model: Any `keras.Model`: functional, sequential or subclassed. It is kept as `inner`.
        bounds: The smallest and the largest value that a pixel may take; see `ImageClassifier`. Defaults to `(0, 1)`,
            and to `(0, 255)` where `preprocess` is a name or the model's own.
        preprocess: From images to what the network takes; see `ImageClassifier`. To be saved with the model, a
            function has to be registered with `keras.saving.register_keras_serializable`. Defaults to `None`.
        from_logits: Whether the output is logits; see `ImageClassifier`. Defaults to `None`, inferred.
        output: Which of several outputs has the classes. Defaults to `None`.
        input: Which of several inputs has the images. Defaults to `None`.
        reduce: See `ImageClassifier`. To be saved, it has to be registered as `preprocess`. Defaults to `None`.
        labels: `"multi"` for several labels; see `ImageClassifier`. Defaults to `None`.
        task: `"regression"` for numbers; see `ImageClassifier`. Defaults to `None`.
        fold_batch_norm: For explanations and attacks; see `ImageClassifier`. Defaults to `False`.
        jit_compile: For explanations and attacks; see `ImageClassifier`. Defaults to `False`.
        name: The wrapper's name. Defaults to one that Keras makes.

    Attributes:
        inner: The model inside.

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
    >>> model = kax.ExplainableModel(inner, bounds=(0, 1))
    >>> x = np.random.default_rng(0).random((2, 8, 8, 1), dtype="float32")
    >>> bool((model.predict(x, verbose=0) == inner.predict(x, verbose=0)).all())
    True
    >>> model.explain(x).shape
    (2, 8, 8, 1)
    >>> float(abs(model.attack(x, epsilon=0.1) - x).max()) <= 0.1 + 1e-6
    True
    """

    inputs = _of_inner("inputs", "The inputs of the inner model.")
    outputs = _of_inner("outputs", "The outputs of the inner model.")
    input = _of_inner("input", "The input of the inner model, structured as it takes it.")
    output = _of_inner("output", "The output of the inner model, structured as it returns it.")
    input_shape = _of_inner("input_shape", "Shape of what the inner model takes.")
    output_shape = _of_inner("output_shape", "Shape of what the inner model returns.")
    output_names = _of_inner("output_names", "Names of the outputs, which losses and metrics may refer to.")
    losses = _of_inner("losses", "Losses that the inner model adds to the compiled one.")
    trainable_variables = _of_inner("trainable_variables", "What the inner model trains.")
    trainable_weights = _of_inner("trainable_weights", "What the inner model trains.")

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
        name: str | None = None,
    ) -> None:
        check_wrappable(model, ExplainableModel)
        super().__init__(name=name, dtype=model.dtype_policy, autocast=False)  # the inner model casts by itself
        self.inner = model
        # Dropout inside of a model whose `call` takes no `training` does not learn of it from `train_step` either.
        self._call_has_training_arg = "training" in inspect.signature(model.call).parameters
        if not tf.distribute.has_strategy():  # wrapped outside of the scope it was made in
            self._distribute_strategy = getattr(model, "_distribute_strategy", None)
        # Not a dictionary, in which Keras would track a layer given as `preprocess` as part of the model.
        given = (bounds, preprocess, from_logits, output, input, reduce, labels, task, fold_batch_norm, jit_compile)
        self._settings: Mapping[str, Any] = types.MappingProxyType(dict(zip(MODEL_SETTINGS, given, strict=True)))
        self._classifier: ImageClassifier | None = None
        if model.built:
            self._classifier = ImageClassifier(model, **self._settings)
        else:
            check_settings(model, self._settings)  # what is wrong with them is said now already

    @property
    def classifier(self) -> ImageClassifier:
        """The inner model with its bounds and preprocessing, as attacks and explainers see it.

        Raises:
            ValueError: The inner model is not built yet, or does not fit the settings.
        """
        if self._classifier is None:  # the inner model was not built when it was wrapped
            self._classifier = ImageClassifier(self.inner, **self._settings)
        return self._classifier

    @property
    def classifier_settings(self) -> Mapping[str, Any]:
        """What `classifier` is made with, as given: `bounds`, `preprocess` and the other settings of the model."""
        return self._settings

    @property
    def preprocess(self) -> Preprocess:
        """The function from images to what the network takes, as given."""
        preprocess: Preprocess = self._settings["preprocess"]
        return preprocess

    def explain(
        self, x: Tensor, explainer: str | Explainer = "grad_cam", targets: int | Tensor | None = None
    ) -> Tensor:
        """Heatmaps of the regions that are evidence for a class; see `keras_advxai.explainers.Explainer`.

        Args:
            x: Images, `(batch, height, width, channels)`, within the bounds.
            explainer: The name of an explainer, or one, such as `GradCAM(layer="conv2d")`. Defaults to `"grad_cam"`.
            targets: The class to explain: one for all images, one for each, or `None` for the class that the model
                predicts for each. Defaults to `None`.

        Returns:
            Heatmaps, `(batch, height, width, 1)` float32.
        """
        return explainers.get(explainer)(self, x, targets)

    def attack(
        self,
        x: Tensor,
        y: Tensor | None = None,
        attack: str | Attack = "fgsm",
        epsilon: float | Sequence[float] | Tensor = 8 / 255,
    ) -> Tensor:
        """Adversarial images; see `keras_advxai.attacks.Attack`.

        Args:
            x: Images, `(batch, height, width, channels)`, within the bounds.
            y: The true class of each image; for a targeted attack the target class. Defaults to the model's own
                prediction.
            attack: The name of an attack, or one. Defaults to `"fgsm"`.
            epsilon: The budget as a fraction of the bounds' width, or several. Defaults to 8/255.

        Returns:
            Images as `x`, float32, within the bounds and the budget.
        """
        return attacks.get(attack)(self, x, y, epsilon)

    @takes_settings(EvaluationSettings, indent=12, without=MODEL_SETTINGS)
    def evaluate_robustness(
        self,
        data: Any,
        *,
        names: ImageNames = None,
        log_dir: str | os.PathLike[str] | None = None,
        class_names: Sequence[str] | Mapping[int, str] | None = None,
        progress: bool = True,
        journal: str | os.PathLike[str] | None = None,
        on_error: OnError = "raise",
        shard: tuple[int, int] | None = None,
        runner: Runner | None = None,
        settings: EvaluationSettings | None = None,
        **arguments: Unpack[RobustnessArguments],
    ) -> EvaluationReport:
        """Measure how accuracy falls, and how far explanations drift, under attacks of several epsilons.

        `keras_advxai.evaluate` on this model, with all its arguments but those that the wrapper has: `bounds`,
        `preprocess` and the others that it was made with.

        Args:
            data: Images and labels in image space, as `keras_advxai.evaluate` takes them.
            names: {names}
            log_dir: Where to write TensorBoard logs and `advxai/report.json`. Defaults to `None`, nowhere.
            class_names: Names of the classes; see `keras_advxai.evaluate`. Defaults to `None`.
            progress: Whether to show a progress bar on standard error. Defaults to `True`.
            journal: A file from which the same call goes on; see `keras_advxai.evaluate`. Defaults to `None`, none.
            on_error: What to do if a batch fails; see `keras_advxai.evaluate`. Defaults to `"raise"`.
            shard: One of several parts of the data; see `keras_advxai.evaluate`. Defaults to `None`, all of the data.
            runner: What measures the batches; see `keras_advxai.evaluate`. Defaults to `None`: they are measured here.
            settings: {settings}

        Returns:
            An `EvaluationReport`.

        Raises:
            TypeError: There is no argument of that name, or the wrapper has it.
        """
        for key in ("model", *MODEL_SETTINGS):  # a type checker knows, others are told where it is set
            if key in arguments:
                received = f"{key}={dict(arguments)[key]!r}. Set it where the model is wrapped."
                raise TypeError(f"evaluate_robustness takes no `{key}`: the wrapper has its own. Received: {received}")
        return evaluate(
            self,
            data,
            names=names,
            log_dir=log_dir,
            class_names=class_names,
            progress=progress,
            journal=journal,
            on_error=on_error,
            shard=shard,
            runner=runner,
            settings=settings,
            **arguments,
        )

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """The outputs of the inner model for what it takes: no preprocessing, no cast."""
        if training is not None:
            kwargs["training"] = training  # some calls take none
        return self.inner(inputs, **kwargs)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Nothing to add: the outputs carry the masks that the inner model gave them."""

    @property
    def built(self) -> bool:
        """Whether the inner model is built."""
        inner = self.__dict__.get("inner")  # Keras asks before it is there
        return inner is not None and inner.built

    @built.setter
    def built(self, value: bool) -> None:
        """Keras says so after it has called a layer; the inner model knows by itself."""

    def build(self, input_shape: Any) -> None:
        """Build the inner model, if it builds from a shape; else it builds when it is called first."""
        if not self.inner.built and not getattr(self.inner.build, "_is_default", False):
            self.inner.build(input_shape)

    @property
    def trainable(self) -> bool:
        """Whether the inner model is trained."""
        return bool(self.inner.trainable)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.inner.trainable = value

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The compiled metrics, then those of the inner model and its layers, in its order."""
        layers = self.inner._flatten_layers(include_self=False)
        kept = [*self.inner._metrics]
        for layer in layers:
            kept += [] if isinstance(layer, keras.Model) else layer.metrics  # nested models are left out by Keras, too
        known = {id(metric) for metric in kept}  # Keras lists them among those of our layers, in another order
        return [*(metric for metric in super().metrics if id(metric) not in known), *kept]

    def get_layer(self, name: str | None = None, index: int | None = None) -> keras.Layer:
        """The layer of the inner model with this name or index."""
        return self.inner.get_layer(name=name, index=index)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """As `keras.Model.compile`.

        Raises:
            ValueError: The inner model has training methods of its own, or the optimizer is the inner model's.
        """
        check_trains_alike(self.inner)
        check_own_optimizer(self.inner, kwargs.get("optimizer", args[0] if args else None))
        super().compile(*args, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as `get_compile_config` says."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built and self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)  # or loading finds no place for its state

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """As the `predict` of the inner model."""
        own = overridden(self.inner, PREDICTION)
        return self.inner.predict(*args, **kwargs) if own else super().predict(*args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """As the `predict_on_batch` of the inner model."""
        return self.inner.predict_on_batch(x) if overridden(self.inner, PREDICTION) else super().predict_on_batch(x)

    def export(self, *args: Any, **kwargs: Any) -> None:
        """Export the inner model; see `keras.Model.export`."""
        self.inner.export(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The settings and the inner model, serialised.

        Raises:
            ValueError: `preprocess` could not be found again when loading.
        """
        return {
            "name": self.name,
            "model": keras.saving.serialize_keras_object(self.inner),
            "dtype": keras.dtype_policies.serialize(self.inner.dtype_policy),  # for the loss scale, see `deserialized`
            **self._settings,
            **{key: serialized(key, self._settings[key]) for key in FUNCTION_SETTINGS},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> ExplainableModel:
        """The model that `get_config` described."""
        return cls(**deserialized(config, custom_objects))
