"""Adversarial evaluation during and after training."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import shlex
import warnings
from collections.abc import Sequence
from typing import Any, Unpack

import keras
import numpy as np

from keras_advxai import audit
from keras_advxai._typing import Preprocess
from keras_advxai.data.batches import first_inputs
from keras_advxai.evaluation import EvaluationReport, EvaluationSettings, Evaluator
from keras_advxai.evaluation.arguments import EvaluationArguments, takes_settings
from keras_advxai.measurements.unmeasured import cause_text
from keras_advxai.models import applications
from keras_advxai.models.compiled import cached_structure
from keras_advxai.models.inputs import check_class_names, check_whole_number
from keras_advxai.tensorboard.directory import check_log_dir
from keras_advxai.tensorboard.writer import ReportWriter

_LOGGER = logging.getLogger("keras_advxai")


@takes_settings(EvaluationSettings)
class AdversarialEvaluation(keras.callbacks.Callback):
    """Attacks the model after its epochs, and logs accuracy under attack and the drift of its explanations.

    A fixed random sample of the data is evaluated at the end of every `every`-th epoch, the first one
    included, and all of the data after training. Everything is validated, and compiled, when training
    begins, so that nothing fails after an epoch has been trained. Training itself is bit-identical to training
    without the callback, unless both read from one shuffled `tf.data` pipeline, whose order depends on how
    often it was read.

    Place it **first** in the list of callbacks: those after it (EarlyStopping, ModelCheckpoint, CSVLogger,
    TensorBoard) and the history then see what it puts into the logs, as plain floats:

    - `val_accuracy_<attack>`: accuracy at the largest epsilon;
    - `val_mod_<attack>_<explainer>`: MOD, averaged over the epsilons;
    - `val_vid_<attack>_<explainer>`: VID, with two epsilons or more.

    With several `metrics`, those of the second and further ones end in `_<metric>`.

    An epoch without an evaluation repeats the values of the last one. A drift that could not be measured,
    because every heatmap of the clean images is blank, or the model's outputs are NaN, repeats the last that could (0
    before there was one) and warns once. Name the `mode` to EarlyStopping, which cannot guess it from these names. Its
    `restore_best_weights` acts when this callback is done, so the report after training is about the last
    weights; call `evaluate` for those that were restored.

    Args:
        data: What `evaluate` takes: `(x, y)`, `x`, a batched `tf.data.Dataset` or a `PyDataset`.
        every: Evaluate after every so many epochs. Defaults to 1.
        max_samples: At most so many images are evaluated after an epoch. Defaults to 256.
        log_dir: Where to write TensorBoard logs, beside those of Keras' own callback. Defaults to `None`.
        class_names: Names of the classes, for the pictures in TensorBoard. Defaults to their numbers.
        final: Whether to evaluate all of the data after training. Defaults to `True`.
        settings: {settings}

    Attributes:
        settings: The settings of its evaluations.
        report: The report of the last evaluation; of all data after training.
        reports: Epoch to report, without pictures.

    Raises:
        TypeError: An argument is of a wrong kind; the data, when training begins.
        ValueError: An argument is wrong. When training begins: the data or the settings do not fit the model.

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
        every: int = 1,
        max_samples: int = 256,
        log_dir: str | os.PathLike[str] | None = None,
        class_names: Sequence[str] | None = None,
        final: bool = True,
        settings: EvaluationSettings | None = None,
        **arguments: Unpack[EvaluationArguments],
    ) -> None:
        super().__init__()
        self.data = data
        self.every = check_whole_number("every", every, 1)
        self.max_samples = check_whole_number("max_samples", max_samples, 1)
        self.log_dir = log_dir
        self.class_names = class_names
        self.final = final
        self.settings = EvaluationSettings.of(settings, arguments)
        self.report: EvaluationReport | None = None
        self.reports: dict[int, EvaluationReport] = {}
        self._values: dict[str, float] = {}
        self._writer: ReportWriter | None = None
        self._warned = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Validate everything, draw the sample, and compile the step on one batch of it."""
        directory = None if self.log_dir is None else check_log_dir(self.log_dir)
        settings = self.settings
        if not self.model.built:  # its first step would do so a moment later
            own = getattr(self.model, "classifier_settings", None)  # of an `ExplainableModel`
            preprocess = settings.preprocess if own is None else own["preprocess"]
            _build(self.model, first_inputs(self.data), preprocess)  # on what the network takes
        classifier = settings.classifier(self.model)
        check_class_names(self.class_names, classifier.classes)
        self._evaluator = Evaluator(classifier, settings)
        self._batches = audit.read(self._evaluator, self.data)
        self._sample = self._batches.sampled(self.max_samples, settings.seed)
        # In tf-explain a model that cannot be explained fails at the end of the first epoch, which is paid for by then.
        self._evaluator.warm_up(self._sample)
        self._writer = None if directory is None else ReportWriter(directory, class_names=self.class_names)
        self._values = {}
        self._warned = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Make sure that the epoch can be logged, before it is trained."""
        if self._writer is not None:
            self._writer.check_open()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluate the sample if it is time to, and put the values into `logs`."""
        # The first epoch in any case: CSVLogger takes its columns from there, and never gets one that comes later.
        if not self._values or (epoch + 1) % self.every == 0:
            with cached_structure(self._evaluator.classifier.model):  # looked at once, not in every batch
                report = audit.run(self._evaluator, self._sample, progress=False)
            self.report = report
            # Without pictures, which would fill the memory epoch by epoch.
            self.reports[epoch] = dataclasses.replace(report, examples=())
            self._values = self._summary(report)
            if self._writer is not None:
                self._writer.write(report, epoch)
        if logs is not None:
            logs.update(self._values)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Evaluate all of the data, save the report, and say how to open TensorBoard."""
        if self.final:  # of all data, which would take long after each epoch
            self.report = audit.run(self._evaluator, self._batches, progress=False)
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

    def _summary(self, report: EvaluationReport) -> dict[str, float]:
        """The values for the logs, all of them finite."""
        largest = max(report.epsilons)
        found = {f"val_accuracy_{attack}": report.accuracy(attack, largest) for attack in report.attacks}
        drifts = [
            (attack, explainer, metric)
            for metric in report.metrics
            for attack in report.attacks
            for explainer in report.explainers
        ]
        for attack, explainer, metric in drifts:
            mods = [report.mod(attack, explainer, epsilon, metric=metric) for epsilon in report.epsilons]
            # A plain float: arrays in the logs make TensorBoard's callback crash.
            found[f"val_mod_{_key(report, attack, explainer, metric)}"] = float(np.mean(mods))
        if len(report.epsilons) > 1:  # else it is NaN by definition
            for attack, explainer, metric in drifts:
                vid = report.vid(attack, explainer, metric=metric)
                found[f"val_vid_{_key(report, attack, explainer, metric)}"] = vid
        missing = [key for key, value in found.items() if math.isnan(value)]
        if missing and not self._warned:  # once, and not after each epoch
            self._warned = True
            cause = cause_text(report.measurements, {epoch: item.measurements for epoch, item in self.reports.items()})
            warnings.warn(
                f"{cause}, so {', '.join(missing)} could not be measured; the last values are repeated.",
                stacklevel=2,
            )
        # No NaN as a filler, at which EarlyStopping fires, and no key that comes and goes.
        return {key: self._values.get(key, 0.0) if math.isnan(value) else value for key, value in found.items()}


def _key(report: EvaluationReport, attack: str, explainer: str, metric: str) -> str:
    """What the keys of a drift end in: the first dissimilarity, the usual one, is not named."""
    return f"{attack}_{explainer}" + ("" if metric == report.metrics[0] else f"_{metric}")


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
