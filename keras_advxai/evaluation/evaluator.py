"""Runs the compiled step over data and makes the report."""

from __future__ import annotations

import collections
import functools
from collections.abc import Sequence
from importlib import metadata
from typing import Any, get_args

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from keras_advxai import attacks as attacks_module
from keras_advxai import explainers as explainers_module
from keras_advxai._registry import Configuration
from keras_advxai._typing import AttackTargets, Bounds, Checks, Preprocess, TargetMode
from keras_advxai.attacks import Attack, UniformNoise
from keras_advxai.evaluation import checks
from keras_advxai.evaluation.attack_checks import attack_findings
from keras_advxai.evaluation.data import Batches, Fingerprint
from keras_advxai.evaluation.duration import compiling, forecast
from keras_advxai.evaluation.finding import Finding
from keras_advxai.evaluation.further_checks import MOST_IMAGES, further_findings
from keras_advxai.evaluation.gathering import gather_examples, gather_samples
from keras_advxai.evaluation.kept import Kept
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.evaluation.scores import score_pairs
from keras_advxai.evaluation.step import Step
from keras_advxai.evaluation.targets import check_goal
from keras_advxai.explainers import Explainer
from keras_advxai.models import ImageClassifier
from keras_advxai.models.inputs import check_epsilons, check_whole_number
from keras_advxai.ops.ssim import window_size

_MOST_IMAGES = 8
_PACKAGES = ("keras-advxai", "tensorflow", "keras", "numpy")


class Evaluator:
    """A classifier with the attacks, explainers and strengths that it is to be evaluated with.

    Everything is validated when it is built, and the step is compiled once for each model, so one
    evaluator (or several equal ones) may run after every epoch.

    Args:
        model: A `keras.Model`, or an `ImageClassifier`.
        attacks: Names or instances.
        explainers: Names or instances; none for accuracy alone.
        epsilons: Strengths, fractions of the bounds' width.
        bounds: The smallest and largest pixel. Defaults to `(0, 1)`; see `ImageClassifier`.
        preprocess: From image space to what the network takes; see `ImageClassifier`.
        target: Whose class the heatmaps explain: `"predicted"`, `"clean"` or `"label"`.
        noise_control: Whether to run uniform noise of the same norm and budget beside the attacks.
        seed: Seed of the noise and of the bootstrap.
        checks: `"cheap"` or `"all"`; see `evaluate`.
        attack_targets: Which classes targeted attacks are to reach; see `evaluate`.

    Raises:
        TypeError: One of the arguments is of a wrong kind.
        ValueError: One of them is wrong; the message says which and what to do.
    """

    def __init__(
        self,
        model: keras.Model | ImageClassifier,
        *,
        attacks: Sequence[str | Attack] | str | Attack = ("fgsm",),
        explainers: Sequence[str | Explainer] | str | Explainer = ("grad_cam",),
        epsilons: Sequence[float] = (1 / 255, 2 / 255, 4 / 255, 8 / 255),
        bounds: Bounds | None = None,
        preprocess: Preprocess = None,
        target: TargetMode = "predicted",
        noise_control: bool = True,
        seed: int = 0,
        checks: Checks = "cheap",
        attack_targets: AttackTargets = None,
    ) -> None:
        self.classifier = _classifier(model, bounds, preprocess)
        if target not in get_args(TargetMode):
            raise ValueError(
                f"Argument `target` must be one of {', '.join(get_args(TargetMode))}. Received: target={target!r}"
            )
        self.target: TargetMode = target
        if checks not in get_args(Checks):
            raise ValueError(f"Argument `checks` must be 'cheap' or 'all'. Received: checks={checks!r}")
        self.checks: Checks = checks
        self.seed = check_whole_number("seed", seed, 0)
        given = [attacks_module.get(item) for item in listed(attacks)]
        if not given:
            raise ValueError(f"Argument `attacks` must name at least one attack. Received: {attacks!r}")
        self.goal, self._given_targets = check_goal(attack_targets, given, self.classifier, self.seed)
        norms = dict.fromkeys(attack.norm for attack in given)
        self.epsilons = check_epsilons(epsilons, "linf" if "linf" in norms else "l2")
        controls = [UniformNoise(norm=norm, seed=self.seed) for norm in norms] if noise_control else []
        self.attacks = _distinct([*given, *(item for item in controls if item not in given)], "attacks")
        self.explainers = _distinct([explainers_module.get(item) for item in listed(explainers)], "explainers")
        for explainer in self.explainers:
            if explainer.signed:
                raise ValueError(
                    f"An evaluation compares heatmaps in [0, 1]. Received: {explainer!r}, whose heatmaps are signed. "
                    "Leave its `relu` at True."
                )
        self.layers = {item.name: item.layers(self.classifier) for item in self.explainers}
        self._step = Step(self.attacks, self.explainers, self.target, self.goal)

    def batches(self, data: Any, batch_size: int = 32) -> Batches:
        """The data as batches that fit the classifier; see `Batches`.

        Raises:
            TypeError: `data` is of a wrong kind.
            ValueError: It does not fit the classifier or the targets of attacks, or has no labels where the target of
                heatmaps needs them.
        """
        batches = Batches(data, self.classifier, batch_size, self._given_targets)
        self._check_target(batches.has_labels)
        return batches

    def warm_up(self, batches: Batches) -> None:
        """Compile the step and run it on one batch, so that whatever can fail does so now."""
        x, y = next(iter(batches))
        targets = batches.attack_targets
        self._run_step(x, y, 0, None if targets is None else targets[: len(self.classifier.images_of(x))])

    def run(
        self,
        data: Any,
        *,
        batch_size: int = 32,
        images: int | None = None,
        progress: bool = True,
        title: str = "evaluating",
    ) -> EvaluationReport:
        """Evaluate the model, as its weights are now, on all of the data.

        Args:
            data: Arrays or a dataset, or batches that `batches` made.
            batch_size: How many images go through the model at once.
            images: How many of the first images to keep for pictures. Defaults to 8, and to fewer with more than 8
                explainers, whose heatmaps at every strength would fill the memory.
            progress: Whether to show a bar.
            title: What the bar says.

        Returns:
            The report.
        """
        few = max(1, _MOST_IMAGES**2 // max(_MOST_IMAGES, len(self.explainers)))
        images = few if images is None else check_whole_number("images", images, 0)
        batches = data if isinstance(data, Batches) else self.batches(data, batch_size)
        found: list[dict[str, Any]] = []
        kept: list[Kept] = []
        fingerprint = Fingerprint()
        count = 0
        sizes: set[tuple[int, ...]] = set()
        with tqdm(total=batches.images, unit="img", desc=f"{title} (compiling)", disable=not progress) as bar:
            for x, y in batches:
                self._check_target(y is not None)
                if progress and not found:
                    self._announce(bar, title, x, batches.images)
                given = self.classifier.images_of(x)
                sizes.add(given.shape[1:3])
                keep = min(max(0, images - count), len(given))
                targets = None if batches.attack_targets is None else batches.attack_targets[count : count + len(given)]
                found.append(self._run_step(x, y, keep, targets))
                if self.checks == "all" and count < MOST_IMAGES:
                    kept.append(Kept.first(MOST_IMAGES - count, x, y, targets))
                fingerprint.update(given, y)
                count += len(given)
                bar.set_description_str(title, refresh=False)
                bar.update(len(given))
            samples = gather_samples(found, self.attacks, self.explainers, self.target, self.epsilons)
            if kept:
                bar.set_description_str(f"{title} (running the checks)")
            further = further_findings(self.classifier, kept, samples, self.attacks, self.goal) if kept else []
            bar.set_description_str(title)
        return EvaluationReport(
            samples=samples,
            provenance=self._provenance(batches, fingerprint.hexdigest(), given.shape[1:]),
            warnings=(
                *further,
                *self._setting_notes(batches, sizes),
                *checks.sample_notes(samples, self.target),
                *attack_findings(samples, self.attacks, bool(self.explainers)),
            ),
            examples=gather_examples(found, samples, self.classifier, self.target),
        )

    def _announce(self, bar: Any, title: str, x: Any, images: int | None) -> None:
        """Say in the bar what compiling a large model and the costly explainers will take, before they take it."""
        large = compiling(self.classifier.model)
        if large:
            bar.set_description_str(f"{title} (compiling {large})")
        conditions = 1 + len(self.attacks) * len(self.epsilons)
        said = forecast(self.classifier, self.explainers, x, images, conditions)
        if said:
            bar.set_description_str(f"{title} (compiling{f' {large}' if large else ''}; {said})")

    def _run_step(self, x: Any, y: np.ndarray | None, keep: int, targets: np.ndarray | None) -> dict[str, Any]:
        inputs = keras.tree.map_structure(tf.convert_to_tensor, x)
        images = tf.cast(self.classifier.images_of(inputs), tf.float32)
        inputs = self.classifier.with_images(inputs, images)
        self.classifier.check_output(inputs)
        for explainer in self.explainers:
            explainer.check(self.classifier, images)
        for attack in self.attacks:
            attack.check(self.classifier, images)
        labels, goals = (None if item is None else tf.convert_to_tensor(item) for item in (y, targets))
        strengths = tf.constant(self.epsilons, tf.float32)
        result = self.classifier.compiled(self._step, self._step, inputs, labels, strengths, tf.constant(keep), goals)
        found: dict[str, Any] = keras.tree.map_structure(lambda tensor: tensor.numpy(), result)
        return found

    def _check_target(self, has_labels: bool) -> None:
        if self.target == "label" and not has_labels:
            raise ValueError(
                "target='label' explains the true class, but the data have no labels. Pass (x, y), or "
                "target='predicted'."
            )

    def _setting_notes(self, batches: Batches, sizes: set[tuple[int, ...]]) -> list[Finding]:
        return checks.setting_notes(
            unsure=self.classifier.is_unsure,
            sizes=len(sizes),
            labels=batches.has_labels,
            weights=batches.ignored_weights,
            l2=any(attack.norm == "l2" for attack in self.attacks),
            single=bool(self.explainers) and len(self.epsilons) < 2,
        )

    def _provenance(self, batches: Batches, fingerprint: str, shape: tuple[int, ...]) -> dict[str, Any]:
        classifier = self.classifier
        preprocess = classifier.preprocess
        if callable(preprocess):
            preprocess = getattr(preprocess, "__qualname__", repr(type(preprocess)))
        layers = {item.name: list(item.layers(classifier, shape)) for item in self.explainers}
        found = classifier.survey(shape)
        size = [int(side or 0) for side in classifier.map_shape((None, *shape))[1:-1]]
        return {
            "model": classifier.model.name,
            "bounds": list(classifier.bounds),
            "preprocess": preprocess,
            "fold_batch_norm": classifier.fold_batch_norm,
            "jit_compile": classifier.jit_compile,
            "head": classifier.head(shape),
            "target": self.target,
            "labels": "given" if batches.has_labels else "clean prediction",
            "norms": {item.name: item.norm for item in self.attacks},
            "aims": {item.name: item.aim for item in self.attacks},
            "attacks": [attacks_module.serialize(item) for item in self.attacks],
            "attack_targets": None if self.goal is None else self.goal.rule,
            "explainers": [explainers_module.serialize(item) for item in self.explainers],
            "score_pairs": score_pairs(self.explainers),
            "layers": layers,
            "depths": {name: [found.depth(path) for path in paths] for name, paths in layers.items()},
            "heatmap_size": size,
            "ssim": _ssim_text(*size) if self.explainers else "",
            "seed": self.seed,
            "data_sha256": fingerprint,
            "versions": {name: _version(name) for name in _PACKAGES},
        }


def _classifier(model: Any, bounds: Bounds | None, preprocess: Preprocess) -> ImageClassifier:
    own = model if isinstance(model, ImageClassifier) else getattr(model, "classifier", None)
    if not isinstance(own, ImageClassifier):
        return ImageClassifier(model, bounds=bounds, preprocess=preprocess)
    if bounds is not None or preprocess is not None:
        kind = type(model).__name__
        raise ValueError(
            f"An {kind} has bounds and preprocessing of its own. Received: an {kind} with bounds={bounds}, "
            f"preprocess={preprocess!r}. Set them where it is built."
        )
    return own


def listed(items: Any) -> list[Any]:
    """One name, configuration or instance, or several, as a list."""
    single = isinstance(items, (str, dict, type, Configuration))
    return [items] if single else list(items)


def _distinct(items: list[Any], what: str) -> tuple[Any, ...]:
    names = [item.name for item in items]
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"Argument `{what}` must not name the same one twice. Received: {', '.join(twice)} twice")
    return tuple(items)


def _ssim_text(*size: int) -> str:
    window = "x".join([str(window_size(*size))] * sum(side > 1 for side in size))
    return f"{window} uniform window, K1 0.01, K2 0.03, data range 1, bilinear resizing"


@functools.cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
