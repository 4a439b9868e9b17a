"""Runs the compiled step over data and makes the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from keras_advxai.data import Batches, Fingerprint
from keras_advxai.evaluation import checks
from keras_advxai.evaluation.checks.evidence import Evidence
from keras_advxai.evaluation.duration import compiling, forecast
from keras_advxai.evaluation.origin import provenance
from keras_advxai.evaluation.plan import MeasurementPlan
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.evaluation.step import Part, Step
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.models import ImageClassifier
from keras_advxai.models.arriving import Arriving, compared
from keras_advxai.models.task import CLASSIFICATION
from keras_advxai.models.variables import non_finite_variables
from keras_advxai.ops.compiling import check_eager
from keras_advxai.settings.attack_targets import target_rule
from keras_advxai.settings.evaluation_settings import EvaluationSettings


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
                f"The model {classifier.model.name!r} ends in several sigmoids, which may say several labels or one "
                "class. Pass labels='multi' or labels='single'."
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
        self.plan = MeasurementPlan(attacks, settings.explainers, settings.metrics, settings.target, rule)
        for explainer in settings.explainers:
            explainer.check_task(classifier)
            explainer.layers(classifier)  # raises for a layer that is not there, before data are read
        self._step = Step(classifier, self.settings, self.plan)

    def batches(self, data: Any, remember: int = 0) -> Batches:
        """The data as batches that fit the classifier; see `Batches`.

        Args:
            data: What `evaluate` takes.
            remember: How many of the first images to keep when they are read. Defaults to 0.

        Raises:
            TypeError: `data` is of a wrong kind.
            ValueError: It does not fit the classifier or the targets of attacks, or has no labels where the target of
                heatmaps needs them.
        """
        given = self.settings.attack_targets
        targets = given if isinstance(given, np.ndarray) else None  # what is no array is a rule, which the plan has
        batches = Batches(data, self.classifier, self.settings.batch_size, targets, remember, self.settings.steps)
        self._check_target(batches.has_labels)
        return batches

    def warm_up(self, batches: Batches) -> None:
        """Compile the step and run it on one batch, so that whatever can fail does so now."""
        # In a callback that is before the first epoch. Others fail after it, when it has been paid for.
        x, y = next(iter(batches))
        self._step(x, y, targets=_of_images(batches.attack_targets, 0, len(self.classifier.images_of(x))))

    def run(
        self,
        batches: Batches,
        *,
        progress: bool = True,
        title: str = "evaluating",
        class_names: Sequence[str] | Mapping[int, str] | None = None,
    ) -> EvaluationReport:
        """Evaluate the model, as its weights are now, on all of the data.

        Args:
            batches: The data, from `batches`.
            progress: Whether to show a bar.
            title: What the bar says.
            class_names: Names of the classes, for the report. Defaults to `None`: their numbers.

        Returns:
            The report.
        """
        fingerprint = Fingerprint()
        parts = list(self._parts(batches, fingerprint, progress, title))
        return self._report(parts, batches, fingerprint.hexdigest(), class_names)

    def _parts(self, batches: Batches, fingerprint: Fingerprint, progress: bool, title: str) -> Iterator[Part]:
        """What is found on each batch, in their order."""
        part: Part | None = None
        with tqdm(total=batches.images, unit="img", desc=f"{title} (compiling)", disable=not progress) as bar:
            for x, y in batches:
                self._check_target(y is not None)  # of a stream it shows only now
                if progress and part is None:
                    self._announce(bar, title, x, batches.images)
                given = self.classifier.images_of(x)
                first = 0 if part is None else part.end  # images, and not batches: a stream has batches of any size
                targets = _of_images(batches.attack_targets, first, len(given))
                part = self._step(x, y, first, targets, None if part is None else part.last)
                fingerprint.update(given, y)
                bar.set_description_str(title, refresh=False)  # compiled by now
                bar.update(len(given))
                yield part

    def _report(
        self,
        parts: Sequence[Part],
        batches: Batches,
        data_sha256: str,
        class_names: Sequence[str] | Mapping[int, str] | None,
    ) -> EvaluationReport:
        """The report of all parts."""
        sizes = {part.shape[:2] for part in parts}  # SSIM, and so NISSIM, depends on the size
        shape = parts[-1].shape
        topology = self.classifier.topology(shape)
        measurements = Measurements.concat([part.measurements for part in parts])
        evidence = Evidence(
            measurements,
            self.settings.attacks_and_controls,
            has_labels=batches.has_labels,
            has_sample_weights=batches.ignored_weights,
            image_sizes=len(sizes),
            unsure_logits=self.classifier.assumes_probabilities,
            explainers=self.plan.explainers,
            ways_out={item.name: item.way_out(self.classifier, shape) for item in self.plan.explainers},
            random=topology.random,
            non_finite_weights=non_finite_variables(self.classifier.model),
            arriving=_arriving(topology.statistics, parts),
        )
        origin = provenance(
            self.classifier,
            self.settings,
            self.plan,
            has_labels=batches.has_labels,
            data_sha256=data_sha256,
            shape=shape,
            several_sizes=len(sizes) > 1,
        )
        return EvaluationReport(
            measurements,
            {**origin, "class_names": _listed(class_names)},
            checks.findings(evidence),
            tuple(example for part in parts for example in part.examples),
            self.settings,
        )

    def _announce(self, bar: Any, title: str, x: Any, images: int | None) -> None:
        """Say in the bar what compiling a large model and the costly explainers will take, before they take it."""
        # Said at once: the forecast below traces a pass to time it, which takes long where the model is large.
        large = compiling(self.classifier.model)
        if large:
            bar.set_description_str(f"{title} (compiling {large})")
        conditions = 1 + len(self.plan.attacks) * len(self.settings.epsilons)
        said = forecast(self.classifier, self.plan.explainers, x, images, conditions)
        if said:
            bar.set_description_str(f"{title} (compiling{f' {large}' if large else ''}; {said})")

    def _check_target(self, has_labels: bool) -> None:
        if self.settings.target == "label" and not has_labels:
            raise ValueError(
                "target='label' explains the true class, but the data have no labels. Pass (x, y), or "
                "target='predicted'."
            )


def _of_images(values: np.ndarray | None, first: int, count: int) -> np.ndarray | None:
    """What was given for each image of the data, for some of them."""
    return None if values is None else values[first : first + count]


def _listed(class_names: Sequence[str] | Mapping[int, str] | None) -> list[str]:
    """Checked names in the order of the class indices; none where there are none."""
    if isinstance(class_names, Mapping):
        return [class_names[index] for index in sorted(class_names)]
    return list(class_names or ())


def _arriving(layer: str | None, parts: Sequence[Part]) -> Arriving | None:
    """What arrived at a layer with statistics, of all parts."""
    moments = [part.arriving for part in parts if part.arriving is not None]
    return compared(layer, moments, [len(part.measurements) for part in parts]) if layer and moments else None
