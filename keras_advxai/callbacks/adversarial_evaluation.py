"""Adversarial evaluation during and after training."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import shlex
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_advxai._typing import AttackTargets, Bounds, Preprocess, TargetMode
from keras_advxai.attacks import Attack
from keras_advxai.evaluation import EvaluationReport, Evaluator
from keras_advxai.evaluation.data import first_inputs
from keras_advxai.explainers import Explainer
from keras_advxai.models import ImageClassifier, applications, as_classifier
from keras_advxai.models.compiled import steady
from keras_advxai.models.inputs import check_class_names, check_whole_number
from keras_advxai.tensorboard.directory import check_log_dir
from keras_advxai.tensorboard.writer import ReportWriter

_LOGGER = logging.getLogger("keras_advxai")


class AdversarialEvaluation(keras.callbacks.Callback):
    """Attacks the model after its epochs, and logs accuracy under attack and the drift of its explanations.

    A fixed random sample of the data is evaluated at the end of every `every`-th epoch, the first one
    included, and all of the data after training. Everything is validated, and compiled, when training
    begins, so that nothing fails after an epoch was paid for. Training itself is bit-identical to training
    without the callback, unless both read from one shuffled `tf.data` pipeline, whose order depends on how
    often it was read.

    Place it **first** in the list of callbacks: those after it (EarlyStopping, ModelCheckpoint, CSVLogger,
    TensorBoard) and the history then see what it puts into the logs, as plain floats:

    - `val_accuracy_<attack>`: accuracy at the largest epsilon;
    - `val_mod_<attack>_<explainer>`: MOD, averaged over the epsilons;
    - `val_vid_<attack>_<explainer>`: VID, with two epsilons or more.

    An epoch without an evaluation repeats the values of the last one. A drift that could not be measured,
    because every heatmap of the clean images is blank, repeats the last that could (0 before there was
    one) and warns once. Name the `mode` to EarlyStopping, which cannot guess it from these names. Its
    `restore_best_weights` acts when this callback is done, so the report after training is about the last
    weights; call `evaluate` for those that were restored.

    Args:
        data: What `evaluate` takes: `(x, y)`, `x`, a batched `tf.data.Dataset` or a `PyDataset`.
        attacks: Names or instances. Defaults to `("fgsm",)`.
        explainers: Names or instances. Defaults to `("grad_cam",)`.
        epsilons: Attack strengths, fractions of the bounds' width. Defaults to 1, 2, 4 and 8 of 255.
        bounds: The smallest and largest value of a pixel. Defaults to `(0, 1)`; see `ImageClassifier`.
        preprocess: From images to what the network takes. Defaults to `None`; see `ImageClassifier`.
        target: Whose class the heatmaps explain. Defaults to `"predicted"`; see `evaluate`.
        every: Evaluate after every so many epochs. Defaults to 1.
        max_samples: At most so many images are evaluated after an epoch. Defaults to 256.
        images: How many images to show in TensorBoard, with their heatmaps. Defaults to 8, and to fewer with more
            than 8 explainers.
        log_dir: Where to write TensorBoard logs, beside those of Keras' own callback. Defaults to `None`.
        class_names: Names of the classes, for the pictures in TensorBoard. Defaults to their numbers.
        final: Whether to evaluate all of the data after training. Defaults to `True`.
        noise_control: Whether to measure uniform noise of the same budget as well. Defaults to `True`.
        batch_size: How many images go through the model at once. Defaults to 32.
        seed: Seed of the sample, the noise and the bootstrap. Defaults to 0.
        from_logits: See `ImageClassifier`. Defaults to `None`.
        output: See `ImageClassifier`. Defaults to `None`.
        input: See `ImageClassifier`. Defaults to `None`.
        attack_targets: Which classes targeted attacks are to reach. Defaults to `None`; see `evaluate`.

    Attributes:
        report: The report of the last evaluation; of all data after training.
        reports: Epoch to report, without pictures.

    Raises:
        TypeError: When training begins: an argument is of a wrong kind.
        ValueError: When training begins: an argument is wrong, or the data do not fit the model.

    Example:

    >>> import keras
    >>> import keras_advxai as kax
    >>> (x, y), (x_val, y_val) = kax.datasets.faces.load_data()
    >>> model = keras.Sequential([
    ...     keras.layers.Input((25, 25, 1)),
    ...     keras.layers.Conv2D(4, 3, activation="relu"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2, activation="softmax"),
    ... ])
    >>> model.compile("adam", "sparse_categorical_crossentropy")
    >>> callback = kax.callbacks.AdversarialEvaluation((x_val, y_val), epsilons=(0.02, 0.1))
    >>> history = model.fit(x, y, epochs=2, verbose=0, callbacks=[callback])
    >>> [key for key in history.history if key.startswith("val_")][:3]
    ['val_accuracy_fgsm', 'val_accuracy_uniform_noise', 'val_mod_fgsm_grad_cam']
    """

    def __init__(
        self,
        data: Any,
        *,
        attacks: Sequence[str | Attack] | str | Attack = ("fgsm",),
        explainers: Sequence[str | Explainer] | str | Explainer = ("grad_cam",),
        epsilons: Sequence[float] = (1 / 255, 2 / 255, 4 / 255, 8 / 255),
        bounds: Bounds | None = None,
        preprocess: Preprocess = None,
        target: TargetMode = "predicted",
        every: int = 1,
        max_samples: int = 256,
        images: int | None = None,
        log_dir: str | os.PathLike[str] | None = None,
        class_names: Sequence[str] | None = None,
        final: bool = True,
        noise_control: bool = True,
        batch_size: int = 32,
        seed: int = 0,
        from_logits: bool | None = None,
        output: str | int | None = None,
        input: str | int | None = None,
        attack_targets: AttackTargets = None,
    ) -> None:
        super().__init__()
        self.data = data
        self.every = check_whole_number("every", every, 1)
        self.max_samples = check_whole_number("max_samples", max_samples, 1)
        self.images = None if images is None else check_whole_number("images", images, 0)
        self.batch_size = check_whole_number("batch_size", batch_size, 1)
        self.log_dir = log_dir
        self.class_names = class_names
        self.final = final
        self.seed = seed
        self.report: EvaluationReport | None = None
        self.reports: dict[int, EvaluationReport] = {}
        self._model_settings: dict[str, Any] = {
            "bounds": bounds,
            "preprocess": preprocess,
            "from_logits": from_logits,
            "output": output,
            "input": input,
        }
        self._evaluation_settings: dict[str, Any] = {
            "attacks": attacks,
            "explainers": explainers,
            "epsilons": epsilons,
            "target": target,
            "noise_control": noise_control,
            "seed": seed,
            "attack_targets": attack_targets,
        }
        self._values: dict[str, float] = {}
        self._writer: ReportWriter | None = None
        self._warned = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Validate everything, draw the sample, and compile the step on one batch of it."""
        directory = None if self.log_dir is None else check_log_dir(self.log_dir)
        own = self._own_settings()
        settings = self._model_settings if own is None else own
        if not self.model.built:
            _build(self.model, first_inputs(self.data), settings["preprocess"])
        classifier = ImageClassifier(self.model, **settings) if own is None else as_classifier(self.model)
        check_class_names(self.class_names, classifier.classes)
        self._evaluator = Evaluator(classifier, **self._evaluation_settings)
        self._batches = self._evaluator.batches(self.data, self.batch_size)
        self._sample = self._batches.sampled(self.max_samples, self.seed)
        self._evaluator.warm_up(self._sample)
        self._writer = None if directory is None else ReportWriter(directory, class_names=self.class_names)
        self._values = {}
        self._warned = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Make sure that the epoch can be logged, before it is paid for."""
        if self._writer is not None:
            self._writer.check_open()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluate the sample if it is time to, and put the values into `logs`."""
        if not self._values or (epoch + 1) % self.every == 0:
            with steady(self._evaluator.classifier.model):
                report = self._evaluator.run(self._sample, images=self.images, progress=False)
            self.report = report
            self.reports[epoch] = dataclasses.replace(report, examples=())
            self._values = self._summary(report)
            if self._writer is not None:
                self._writer.write(report, epoch)
        if logs is not None:
            logs.update(self._values)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Evaluate all of the data, save the report, and say how to open TensorBoard."""
        if self.final:
            self.report = self._evaluator.run(self._batches, images=self.images, progress=False)
        if self._writer is None:
            return
        if self.report is not None:
            self._writer.write_hparams(self.report)
            self.report.to_json(self._writer.log_dir / "advxai" / "report.json")
        self._writer.close()
        _LOGGER.info(
            "Adversarial evaluation logged. To look at it: tensorboard --logdir %s --samples_per_plugin images=100",
            shlex.quote(str(self._writer.log_dir)),
        )
        self._writer = None

    def _own_settings(self) -> Mapping[str, Any] | None:
        """The settings that the model brings, as an `ExplainableModel` does; none may be said beside them."""
        own: Mapping[str, Any] | None = getattr(self.model, "classifier_settings", None)
        given = {key: value for key, value in self._model_settings.items() if value is not None}
        if own is not None and given:
            kind = type(self.model).__name__
            raise ValueError(
                f"An {kind} has bounds and preprocessing of its own. Received: an {kind}, and a callback with {given}. "
                "Set them where it is built."
            )
        return own

    def _summary(self, report: EvaluationReport) -> dict[str, float]:
        """The values for the logs, all of them finite."""
        pairs = [(attack, explainer) for attack in report.attacks for explainer in report.explainers]
        strongest = max(report.epsilons)
        found = {f"val_accuracy_{attack}": report.accuracy(attack, strongest) for attack in report.attacks}
        for attack, explainer in pairs:
            mods = [report.mod(attack, explainer, epsilon) for epsilon in report.epsilons]
            found[f"val_mod_{attack}_{explainer}"] = float(np.mean(mods))
        if len(report.epsilons) > 1:
            found |= {f"val_vid_{attack}_{explainer}": report.vid(attack, explainer) for attack, explainer in pairs}
        missing = [key for key, value in found.items() if math.isnan(value)]
        if missing and not self._warned:
            self._warned = True
            warnings.warn(
                f"Every heatmap of the clean images is blank, so {', '.join(missing)} could not be measured; the last "
                "values are repeated.",
                stacklevel=2,
            )
        return {key: self._values.get(key, 0.0) if math.isnan(value) else value for key, value in found.items()}


def _build(model: keras.Model, x: Any, preprocess: Preprocess) -> None:
    """Give a model its weights, as its first training step would do a moment later.

    Initial weights come from seeds that the layers were given when they were made, so it does not matter
    which images come first.
    """
    if isinstance(preprocess, str):
        preprocess = applications.preprocess_input(preprocess)
    if preprocess is not None and hasattr(x, "shape"):
        x = preprocess(keras.ops.cast(x, "float32"))
    model(x, training=False)
