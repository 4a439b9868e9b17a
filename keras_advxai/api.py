"""The functions at the top: `evaluate`, the whole package in one call, `compare_scores` and `list_layers`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Unpack, get_args

import keras

from keras_advxai import audit
from keras_advxai._choice import check_one_of
from keras_advxai._typing import ImageNames, OnError, Shape
from keras_advxai._warnings import each_once
from keras_advxai.attacks import Attack
from keras_advxai.data import Shard
from keras_advxai.data.deciding import decided, resolved
from keras_advxai.evaluation import EvaluationReport, EvaluationSettings
from keras_advxai.execution import Evaluator
from keras_advxai.execution.runner import Runner, check_runner
from keras_advxai.explainers import Explainer
from keras_advxai.explainers import get as get_explainer
from keras_advxai.measurements.coordinates import SCORES
from keras_advxai.measurements.scores import ScoreComparison
from keras_advxai.models import ImageClassifier, LayerTable, as_classifier
from keras_advxai.models.class_names import check_counted_names, class_names_of
from keras_advxai.models.compiled import cached_structure
from keras_advxai.models.inputs import check_class_names, check_flag, check_number
from keras_advxai.settings.arguments import (
    CONDITION_SETTINGS,
    ComparisonArguments,
    EvaluationArguments,
    takes_settings,
)
from keras_advxai.settings.evaluation_settings import listed
from keras_advxai.tensorboard.dashboards import of_model
from keras_advxai.tensorboard.directory import check_log_dir
from keras_advxai.tensorboard.disk_space import logged_bytes, saved_bytes
from keras_advxai.tensorboard.saving import log_report


@takes_settings(EvaluationSettings)
def evaluate(
    model: keras.Model | ImageClassifier,
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
    **arguments: Unpack[EvaluationArguments],
) -> EvaluationReport:
    """Measure how accuracy falls, and how far explanations drift, under attacks of several epsilons.

    One compiled step serves all: one pass over the clean images for predictions, explanations and the first
    gradient of every attack, and one more pass for each attack and epsilon. The model's weights, state and
    layers are left as they are.

    Args:
        model: A `keras.Model`, or an `ImageClassifier` for a model that needs further settings.
        data: `(x, y)` arrays, `x` alone, a batched `tf.data.Dataset` or a `keras.utils.PyDataset`, or a function that
            returns one of them, and which a `runner` calls on other machines. Images are `(batch, height, width,
            channels)` in image space; labels are class indices or one-hot. Without labels, attacks run against the
            clean predictions, and the report says so.
        names: {names}
        log_dir: Where to write TensorBoard logs and `advxai/report.json`. An evaluation is a run of its own,
            `advxai/evaluation`, also in the directory of a training. Whether it can be written to and has room enough
            is checked before; what fails nevertheless is said by a `callbacks.FailureWarning`, with its traceback in
            the log `keras_advxai`, and the report is returned. Defaults to `None`, nowhere.
        class_names: Names of the classes, a sequence or a dictionary by number, for the report and the pictures in
            TensorBoard. Defaults to those that the data bring along, as of folders, or else to their numbers.
        progress: Whether to show a progress bar on standard error. Defaults to `True`.
        journal: A file, such as `"run.journal"`, to which what is measured of each batch is written at once. The same
            call, after it was stopped or killed, goes on from there and returns the report that it would have
            returned, bit by bit; the data are read again, and compared with those of the journal. Another model, other
            settings, data or versions are refused, and a second evaluation while one is running. A killed process
            loses one batch; a machine without power about a second. Where the disk is full it is warned of, and the
            evaluation goes on without. With a journal, measurements of more than 16 MB are mapped from files on its
            disk and not kept in memory. Defaults to `None`, none.
        on_error: What to do if a batch behind the first one cannot be read or measured: `"raise"` an `EvaluationError`,
            whose `report` has what was measured before, or return that report, as `"partial"`. Either way it says so in
            its findings, its provenance and when it is printed. Defaults to `"raise"`.
        shard: Of so many parts of the data, the one of this number, from 0: `(3, 16)` is the fourth of sixteen. Its
            report says so, and `EvaluationReport.merge` makes the whole of all of them, for the jobs of an array on a
            cluster, each with a journal and a `log_dir` of its own. Parts are consecutive batches; each measures the
            batch before its first one once more, at one epsilon, so that *chance* is that of one process. Defaults to
            `None`, all of the data.
        runner: What measures the batches, such as `kax.distributed.RayRunner(shards=16)`; `journal` is then a folder
            that all machines see. Defaults to `None`: they are measured here, on all devices of the
            `tf.distribute.MirroredStrategy` that the model was made under.
        settings: {settings}

    Returns:
        An `EvaluationReport`: print it, query it, save it.

    Raises:
        EvaluationError: A batch failed behind the first one, or the audit of `checks="all"`. The message names the
            batch, and `report` has what was measured. It is a `ValueError`, too.
        OSError: The journal cannot be written, as in a folder that is read-only. Nothing was computed then.
        TypeError: An argument is of a wrong kind.
        ValueError: An argument is wrong, or the data do not fit the model. Nothing was computed then; what
            arrives as a stream is checked batch by batch.

    Example:

    >>> import keras
    >>> import keras_advxai as kax
    >>> keras.utils.set_random_seed(0)
    >>> (x, y), _ = kax.datasets.faces.load_data()
    >>> model = keras.Sequential([
    ...     keras.layers.Input((25, 25, 1)),
    ...     keras.layers.Conv2D(4, 3, activation="relu"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2, activation="softmax"),
    ... ])
    >>> report = kax.evaluate(model, (x, y), epsilons=(0.01, 0.1), progress=False)
    >>> bool(report.accuracy("fgsm", 0.1) <= report.clean_accuracy)
    True
    >>> bool(0 <= report.mod("fgsm", "grad_cam", 0.01) <= 1)
    True

    References:
        Chakraborty et al., "Generalizing adversarial explanations with Grad-CAM", CVPR workshops 2022.
    """
    check_flag("progress", progress)
    check_one_of("on_error", on_error, get_args(OnError), hint=False)
    if journal is not None and not isinstance(journal, (str, os.PathLike)):
        raise TypeError(f"Argument `journal` must be the path of a file, or None. Received: journal={journal!r}")
    directory = None if log_dir is None else check_log_dir(log_dir)
    wanted = EvaluationSettings.of(settings, arguments)
    part = None if shard is None else Shard.of(shard)
    check_runner(runner, shard)
    source, data = data, resolved(data)
    classifier = wanted.classifier(model)
    with each_once(), cached_structure(classifier.model):
        classifier = decided(classifier, data)
        evaluator = Evaluator(classifier, wanted)
        check_class_names(class_names, classifier.classes)
        if classifier.kind.name == "classification":
            check_counted_names(data, class_names, classifier.classes)
        class_names = class_names_of(source, classifier.classes) if class_names is None else class_names
        batches = audit.read(evaluator, data, part, names)
        batches.source = source
        if directory is not None:  # before hours of work, and not after
            check_log_dir(directory, logged_bytes(wanted, final=True) + saved_bytes(wanted, batches.images or 1))
        report = audit.run(
            evaluator,
            batches,
            progress=progress,
            class_names=class_names,
            journal=journal,
            on_error=on_error,
            runner=runner,
        )
    if directory is not None:
        log_report(report, directory, class_names, of_model(classifier.model))
    return report


@takes_settings(EvaluationSettings, without=CONDITION_SETTINGS)
def compare_scores(
    model: keras.Model | ImageClassifier,
    data: Any,
    *,
    explainers: Sequence[str | Explainer] | str | Explainer = ("grad_cam", "integrated_gradients"),
    attack: str | Attack = "fgsm",
    epsilon: float = 8 / 255,
    noise_control: bool = False,
    names: ImageNames = None,
    log_dir: str | os.PathLike[str] | None = None,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    progress: bool = True,
    journal: str | os.PathLike[str] | None = None,
    on_error: OnError = "raise",
    runner: Runner | None = None,
    settings: EvaluationSettings | None = None,
    **arguments: Unpack[ComparisonArguments],
) -> ScoreComparison:
    """The effect of the softmax on explanations: heatmaps of a class's logit against heatmaps of its probability.

    The gradient of a probability vanishes as the model grows confident. Where the logit gap is about 17, the
    probability is exactly 1 in float32 and the class's own part of its gradient is lost: the heatmap is then wrong, and
    goes blank where the other classes' parts are lost, too (with one sigmoid unit at once, with a softmax at a gap of
    about 87). The logit's heatmap does not change. This measures how much the two differ, on the original and on
    adversarial images, against the model's confidence.

    Args:
        model: A `keras.Model`, or an `ImageClassifier`.
        data: As for `evaluate`: `x` alone, `(x, y)` or a dataset.
        explainers: Names or instances; each is run with both scores. Defaults to `("grad_cam",
            "integrated_gradients")`.
        attack: The attack that makes the adversarial images. Defaults to `"fgsm"`.
        epsilon: Its budget, a fraction of the bounds' width. Defaults to 8/255.
        noise_control: Whether to measure uniform noise beside the attack. Defaults to `False`.
        names: {names}
        log_dir: Where to write TensorBoard logs and `advxai/report.json`. Defaults to `None`, nowhere.
        class_names: Names of the classes, a sequence or a dictionary by number, for the report and the pictures in
            TensorBoard. Defaults to those that the data bring along, as of folders, or else to their numbers.
        progress: Whether to show a progress bar on standard error. Defaults to `True`.
        journal: A file from which the same call goes on; see `evaluate`. Defaults to `None`, none.
        on_error: What to do if a batch fails; see `evaluate`. Defaults to `"raise"`.
        runner: What measures the batches; see `evaluate`. Defaults to `None`: they are measured here.
        settings: {settings}

    Returns:
        A `ScoreComparison`: print it for a table; `figures.confidence(comparison.panels)` and `figures.scores` draw it.

    Raises:
        TypeError: An argument is of a wrong kind.
        ValueError: An argument is wrong, or an explainer takes no score.

    Example:

    >>> import keras
    >>> import keras_advxai as kax
    >>> keras.utils.set_random_seed(0)
    >>> (x, _), _ = kax.datasets.faces.load_data()
    >>> model = keras.Sequential([
    ...     keras.layers.Input((25, 25, 1)),
    ...     keras.layers.Conv2D(4, 3, activation="relu"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2, activation="softmax"),
    ... ])
    >>> comparison = kax.compare_scores(model, x[:8], explainers="grad_cam", progress=False)
    >>> comparison.original.nissim["grad_cam"].shape, bool(comparison.original.zero_gradient.any())
    ((8,), False)
    """
    given = [get_explainer(item) for item in listed("explainers", explainers)]
    if not given:
        raise ValueError(f"Argument `explainers` must name at least one explainer. Received: {explainers!r}")
    both = dict.fromkeys(item.with_score(score) for item in given for score in SCORES)
    check_number("epsilon", epsilon, 0)
    for one, several in (("epsilon", "epsilons"), ("attack", "attacks")):
        if several in arguments:
            raise TypeError(
                f"`compare_scores` takes a single `{one}`. Received: {several}={dict(arguments)[several]!r}"
            )
    if "severities" in arguments:
        raise TypeError(f"`compare_scores` is of one attack. Received: severities={dict(arguments)['severities']!r}")
    if not isinstance(attack, (str, dict, type, Attack)):
        raise TypeError(f"Argument `attack` must be one attack, by name or instance. Received: attack={attack!r}")
    report = evaluate(
        model,
        data,
        attacks=attack,
        explainers=tuple(both),
        epsilons=(epsilon,),
        noise_control=noise_control,
        names=names,
        log_dir=log_dir,
        class_names=class_names,
        progress=progress,
        journal=journal,
        on_error=on_error,
        runner=runner,
        settings=settings,
        **arguments,
    )
    return report.compare_scores()


def list_layers(model: keras.Model | ImageClassifier, shape: Shape = None) -> LayerTable:
    """Every layer of a model that Grad-CAM can explain, in execution order. Printed, it is a table.

    Args:
        model: A `keras.Model`, or an `ImageClassifier` for a model that needs further settings.
        shape: `(height, width, channels)` of the images, for a model that leaves them open. Defaults to `None`.

    Returns:
        A tuple of `LayerInfo` with name, kind, output shape, and whether it is the default layer.

    Raises:
        TypeError: `model` is not a model.
        ValueError: The model is not built, or does not say what it takes.

    Example:

    >>> import keras
    >>> import keras_advxai as kax
    >>> backbone = keras.Sequential([
    ...     keras.layers.Input((16, 16, 3)), keras.layers.Conv2D(4, 3, name="conv"), keras.layers.ReLU(name="relu"),
    ... ], name="backbone")
    >>> model = keras.Sequential([backbone, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    >>> print(kax.list_layers(model))
     layer         | kind       |  output |
    ---------------+------------+---------+-----------------------
     backbone/conv | Conv2D     | 14x14x4 |
     backbone/relu | ReLU       | 14x14x4 | default
     backbone      | Sequential | 14x14x4 | same as backbone/relu
    """
    return as_classifier(model).layers(shape)


def layers(model: keras.Model | ImageClassifier, shape: Shape = None) -> LayerTable:
    """`list_layers`, by its name in version 0.1.

    Args:
        model: See `list_layers`.
        shape: See `list_layers`. Defaults to `None`.
    """
    warnings.warn(
        "keras_advxai.layers(model) is keras_advxai.list_layers(model) now; the old name goes in the next version.",
        DeprecationWarning,
        stacklevel=2,
    )
    return list_layers(model, shape)
