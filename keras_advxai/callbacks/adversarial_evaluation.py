"""Adversarial evaluation during and after training."""

from __future__ import annotations

import dataclasses
import os
import shlex
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import keras

from keras_advxai import audit
from keras_advxai._typing import Preprocess
from keras_advxai.callbacks.cost import EpochClock, Share, cost_text, timed
from keras_advxai.callbacks.keys import UNMEASURED, check_name, keys, reported_accuracy, values
from keras_advxai.callbacks.siblings import check_keys
from keras_advxai.callbacks.telling import LOGGER, Teller
from keras_advxai.callbacks.weights import Weights
from keras_advxai.data import fingerprint, first_inputs
from keras_advxai.data.deciding import decided
from keras_advxai.evaluation import EvaluationReport, EvaluationSettings, Evaluator
from keras_advxai.evaluation.checks import TRAINING, TrainingEvidence
from keras_advxai.evaluation.duration import compiling
from keras_advxai.measurements.unmeasured import cause_text
from keras_advxai.models import applications
from keras_advxai.models.compiled import cached_structure
from keras_advxai.models.inputs import check_class_names, check_flag, check_number, check_whole_number
from keras_advxai.models.own_preprocessing import own_preprocessor
from keras_advxai.settings.arguments import EvaluationArguments, takes_settings
from keras_advxai.tensorboard.directory import check_log_dir
from keras_advxai.tensorboard.writer import ReportWriter


@takes_settings(EvaluationSettings)
class AdversarialEvaluation(keras.callbacks.Callback):
    """Attacks the model after its epochs, and logs accuracy under attack and the drift of its explanations.

    A fixed random sample of the data is evaluated at the end of every `every`-th epoch, the first one
    included, and all of the data after training. Everything is validated, and compiled, when training
    begins, so that nothing fails after an epoch has been trained. Training itself is bit-identical to training
    without the callback, unless both read from one shuffled `tf.data` pipeline, whose order depends on how
    often it was read.

    Place it **first** in the list of callbacks, but behind `SwapEMAWeights(swap_on_epoch=True)`, whose averaged
    weights it would not see otherwise. Those after it (EarlyStopping, ModelCheckpoint, CSVLogger, TensorBoard) and
    the history then see what it puts into the logs, as plain floats:

    - `val_accuracy_clean`: accuracy on the clean images, if the data have labels;
    - `val_accuracy_<attack>`: accuracy at the largest epsilon; of several labels the share of the labels, beside
      `val_exact_accuracy_<attack>`, that of the images with all labels right; of a regression instead
      `val_change_<attack>`, the mean absolute change of the output;
    - `val_mod_<attack>_<explainer>`: MOD, averaged over the epsilons;
    - `val_vid_<attack>_<explainer>`: VID, with two epsilons or more.

    With several `metrics`, those of the second and further ones end in `_<metric>`. With a `name`, they begin with
    `val_<name>_`. Whatever is no letter or digit in a name, as in the layer `block.1`, is an underscore in the keys, so
    that `ModelCheckpoint` can have them in its path. An epoch without an evaluation repeats the values of the last one.

    A drift that could not be measured, because every heatmap of the clean images is blank or the model's outputs are
    NaN, is logged as infinite: worse than any that could be, so `ModelCheckpoint` and the others with `mode="min"`
    never keep that model as the best one. (With NaN they would: Keras takes the first value for the best, and nothing
    is better than NaN.) Name the `mode` to them; they cannot guess it from these names. EarlyStopping's
    `restore_best_weights` acts when this callback is done, so the report after training is about the last weights;
    call `evaluate` for those that were restored.

    What would be misread is said during the training: each finding of severity warning or error once, as a
    `FindingWarning`; two of them, `other-weights` and `other-validation-accuracy`, only a training has. Unless `fit`
    has `verbose=0`, a line after the first evaluation says what it took, and the evaluation of all of the data shows
    its progress. Where the sample is all of the data, and neither they nor the weights have changed since the last
    epoch, its report is that of all of the data.

    Args:
        data: What `evaluate` takes: `(x, y)`, `x`, a batched `tf.data.Dataset` or a `PyDataset`.
        every: Evaluate after every so many epochs. Defaults to 1.
        max_samples: At most so many images are evaluated after an epoch. Defaults to 256.
        max_share: At most this share of an epoch's training time is spent on the evaluation after it, compiling not
            counted: the sample is made smaller, to no less than one image. That is settled by the first epoch, and
            corrected after the second if its evaluation was slower than expected. Defaults to `None`, any.
        name: What the keys begin with, after `val_`: several of these callbacks in one `fit` need different ones.
            Defaults to `None`, nothing.
        log_dir: Where to write TensorBoard logs, beside those of Keras' own callback. Defaults to `None`.
        class_names: Names of the classes, for the pictures in TensorBoard. Defaults to their numbers.
        final: Whether to evaluate all of the data after training. Defaults to `True`.
        settings: {settings}

    Attributes:
        settings: The settings of its evaluations.
        report: The report of the last evaluation; of all data after training.
        reports: Epoch to report, without pictures, of one training. A training that begins later at `initial_epoch`
            goes on from those of the epochs before, if it is of the same model; any other begins with none.
        earlier_reports: What `reports` held of earlier trainings and holds no more, the latest last.

    Raises:
        TypeError: An argument is of a wrong kind; the data, when training begins.
        ValueError: An argument is wrong. When training begins: the data or the settings do not fit the model, or
            another callback writes the same keys.

    Example:

    >>> import warnings
    >>> import keras
    >>> import keras_advxai as kax
    >>> warnings.simplefilter("ignore", kax.callbacks.FindingWarning)  # two epochs make no good model
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
    ['val_accuracy_clean', 'val_accuracy_fgsm', 'val_accuracy_uniform_noise']
    """

    def __init__(
        self,
        data: Any,
        *,
        every: int = 1,
        max_samples: int = 256,
        max_share: float | None = None,
        name: str | None = None,
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
        self.max_share = max_share if max_share is None else check_number("max_share", max_share, 0)
        self.name = check_name(name)
        self.log_dir = log_dir
        self.class_names = class_names
        self.final = check_flag("final", final)
        self.settings = EvaluationSettings.of(settings, arguments)
        self._keys = keys(self.settings, self.name)
        self.report: EvaluationReport | None = None
        self.reports: dict[int, EvaluationReport] = {}
        self.earlier_reports: tuple[dict[int, EvaluationReport], ...] = ()
        self._reported_model: Callable[[], keras.Model | None] = lambda: None  # of which `reports` are
        self._clock = EpochClock()
        self._validated: Weights | None = None
        self._evaluated: Weights | None = None

    def set_model(self, model: Any) -> None:
        """Take the model that is trained, which Keras gives when `fit` begins.

        Raises:
            TypeError: It is of another Keras than this callback.
        """
        # Of tf_keras, or of another package with callbacks like these: the first thing that its `fit` does with them.
        if not isinstance(model, keras.Model):
            raise TypeError(
                "AdversarialEvaluation is a callback of Keras 3, for the `fit` of a keras.Model. Received: a model of "
                f"{type(model).__module__}.{type(model).__name__}. A model of tf_keras (Keras 2) that is saved as "
                ".keras or .h5 may be loaded by keras.models.load_model, and trained or passed to kax.evaluate then."
            )
        super().set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Validate everything, draw the sample, and compile the step on one batch of it."""
        directory = None if self.log_dir is None else check_log_dir(self.log_dir)
        settings = self.settings
        check_keys(self, self._keys)
        if not self.model.built:  # its first step would do so a moment later
            own = getattr(self.model, "classifier_settings", None)  # of an `ExplainableModel`
            preprocess = settings.preprocess if own is None else own["preprocess"]
            _build(self.model, first_inputs(self.data), preprocess)  # on what the network takes
        classifier = decided(settings.classifier(self.model), self.data)
        check_class_names(self.class_names, classifier.classes)
        self._evaluator = Evaluator(classifier, settings)
        self._batches = audit.read(self._evaluator, self.data)
        self._sample = self._batches.sampled(self.max_samples, settings.seed)
        self._teller = Teller(bool((self.params or {}).get("verbose")))
        self._warm_up()
        self._writer = None if directory is None else ReportWriter(directory, class_names=self.class_names)
        self._values: dict[str, float] = {}
        self._evaluated = None
        self._is_new = True  # until its first epoch begins

    def _warm_up(self) -> None:
        """Compile, and see what that takes, and what an image takes then."""
        large = compiling(self.model)
        if large:  # Keras shows nothing before the first epoch, which comes a minute late
            self._teller.line(f"Adversarial evaluation: compiling ({large}).")
        # In tf-explain a model that cannot be explained fails at the end of the first epoch, which is paid for by then.
        first = timed(lambda: self._evaluator.warm_up(self._sample))
        images = min(self._sample.images or 1, self._sample.batch_size)
        # A second time only where it is asked for: it is a batch of the evaluation.
        again = 0.0 if self.max_share is None else timed(lambda: self._evaluator.warm_up(self._sample))
        self._share = Share(self.max_share, again / images, compiling=first - again)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Make sure that the epoch can be logged, before it is trained."""
        if self._writer is not None:
            self._writer.check_open()
        if self._is_new:
            self._set_reports_aside(epoch)
            self._is_new = False
        self._validated = None
        self._clock.begin()

    def _set_reports_aside(self, epoch: int) -> None:
        """Keep the reports of the epochs before, if this training goes on from there, and of the others a trace."""
        goes_on = self._reported_model() is self.model
        kept = {before: report for before, report in self.reports.items() if goes_on and before < epoch}
        if len(kept) < len(self.reports):
            self.earlier_reports = (*self.earlier_reports, self.reports)
        self.reports = kept  # another dictionary: whoever holds the old one keeps it whole
        self._reported_model = weakref.ref(self.model)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the clock, for what the steps take when they are compiled."""
        self._clock.step()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Look at the clock: the training steps have ended."""
        self._clock.end()

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the weights that are validated, which may be others than those that are trained."""
        # Here and not when the validation begins: a callback behind this one exchanges them after that.
        if self._validated is None:
            self._validated = Weights.of(self.model)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluate the sample if it is time to, and put the values into `logs`."""
        self._clock.end()
        # The first epoch in any case: CSVLogger takes its columns from there, and never gets one that comes later.
        is_time = not self._values or (epoch + 1) % self.every == 0
        report = self._evaluate_sample(epoch, logs or {}) if is_time else None
        theirs = sorted(self._values.keys() & (logs or {}).keys())
        if logs is not None:
            logs.update(self._values)
        # Warnings may be errors to the user, so everything is in its place before.
        if theirs:
            self._teller.warn(
                "keys",
                f"{', '.join(theirs)} of the logs, of a metric or of another callback, was overwritten. Give this "
                "callback a `name`, which its keys begin with.",
            )
        if report is None:
            return
        missing = [key for key, value in self._values.items() if value == UNMEASURED]
        if missing:
            cause = cause_text(report.measurements, {epoch: item.measurements for epoch, item in self.reports.items()})
            self._teller.warn(
                "unmeasured",
                f"{cause}, so {', '.join(missing)} could not be measured and is logged as infinite.",
            )
        self._teller.findings(report.warnings, f"After epoch {epoch + 1}")

    def _evaluate_sample(self, epoch: int, logs: Mapping[str, Any]) -> EvaluationReport:
        count = self._share.before(self._sample.images or 1, self._clock)
        if count != self._sample.images:
            self._sample = self._sample.sampled(count, self.settings.seed)
        begin = time.perf_counter()
        with cached_structure(self._evaluator.classifier.model):  # looked at once, not in every batch
            report = audit.run(self._evaluator, self._sample, progress=False, class_names=self.class_names)
        taken = time.perf_counter() - begin
        self._evaluated = Weights.of(self.model)
        report = self._with_findings(report, logs, of_epoch=True)
        self.report = report
        # Without pictures, which would fill the memory epoch by epoch.
        self.reports[epoch] = dataclasses.replace(report, examples=())
        self._values = values(report, self.name)
        if self._writer is not None:
            self._writer.write(report, epoch)
        if self._share.evaluations == 0:
            self._teller.line(cost_text(epoch, taken, count, self._clock.seconds, self._share, self.settings))
        self._share.after(count, self._clock, taken)
        return report

    def _with_findings(self, report: EvaluationReport, logs: Mapping[str, Any], of_epoch: bool) -> EvaluationReport:
        """A report, with what only a training can say of it."""
        weights = self._validated is None or self._validated.close(Weights.of(self.model))
        evidence = TrainingEvidence(
            report.measurements,
            has_labels=report.provenance["labels"] == "given",
            # After the training, weights may have been restored, which nobody has validated.
            reported=reported_accuracy(logs, self._evaluator.classifier) if weights else None,
            other_weights=of_epoch and not weights,
        )
        return dataclasses.replace(report, warnings=(*TRAINING.findings(evidence), *report.warnings))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Evaluate all of the data, save the report, and say how to open TensorBoard."""
        if self.final and not self._is_evaluated():  # all data would take long after each epoch
            report = audit.run(
                self._evaluator,
                self._batches,
                progress=self._teller.shows,
                title="evaluating all of the data",
                class_names=self.class_names,
            )
            self.report = self._with_findings(report, logs or {}, of_epoch=False)
        if self._writer is not None:
            if self.report is not None:
                self._writer.write_hparams(self.report)
                self.report.to_json(self._writer.log_dir / "advxai" / "report.json")
            self._writer.close()
            LOGGER.info(
                "Adversarial evaluation logged. To look at it: tensorboard --logdir %s --samples_per_plugin images=100",
                shlex.quote(str(self._writer.log_dir)),
            )
            self._writer = None
        if self.report is not None:
            self._teller.findings(self.report.warnings, "After training")

    def _is_evaluated(self) -> bool:
        """Whether the last report is of all of the data and of the weights as they are."""
        if self._evaluated is None or self.report is None or self._sample.images != self._batches.images:
            return False
        return (
            Weights.of(self.model).same(self._evaluated)
            and fingerprint(self._batches) == self.report.provenance["data_sha256"]
        )


def _build(model: keras.Model, x: Any, preprocess: Preprocess) -> None:
    """Give a model its weights, as its first training step would do a moment later.

    Initial weights come from seeds that the layers were given when they were made, so it does not matter
    which images come first.
    """
    function = applications.image_space(preprocess, None, None, own_preprocessor(model)).function
    if function is not None and hasattr(x, "shape"):
        x = function(keras.ops.cast(x, "float32"))
    model(x, training=False)
