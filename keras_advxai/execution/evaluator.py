"""Runs the compiled step over data."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from tqdm.auto import tqdm

from keras_advxai._typing import OnError
from keras_advxai.data import Batches, Fingerprint, Shard
from keras_advxai.data.fingerprint import BatchHashes, fingerprint_of_all
from keras_advxai.data.shards import Slice
from keras_advxai.evaluation.plan import MeasurementPlan
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.execution import partial
from keras_advxai.execution.collected import Collected
from keras_advxai.execution.duration import compiling, forecast
from keras_advxai.execution.errors import EvaluationError
from keras_advxai.execution.identity import identity
from keras_advxai.execution.moving import moving
from keras_advxai.execution.parts import Parts
from keras_advxai.execution.replicas import step_for
from keras_advxai.execution.reporting import report_of
from keras_advxai.execution.runner import Runner
from keras_advxai.execution.step import Batch
from keras_advxai.journal import Journal, JournalError
from keras_advxai.measurements.part import Part
from keras_advxai.models import ImageClassifier
from keras_advxai.models.task import CLASSIFICATION
from keras_advxai.ops.compiling import check_eager
from keras_advxai.settings.attack_targets import target_rule
from keras_advxai.settings.evaluation_settings import EvaluationSettings

BatchOfData: TypeAlias = tuple[Any, np.ndarray | None]
"""Inputs and labels, as `Batches` gives them."""


class Evaluator:
    """A classifier with the settings that it is to be evaluated with.

    Everything is validated when it is built, and the step is compiled once for each model, so one evaluator (or
    several equal ones) may run after every epoch.

    Args:
        classifier: The classifier.
        settings: What is evaluated, and how.

    Attributes:
        classifier: The classifier.
        settings: The settings.
        plan: What is measured.

    Raises:
        ValueError: A setting does not fit the model; the message says which and what to do.
    """

    def __init__(self, classifier: ImageClassifier, settings: EvaluationSettings) -> None:
        check_eager("An evaluation")
        self.classifier = classifier
        # As the model is really seen, also where an `ImageClassifier` said so: a report has to be repeatable.
        self.settings = settings.seen_as(classifier)
        # Only here, since settings know no number of classes.
        if classifier.decided(None) is not classifier:
            raise ValueError(
                f"The model {classifier.model.name!r} ends in several sigmoids, which may predict several labels or "
                "one class. Pass labels='multi' or labels='single'."
            )
        if settings.target == "label" and classifier.kind is not CLASSIFICATION:
            raise ValueError(
                f"target='label' explains the one class of each image, and the model {classifier.model.name!r} "
                f"{classifier.kind.says}. Pass target='predicted' or 'clean'. Received: target='label'"
            )
        rule = target_rule(settings.attack_targets, classifier.classes, settings.seed)
        attacks = settings.attacks_and_controls
        for attack in attacks:
            attack.check_task(classifier)
        if settings.explainers:  # who asks for accuracy alone is not to pay for steps after a success
            attacks = tuple(attack.with_whole_budget() for attack in attacks)
        self.plan = MeasurementPlan(
            attacks,
            settings.explainers,
            settings.metrics,
            settings.target,
            rule,
            settings.corruptions,
            settings.seed if settings.corruptions else 0,
        )
        for explainer in settings.explainers:
            explainer.check_task(classifier)
            explainer.layers(classifier)  # raises for a layer that is not there, before data are read
        self._step = step_for(classifier, self.settings, self.plan)

    def batches(self, data: Any, remember: int = 0, shard: Shard | Slice | None = None, names: Any = None) -> Batches:
        """The data as batches that fit the classifier; see `Batches`.

        Args:
            data: What `evaluate` takes.
            remember: How many of the first images to keep when they are read. Defaults to 0.
            shard: One of several parts of the data; see `Batches`. Defaults to `None`, all of them.
            names: What the images of arrays are called; see `Batches`. Defaults to `None`.

        Raises:
            TypeError: `data` is of a wrong kind.
            ValueError: It does not fit the classifier or the targets of attacks, or has no labels where the target of
                heatmaps needs them.
        """
        given = self.settings.attack_targets
        targets = given if isinstance(given, np.ndarray) else None  # what is no array is a rule, which the plan has
        steps = None if isinstance(shard, Slice) else self.settings.steps  # who cut it out has counted them
        batches = Batches(data, self.classifier, self.settings.batch_size, targets, remember, steps, shard, names)
        self._check_target(batches.has_labels)
        return batches

    def warm_up(self, batches: Batches) -> None:
        """Compile the step and run it on one batch, so that whatever can fail does so now."""
        # In a callback that is before the first epoch. Others fail after it, when it has been paid for.
        x, y = next(iter(batches))
        self._step(Batch(x, y, targets=batches.targets(0, len(self.classifier.images_of(x)))))

    def run(
        self,
        batches: Batches,
        *,
        progress: bool = True,
        title: str = "evaluating",
        class_names: Sequence[str] | Mapping[int, str] | None = None,
        journal: str | os.PathLike[str] | None = None,
        on_error: OnError = "raise",
        runner: Runner | None = None,
    ) -> EvaluationReport:
        """Evaluate the model, as its weights are now, on all of the data.

        Args:
            batches: The data, from `batches`.
            progress: Whether to show a bar.
            title: What the bar says.
            class_names: Names of the classes, for the report. Defaults to `None`: their numbers.
            journal: A file to which what is measured is written batch by batch, and from which it goes on; see
                `evaluate`. Defaults to `None`, none.
            on_error: What to do if a batch fails behind the first one; see `evaluate`. Defaults to `"raise"`.
            runner: What measures the batches, on other machines. Defaults to `None`: they are measured here.

        Returns:
            The report.

        Raises:
            EvaluationError: A batch could not be read or measured. It has the report of those before it.
            JournalError: The journal does not fit.
        """
        with contextlib.ExitStack() as stack:
            before = None if runner is not None else batches.before()
            opened = None if runner is not None else self._opened(stack, batches, before, journal)
            # Of a part of a stream, and of a stream that others read, nobody has the hash of the whole.
            in_parts = runner is not None or batches.shard is not None
            hashes = BatchHashes() if in_parts and not batches.are_arrays else Fingerprint()
            whole = functools.partial(fingerprint_of_all, batches) if in_parts and batches.are_arrays else None
            parts, collected = Parts(self._step, opened, hashes, whole), Collected(opened)
            if runner is None:
                found: Iterable[Part] = self._shown(batches, before, parts, progress, title)
            else:
                found = runner.parts(self, batches, hashes, progress, title, journal)
            try:
                for part in found:
                    collected.add(part)
            except JournalError:
                raise  # nothing was measured that it does not have
            except (Exception, KeyboardInterrupt) as error:
                if not collected.batches:
                    raise
                unfinished = partial.entry(error, collected, batches)
                report = self._report(batches, collected, parts, class_names, unfinished)
                if isinstance(error, KeyboardInterrupt):
                    vars(error)["report"] = report
                    raise
                if on_error == "partial":
                    return report
                raise EvaluationError(partial.message(error, collected, batches), report) from error
            return self._report(batches, collected, parts, class_names, None)

    def measure(self, batches: Batches, hashes: Fingerprint, journal: str | os.PathLike[str] | None) -> Iterator[Part]:
        """The parts of some batches, in their order.

        Args:
            batches: The data, from `batches`.
            hashes: What each batch is added to when it is read.
            journal: See `run`.
        """
        with contextlib.ExitStack() as stack:
            before = batches.before()
            parts = Parts(self._step, self._opened(stack, batches, before, journal), hashes)
            yield from parts.of(*self._read(batches, before))

    def _opened(
        self,
        stack: contextlib.ExitStack,
        batches: Batches,
        before: BatchOfData | None,
        path: str | os.PathLike[str] | None,
    ) -> Journal | None:
        """A journal, until the stack is left."""
        if path is None:
            return None
        known = identity(self.classifier, self.settings, batches)
        return stack.enter_context(Journal(path, known, batches.first_image(before)))

    def _read(
        self,
        batches: Batches,
        before: BatchOfData | None,
        announce: Callable[[int, Any], None] = lambda done, x: None,
    ) -> tuple[Iterator[Batch], Batch | None]:
        """The batches as they are measured, and the one before the first of them, which was read already."""
        begin = batches.first_image(before)

        def all_of_them() -> Iterator[Batch]:
            first = begin  # images, and not batches: a stream has batches of any size
            for x, y, names in batches.named():
                self._check_target(y is not None)  # of a stream it shows only now
                announce(first - begin, x)
                count = len(self.classifier.images_of(x))
                yield Batch(x, y, first, batches.targets(first, count), names)
                first += count

        if before is None:
            return all_of_them(), None
        count = len(self.classifier.images_of(before[0]))
        return all_of_them(), Batch(*before, begin - count, batches.targets(begin - count, count))

    def _shown(
        self, batches: Batches, before: BatchOfData | None, parts: Parts, progress: bool, title: str
    ) -> Iterator[Part]:
        """What is found on each batch, in their order, with a bar."""
        known, announced, done = parts.recorded_images, not progress, 0
        heading, expected = f"{title} (compiling)", batches.expected_images
        shown = tqdm(total=expected, initial=known, unit="img", desc=heading, disable=not progress)
        with shown as bar, moving(bar):

            def announce(images: int, x: Any) -> None:
                nonlocal announced
                if not announced and not parts.is_recorded:
                    self._announce(bar, title, x, None if expected is None else expected - images)
                    announced = True

            for part in parts.of(*self._read(batches, before, announce)):
                done += len(part.measurements)
                if done > known:
                    bar.set_description_str(title, refresh=False)  # compiled by now
                    bar.update(len(part.measurements))
                yield part
            if bar.total is not None and bar.n < bar.total:  # files that were no images
                bar.total = bar.n
                bar.refresh()

    def _report(
        self,
        batches: Batches,
        collected: Collected,
        parts: Parts,
        class_names: Sequence[str] | Mapping[int, str] | None,
        unfinished: dict[str, Any] | None,
    ) -> EvaluationReport:
        data = parts.data_sha256(), parts.batch_hashes
        return report_of(self.classifier, self.settings, self.plan, batches, collected, data, class_names, unfinished)

    def _announce(self, bar: Any, title: str, x: Any, images: int | None) -> None:
        """Say in the bar what compiling a large model and the costly explainers will take, before they take it."""
        # Said at once: the forecast below traces a pass to time it, which takes long where the model is large.
        large = compiling(self.classifier.model)
        if large:
            bar.set_description_str(f"{title} (compiling {large})")
        conditions = 1 + len(self.plan.attacks) * len(self.settings.epsilons)
        conditions += len(self.plan.corruptions) * len(self.settings.severities)
        said = forecast(self.classifier, self.plan.explainers, x, images, conditions)
        if said:
            bar.set_description_str(f"{title} (compiling{f' {large}' if large else ''}; {said})")

    def _check_target(self, has_labels: bool) -> None:
        if self.settings.target == "label" and not has_labels:
            raise ValueError(
                "target='label' explains the true class, but the data have no labels. Pass (x, y), or "
                "target='predicted'."
            )
