"""Adversarial evaluation during and after training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Unpack

import keras

from keras_advxai import audit
from keras_advxai._typing import ImageNames
from keras_advxai.callbacks.building import build, check_classes, check_model
from keras_advxai.callbacks.cost import EpochClock
from keras_advxai.callbacks.disk_space import check_space
from keras_advxai.callbacks.evaluations import Evaluations
from keras_advxai.callbacks.guard import Failure, Guard, OnError, check_on_error
from keras_advxai.callbacks.history import FAILED, EvaluationHistory
from keras_advxai.callbacks.keys import UNMEASURED, check_name, keys
from keras_advxai.callbacks.logs import TrainingLogs
from keras_advxai.callbacks.record import Earlier, training_identity
from keras_advxai.callbacks.sample import SampleEvaluation
from keras_advxai.callbacks.siblings import check_keys, said_in_fit
from keras_advxai.callbacks.telling import Teller
from keras_advxai.callbacks.weights import Weights
from keras_advxai.data.deciding import decided
from keras_advxai.data.names import check_names
from keras_advxai.evaluation import EvaluationReport, EvaluationSettings
from keras_advxai.execution import Evaluator
from keras_advxai.execution.duration import compiling
from keras_advxai.measurements.unmeasured import cause_text
from keras_advxai.models.inputs import check_flag, check_number, check_whole_number
from keras_advxai.settings.arguments import EvaluationArguments, takes_settings
from keras_advxai.tensorboard.dashboards import HParams, check_hparams
from keras_advxai.tensorboard.directory import check_log_dir


@takes_settings(EvaluationSettings)
class AdversarialEvaluation(keras.callbacks.Callback):
    """Attacks the model after its epochs, and logs accuracy under attack and the drift of its explanations.

    A fixed random sample of the data is evaluated at the end of every `every`-th epoch, the first one
    included, and all of the data after training. Everything is validated, and compiled, when training
    begins. Training itself is bit-identical to training without the callback, unless both read from one shuffled
    `tf.data` pipeline, whose order depends on how often it was read.

    What fails later does not end the training: an error or a lack of memory in an evaluation, data that cannot be read
    again, a full disk, a log directory that was deleted. It is said once, as a `FailureWarning`, with its traceback in
    the log `keras_advxai`. After an evaluation that failed the values of the last one are repeated, and the next epoch
    tries again, after a memory error in batches of half the size. What could not be logged is logged when it can be.

    With a `log_dir`, a training that was killed and goes on by `BackupAndRestore`, or with an `initial_epoch`, has
    every epoch once in `reports` and in the logs, wherever in an epoch it was killed. Without one, the reports of the
    epochs before are lost with the process.

    Place it behind Keras' own `TensorBoard`, which would log our values a second time, and behind
    `SwapEMAWeights(swap_on_epoch=True)`, whose averaged weights it would not see otherwise, but **before** the others.
    Those after it (EarlyStopping, ModelCheckpoint, CSVLogger) and the history then see what it puts into the logs, as
    plain floats:

    - `val_accuracy_clean`: accuracy on the clean images, if the data have labels;
    - `val_accuracy_<attack>`: accuracy at the largest epsilon; of several labels the share of the labels, beside
      `val_exact_accuracy_<attack>`, that of the images with all labels right; of a regression instead
      `val_change_<attack>`, the mean absolute change of the output;
    - `val_mod_<attack>_<explainer>`: MOD, averaged over the epsilons;
    - `val_vid_<attack>_<explainer>`: VID, with two epsilons or more;
    - `val_evaluation_failed`: 1 after an evaluation that failed, and 0 else.

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
        names: {names}
        every: Evaluate after every so many epochs. Defaults to 1.
        max_samples: At most so many images are evaluated after an epoch. Defaults to 256.
        max_share: At most this share of an epoch's training time is spent on the evaluation after it, compiling not
            counted: the sample is made smaller, to no less than one image. That is settled by the first epoch, and
            corrected after the second if its evaluation was slower than expected. Defaults to `None`, any.
        name: What the keys begin with, after `val_`: several of these callbacks in one `fit` need different ones.
            Defaults to `None`, nothing.
        log_dir: Where to write TensorBoard logs, beside those of Keras' own callback. Defaults to `None`.
        hparams: What distinguishes this training from others in the HParams dashboard: strings, numbers, `True` and
            `False` by name. How large the model is and its optimizer are there in any case. Defaults to `None`.
        class_names: Names of the classes, for the pictures in TensorBoard. Defaults to their numbers.
        final: Whether to evaluate all of the data after training. Defaults to `True`.
        on_error: What is done about an error after the training has begun: `"warn"` and go on, or `"raise"` it.
            Defaults to `"warn"`.
        settings: {settings}

    Attributes:
        settings: The settings of its evaluations.
        report: The report of the last evaluation; of all data after training.
        reports: Epoch to report, without pictures, of one training. A training that begins later at `initial_epoch`
            goes on from those of the epochs before, if it is of the same model; any other begins with none. Where the
            evaluation failed, it is the one before, with the finding `evaluation-failed`.
        failures: Epoch to what failed in its evaluation; the evaluation after training counts as one epoch more.
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
        names: ImageNames = None,
        every: int = 1,
        max_samples: int = 256,
        max_share: float | None = None,
        name: str | None = None,
        log_dir: str | os.PathLike[str] | None = None,
        hparams: HParams | None = None,
        class_names: Sequence[str] | None = None,
        final: bool = True,
        on_error: OnError = "warn",
        settings: EvaluationSettings | None = None,
        **arguments: Unpack[EvaluationArguments],
    ) -> None:
        super().__init__()
        self.data = data
        self.names = names if names is None else check_names(names)
        self.every = check_whole_number("every", every, 1)
        self.max_samples = check_whole_number("max_samples", max_samples, 1)
        self.max_share = max_share if max_share is None else check_number("max_share", max_share, 0)
        self.name = check_name(name)
        self.log_dir = log_dir
        self.hparams = check_hparams(hparams)
        self.class_names = class_names
        self.final = check_flag("final", final)
        self.on_error = check_on_error(on_error)
        self.settings = EvaluationSettings.of(settings, arguments)
        self._keys = keys(self.settings, self.name)
        self._history = EvaluationHistory(self.name)
        self._clock = EpochClock()
        self._validated: Weights | None = None

    @property
    def report(self) -> EvaluationReport | None:
        """The report of the last evaluation; `None` before the first."""
        return self._history.report

    @property
    def reports(self) -> dict[int, EvaluationReport]:
        """Epoch to report."""
        return self._history.reports

    @property
    def failures(self) -> dict[int, str]:
        """Epoch to what failed."""
        return self._history.failures

    @property
    def earlier_reports(self) -> tuple[dict[int, EvaluationReport], ...]:
        """What `reports` held of earlier trainings."""
        return self._history.earlier

    def set_model(self, model: Any) -> None:
        """Take the model that is trained, which Keras gives when `fit` begins.

        Raises:
            TypeError: It is of another Keras than this callback.
        """
        check_model(model)
        super().set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Validate everything, draw the sample, and compile the step on one batch of it."""
        directory = None if self.log_dir is None else check_log_dir(self.log_dir)
        params = self.params or {}
        check_keys(self, self._keys)
        self._teller = Teller(bool(params.get("verbose")), said_in_fit(self))
        self._guard = Guard(self.on_error, self._teller, self._close)
        with self._teller.each_warning_once():
            build(self.model, self.data, self.settings)
            classifier = decided(self.settings.classifier(self.model), self.data)
            check_classes(self.class_names, self.data, classifier)
            evaluator = Evaluator(classifier, self.settings)
            # Six more passes in every early epoch, for what a clean accuracy unlike `val_accuracy` says by itself.
            batches = audit.read(evaluator, self.data, names=self.names, ranges=False)
            self._sample = SampleEvaluation(evaluator, batches, self.max_samples, self._teller, self.class_names)
            self._evaluations = Evaluations(evaluator, batches, self._sample, self._history, self._guard)
            if directory is not None:
                evaluations = -(-(params.get("epochs") or 1) // self.every)
                said = check_space(directory, self.settings, self._sample.images, batches.images, evaluations)
            # Keras shows nothing before the first epoch, which comes a minute late.
            if large := compiling(self.model):
                self._teller.line(f"Adversarial evaluation: compiling ({large}).")
            # In tf-explain what cannot be explained fails at the end of the first epoch, which is paid for by then.
            self._sample.warm_up(self.max_share)
        own = {name: getattr(self, name) for name in ("name", "every", "max_samples", "max_share")}
        known = training_identity(self.model, evaluator.settings, **own)
        self._logs = None if directory is None else TrainingLogs.of(self, directory, known)
        self._history.values = {}
        self._is_new = True  # until its first epoch begins
        if directory is not None and said:
            self._teller.warn("room", said)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Make sure that the epochs can be logged, before the first one is trained."""
        self._validated = None
        if self._is_new:
            if self._logs is not None:
                self._logs.check_open()
            self._begin(epoch)
        self._clock.begin()

    def _begin(self, epoch: int) -> None:
        """Find the reports of the epochs before, if this training goes on from there."""
        self._is_new = False
        may_go_on = self._history.begin(epoch, self.model)
        if self._logs is not None:
            begin = self._logs.begin
            what = "Reading what a training before has logged, and beginning"
            found = self._guard.run(what, lambda: begin(epoch), "This one goes on without it.")
            if not isinstance(found, Failure):
                self._logs.tell(self._teller, found.value)
                if may_go_on:
                    self._go_on(found.value, epoch)
            self._guard.tell()

    def _go_on(self, earlier: Earlier, epoch: int) -> None:
        """Take over the reports of a process that was killed, and make up for the one that it did not come to."""
        if earlier.reports:
            self._sample.go_on(self._history.take_over(earlier))
        missing = [number for number in earlier.missing if number not in self.reports]
        if epoch - 1 in missing:
            # `BackupAndRestore` in front of us had saved the epoch, and the process was killed before we came to it.
            # So the weights are those with which it ended.
            is_time = self._history.is_time(epoch - 1, self.every)
            self._log(epoch - 1, self._evaluations.make_up(epoch - 1) if is_time else None)
        lost = earlier.lost(missing, epoch, self.every)
        if lost:
            self._teller.warn("lost", lost)

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
        is_time = self._history.is_time(epoch, self.every)
        after_epoch = self._evaluations.after_epoch
        report = after_epoch(epoch, logs or {}, self._clock, self._validated) if is_time else None
        logged = self._evaluations.logged(epoch)
        theirs = sorted(logged.keys() & (logs or {}).keys())
        if logs is not None:
            logs.update(logged)
        self._log(epoch, report)
        # Warnings may be errors to the user, so everything is in its place before.
        self._guard.tell()
        if theirs:
            self._teller.warn(
                "keys",
                f"{', '.join(theirs)} of the logs, of a metric or of another callback, was overwritten. Give this "
                "callback a `name`, which its keys begin with.",
            )
        if report is None:
            return
        missing = [key for key, value in logged.items() if value == UNMEASURED]
        if missing:
            cause = cause_text(report.measurements, {epoch: item.measurements for epoch, item in self.reports.items()})
            self._teller.warn(
                "unmeasured",
                f"{cause}, so {', '.join(missing)} could not be measured and is logged as infinite.",
            )
        self._teller.findings(report.warnings, f"After epoch {epoch + 1}")

    def _log(self, epoch: int, report: EvaluationReport | None) -> None:
        self._history.following = epoch + 1
        if self._logs is not None:
            write = self._logs.write
            self._guard.run(
                f"Logging epoch {epoch + 1} to {str(self.log_dir)!r}",
                lambda: write(epoch, report, self._history),
                "What could not be written is written after another epoch, when that is possible.",
            )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Evaluate all of the data, and save the report."""
        epochs = (self.params or {}).get("epochs")
        if self._is_new and self._logs is not None and epochs:
            self._begin(epochs)  # it was killed after its last epoch, and none was left to train
        if self.final:
            self._evaluations.of_all(logs or {}, self._validated)
        if self._logs is not None:
            finish = self._logs.finish
            self._guard.run(
                f"Logging to {str(self.log_dir)!r} after training",
                lambda: finish(self._history),
                "The reports are in the callback's `report` and `reports`.",
            )
            self._logs = None
        self._guard.tell()
        if self.report is not None:
            others = (finding for finding in self.report.warnings if finding.id != FAILED)  # which was said
            self._teller.findings(others, "After training")

    def _close(self) -> None:
        """Leave the log directory to others."""
        if self._logs is not None:
            self._logs.close()
            self._logs = None
