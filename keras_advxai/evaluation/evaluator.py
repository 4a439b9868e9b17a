"""Runs the compiled step over data and makes the report."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from keras_advxai._typing import Tensor
from keras_advxai.data import Batches, Fingerprint
from keras_advxai.evaluation import checks
from keras_advxai.evaluation.checks.evidence import Evidence
from keras_advxai.evaluation.duration import compiling, forecast
from keras_advxai.evaluation.measure import Measure
from keras_advxai.evaluation.pictures import gather_examples
from keras_advxai.evaluation.plan import MeasurementPlan
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.metrics import nissim
from keras_advxai.models import ImageClassifier, draws
from keras_advxai.models.arriving import Arriving, compared
from keras_advxai.models.task import CLASSIFICATION
from keras_advxai.models.variables import non_finite_variables
from keras_advxai.ops.compiling import check_eager
from keras_advxai.ops.ssim import SMALLEST_WINDOW, window_size
from keras_advxai.settings.arguments import FUNCTION_SETTINGS
from keras_advxai.settings.attack_targets import target_rule
from keras_advxai.settings.evaluation_settings import EvaluationSettings
from keras_advxai.settings.restoring import function_name

_PACKAGES = ("keras-advxai", "tensorflow", "keras", "numpy")


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
        self._measure = Measure(self.plan)

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
        targets = batches.attack_targets
        self._run_step(x, y, 0, 0, None if targets is None else targets[: len(self.classifier.images_of(x))], {})

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
        found: list[dict[str, Any]] = []
        fingerprint = Fingerprint()
        count = 0  # images, and not batches: a stream has batches of any size
        sizes: set[tuple[int, ...]] = set()
        with tqdm(total=batches.images, unit="img", desc=f"{title} (compiling)", disable=not progress) as bar:
            for x, y in batches:
                self._check_target(y is not None)  # of a stream it shows only now
                if progress and not found:
                    self._announce(bar, title, x, batches.images)
                given = self.classifier.images_of(x)
                sizes.add(given.shape[1:3])  # SSIM, and so NISSIM, depends on the size
                pictured = min(max(0, self.settings.pictured - count), len(given))
                targets = None if batches.attack_targets is None else batches.attack_targets[count : count + len(given)]
                # A few numbers are kept of each image, so that memory does not grow with what a stream gives.
                before = found[-1]["clean"].pop("last") if found else {}
                found.append(self._run_step(x, y, count, pictured, targets, before))
                fingerprint.update(given, y)
                count += len(given)
                bar.set_description_str(title, refresh=False)  # compiled by now
                bar.update(len(given))
        coordinates = self._coordinates(found[0])  # all batches have the same
        topology = self.classifier.topology(given.shape[1:])
        measurements = Measurements.concat([Measurements.gather(coordinates, batch) for batch in found])
        evidence = Evidence(
            measurements,
            self.settings.attacks_and_controls,
            has_labels=batches.has_labels,
            has_sample_weights=batches.ignored_weights,
            image_sizes=len(sizes),
            unsure_logits=self.classifier.assumes_probabilities,
            explainers=self.plan.explainers,
            ways_out={item.name: item.way_out(self.classifier, given.shape[1:]) for item in self.plan.explainers},
            random=topology.random,
            non_finite_weights=non_finite_variables(self.classifier.model),
            arriving=_arriving(topology.statistics, found),
        )
        provenance = self._provenance(batches, fingerprint.hexdigest(), given.shape[1:], several=len(sizes) > 1)
        return EvaluationReport(
            measurements,
            {**provenance, "class_names": _listed(class_names)},
            checks.findings(evidence),
            gather_examples(found, measurements, self.classifier),
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

    def _run_step(
        self,
        x: Any,
        y: np.ndarray | None,
        first: int,
        pictured: int,
        targets: np.ndarray | None,
        before: dict[str, np.ndarray],
    ) -> dict[str, Any]:
        """What was measured of a batch, given the number of its first image and how many are for pictures.

        `before` is what it returned as `"last"` for the batch before.
        """
        inputs = keras.tree.map_structure(tf.convert_to_tensor, x)
        images = tf.cast(self.classifier.images_of(inputs), tf.float32)
        inputs = self.classifier.with_images(inputs, images)
        # In the graph there are no values to look at.
        self.classifier.check_output(inputs)
        if self.plan.explainers and (nissim in self.plan.metrics or self.plan.score_pairs):
            _check_window(self.classifier.map_shape(images.shape)[1:-1])
        for explainer in self.plan.explainers:
            explainer.check(self.classifier, images)
        for attack in self.plan.attacks:
            attack.check(self.classifier, images)
        labels, given = (None if item is None else tf.convert_to_tensor(item) for item in (y, targets))
        epsilons = tf.constant(self.settings.epsilons, tf.float32)  # others take no new trace
        step = self._measure  # its own key: evaluators with equal plans share what is compiled
        previous = self._previous(images, before)
        # Behind whatever ran the model before, which is not the same the second time.
        draws.restart(self.settings.seed, first)
        result = self.classifier.compiled(step, step, inputs, labels, epsilons, tf.constant(pictured), given, previous)
        found: dict[str, Any] = keras.tree.map_structure(lambda tensor: tensor.numpy(), result)
        return found

    def _previous(self, images: Tensor, before: dict[str, np.ndarray]) -> dict[str, Tensor] | None:
        """The last heatmap of the batch before, by explainer, or blank ones; `None` without explainers."""
        shape = self.classifier.map_shape((1, *images.shape[1:]))
        found = {item.name: before.get(item.name) for item in self.plan.explainers}
        # Of images of another size there is nothing to compare with.
        fitting = {name: maps if maps is not None and maps.shape == shape else None for name, maps in found.items()}
        return {name: tf.zeros(shape) if maps is None else tf.constant(maps) for name, maps in fitting.items()} or None

    def _coordinates(self, found: dict[str, Any]) -> Coordinates:
        """The labels along the dimensions of what was measured of a batch."""
        plan, own = self.plan, self.settings.target
        # Which targets were measured beside the own one is for the explainers to say, where that costs the head alone.
        maps = found[plan.attacks[0].name].get("dissimilarity", {}).get(plan.metrics[0].name, {})
        others = {target for targets in maps.values() for target in targets} - {own}
        return Coordinates(
            attacks=tuple(item.name for item in plan.attacks),
            explainers=tuple(item.name for item in plan.explainers),
            metrics=tuple(item.name for item in plan.metrics),
            targets=(own, *sorted(others)),
            epsilons=self.settings.epsilons,
            classes=self.classifier.classes,
        )

    def _check_target(self, has_labels: bool) -> None:
        if self.settings.target == "label" and not has_labels:
            raise ValueError(
                "target='label' explains the true class, but the data have no labels. Pass (x, y), or "
                "target='predicted'."
            )

    def _provenance(self, batches: Batches, fingerprint: str, shape: tuple[int, ...], several: bool) -> dict[str, Any]:
        classifier, plan = self.classifier, self.plan
        functions = {key: getattr(classifier, key) for key in FUNCTION_SETTINGS}
        # JSON holds no functions.
        said = {key: function_name(item) if callable(item) else item for key, item in functions.items()}
        layers = {item.name: list(item.layers(classifier, shape)) for item in plan.explainers}
        topology = classifier.topology(shape)
        # Of images of several sizes, that of the last batch would say nothing of the others.
        size = [] if several else [int(side or 0) for side in classifier.map_shape((None, *shape))[1:-1]]
        return {
            "model": classifier.model.name,
            "bounds": list(classifier.bounds),
            "preprocess": said["preprocess"],
            "reduce": said["reduce"],
            "task": classifier.kind.name,
            "fold_batch_norm": classifier.fold_batch_norm,
            "jit_compile": classifier.jit_compile,
            "head": classifier.head(shape),
            "target": plan.target,
            "labels": "given" if batches.has_labels else "clean prediction",
            "norms": {item.name: item.norm for item in plan.attacks},
            "aims": {item.name: item.aim for item in plan.attacks},
            "attack_targets": None if plan.rule is None else plan.rule.rule,
            "score_pairs": plan.score_pairs,
            "layers": layers,
            "depths": {name: [topology.depth(path) for path in paths] for name, paths in layers.items()},
            "heatmap_size": size,
            "ssim": _ssim_text(*size) if plan.explainers and size else "",
            "seed": self.settings.seed,
            "data_sha256": fingerprint,
            "versions": {name: _version(name) for name in _PACKAGES},
            "settings": self.settings.to_dict(),
        }


def _check_window(size: tuple[int | None, ...]) -> None:
    """Raise before a long trace if heatmaps are too small for SSIM."""
    try:
        window_size(*(side or 0 for side in size))
    except ValueError as error:
        raise ValueError(
            f"{error} Or measure another dissimilarity of the heatmaps, such as metrics='cosine_distance', or "
            "explainers=() for accuracy alone."
        ) from error


def _listed(class_names: Sequence[str] | Mapping[int, str] | None) -> list[str]:
    """Checked names in the order of the class indices; none where there are none."""
    if isinstance(class_names, Mapping):
        return [class_names[index] for index in sorted(class_names)]
    return list(class_names or ())


def _arriving(layer: str | None, found: list[dict[str, Any]]) -> Arriving | None:
    """What arrived at a layer with statistics, of what the step returned for each batch."""
    if layer is None or "arriving" not in found[0]:
        return None
    return compared(layer, [batch["arriving"] for batch in found], [len(batch["clean"]["label"]) for batch in found])


def _ssim_text(*size: int) -> str:
    if any(1 < side < SMALLEST_WINDOW for side in size) or all(side == 1 for side in size):
        return ""  # too small for SSIM, and measured by other dissimilarities
    window = "x".join([str(window_size(*size))] * sum(side > 1 for side in size))
    # Window and resizing are part of the metric: another library with other ones has another NISSIM.
    return f"{window} uniform window, K1 0.01, K2 0.03, data range 1, bilinear resizing"


@functools.cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
