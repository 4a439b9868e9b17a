"""The functions at the top: `evaluate`, the whole package in one call, `compare_scores` and `layers`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, get_args

import keras

from keras_advxai._typing import AttackTargets, Bounds, Checks, Preprocess, Score, Shape, TargetMode
from keras_advxai.attacks import Attack
from keras_advxai.evaluation import EvaluationReport, Evaluator
from keras_advxai.evaluation.evaluator import listed
from keras_advxai.evaluation.scores import ScoreComparison
from keras_advxai.explainers import Explainer
from keras_advxai.explainers import get as get_explainer
from keras_advxai.models import ImageClassifier, LayerTable, as_classifier
from keras_advxai.models.compiled import steady
from keras_advxai.models.inputs import check_class_names, check_number
from keras_advxai.tensorboard.directory import check_log_dir, next_step
from keras_advxai.tensorboard.writer import ReportWriter


def evaluate(
    model: keras.Model | ImageClassifier,
    data: Any,
    *,
    attacks: Sequence[str | Attack] | str | Attack = ("fgsm",),
    explainers: Sequence[str | Explainer] | str | Explainer = ("grad_cam",),
    epsilons: Sequence[float] = (1 / 255, 2 / 255, 4 / 255, 8 / 255),
    bounds: Bounds | None = None,
    preprocess: Preprocess = None,
    target: TargetMode = "predicted",
    batch_size: int = 32,
    noise_control: bool = True,
    seed: int = 0,
    log_dir: str | os.PathLike[str] | None = None,
    class_names: Sequence[str] | None = None,
    images: int | None = None,
    progress: bool = True,
    checks: Checks = "cheap",
    attack_targets: AttackTargets = None,
) -> EvaluationReport:
    """Measure how accuracy falls, and how far explanations drift, under attacks of several strengths.

    One compiled step serves all: one pass over the clean images for predictions, explanations and the first
    gradient of every attack, and one more pass for each attack and strength. The model's weights, state and
    layers are left as they are.

    Args:
        model: A `keras.Model`, or an `ImageClassifier` for a model that needs more to be said about it.
        data: `(x, y)` arrays, `x` alone, a batched `tf.data.Dataset` or a `keras.utils.PyDataset`. Images are
            `(batch, height, width, channels)` in image space; labels are class indices or one-hot. Without
            labels, attacks run against the clean predictions, and the report says so.
        attacks: Names or instances. Defaults to `("fgsm",)`.
        explainers: Names or instances; an empty tuple measures accuracy alone. Defaults to `("grad_cam",)`.
        epsilons: Attack strengths, as fractions of the bounds' width: 8/255 means eight grey levels whatever
            the bounds. For attacks with `norm="l2"`, the length of the whole change in the unit image scale, which
            may exceed 1. VID is a spread over them, so give several. Defaults to 1, 2, 4 and 8 grey levels.
        bounds: The smallest and largest value of a pixel. Defaults to `(0, 1)`, and to `(0, 255)` where
            `preprocess` is a name.
        preprocess: A callable from images to what the network takes, or the name of a module of
            `keras.applications`, such as `"resnet50"`. Defaults to `None`.
        target: Whose class a heatmap explains: `"predicted"`, each image's own prediction; `"clean"`, the clean
            prediction for both images; or `"label"`. Defaults to `"predicted"`.
        batch_size: How many images of an array go through the model at once. Defaults to 32.
        noise_control: Whether to measure the same under uniform noise of the same norm and budget, without
            which drift under attack means little. Defaults to `True`.
        seed: Seed of the noise and of the bootstrap intervals. Defaults to 0.
        log_dir: Where to write TensorBoard logs and `advxai/report.json`. In the directory of a training, the
            evaluation is logged one step after the last epoch. Defaults to `None`, nowhere.
        class_names: Names of the classes, for the pictures in TensorBoard. Defaults to their numbers.
        images: How many of the first images to keep, with their heatmaps, for pictures. Defaults to 8, and to fewer
            with more than 8 explainers.
        progress: Whether to show a progress bar on standard error. Defaults to `True`.
        checks: Which checks say what the figures are worth, in `report.warnings`: `"cheap"`, those that look at what
            was found, or `"all"`, also those that run the model and the attacks again on the first 128 images, which
            takes up to eight times each attack on them; `docs/checks.md` has them all. Defaults to `"cheap"`.
        attack_targets: Which class a targeted attack is to reach: of each image the `"least_likely"` one, the
            `"runner_up"` or a `"random"` one (by seed and image), which are never the label; one class for all images,
            where those of that class are not attacked; or, for arrays, one for each image, which must not be its label.
            Images that are misclassified before are not attacked. Defaults to `None`, for untargeted attacks only.

    Returns:
        An `EvaluationReport`: print it, ask it, save it.

    Raises:
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
    directory = None if log_dir is None else check_log_dir(log_dir)
    evaluator = Evaluator(
        model,
        attacks=attacks,
        explainers=explainers,
        epsilons=epsilons,
        bounds=bounds,
        preprocess=preprocess,
        target=target,
        noise_control=noise_control,
        seed=seed,
        checks=checks,
        attack_targets=attack_targets,
    )
    with steady(evaluator.classifier.model):
        check_class_names(class_names, evaluator.classifier.classes)
        batches = evaluator.batches(data, batch_size)
        report = evaluator.run(batches, images=images, progress=progress)
    if directory is not None:
        with ReportWriter(directory, class_names=class_names) as writer:
            writer.write(report, next_step(directory), figures=True)
            writer.write_hparams(report)
        report.to_json(directory / "advxai" / "report.json")
    return report


def compare_scores(
    model: keras.Model | ImageClassifier,
    data: Any,
    *,
    explainers: Sequence[str | Explainer] | str | Explainer = ("grad_cam", "integrated_gradients"),
    attack: str | Attack = "fgsm",
    epsilon: float = 8 / 255,
    **settings: Any,
) -> ScoreComparison:
    """What the softmax does to explanations: heatmaps of a class's logit against heatmaps of its probability.

    The gradient of a probability vanishes as the model grows confident. Where the logits are some 17 apart, the
    probability is exactly 1 in float32 and the class's own part of its gradient is lost: the heatmap is then wrong, and
    goes blank where the other classes' parts are lost, too (with one sigmoid unit at once, with a softmax at a gap of
    about 87). The logit's heatmap stays as it is. This tells by how much the two differ, on the original and on
    adversarial images, against the model's confidence.

    Args:
        model: A `keras.Model`, or an `ImageClassifier`.
        data: As for `evaluate`: `x` alone, `(x, y)` or a dataset.
        explainers: Names or instances; each is run with both scores. Defaults to `("grad_cam",
            "integrated_gradients")`.
        attack: The attack that makes the adversarial images. Defaults to `"fgsm"`.
        epsilon: Its strength, a fraction of the bounds' width. Defaults to 8/255.
        **settings: Any other argument of `evaluate`, such as `bounds`, `preprocess`, `target`, `batch_size`, `log_dir`.

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
    given = [get_explainer(item) for item in listed(explainers)]
    if not given:
        raise ValueError(f"Argument `explainers` must name at least one explainer. Received: {explainers!r}")
    both = dict.fromkeys(item.with_score(score) for item in given for score in get_args(Score))
    check_number("epsilon", epsilon, 0)
    for one, several in (("epsilon", "epsilons"), ("attack", "attacks")):
        if several in settings:
            raise TypeError(f"`compare_scores` takes a single `{one}`. Received: {several}={settings[several]!r}")
    if not isinstance(attack, (str, dict, type, Attack)):
        raise TypeError(f"Argument `attack` must be one attack, by name or instance. Received: attack={attack!r}")
    settings = {"noise_control": False, **settings}
    report = evaluate(model, data, attacks=attack, explainers=tuple(both), epsilons=(epsilon,), **settings)
    return report.compare_scores()


def layers(model: keras.Model | ImageClassifier, shape: Shape = None) -> LayerTable:
    """Every layer of a model that Grad-CAM can explain, in execution order. Printed, it is a table.

    Args:
        model: A `keras.Model`, or an `ImageClassifier` for a model that needs more to be said about it.
        shape: `(height, width, channels)` of the images, for a model that leaves them open. Defaults to `None`.

    Returns:
        A tuple of `LayerInfo` with name, kind, output shape, and whether it is the default layer.

    Raises:
        TypeError: `model` is no model.
        ValueError: The model is not built, or does not say what it takes.

    Example:

    >>> import keras
    >>> import keras_advxai as kax
    >>> backbone = keras.Sequential([
    ...     keras.layers.Input((16, 16, 3)), keras.layers.Conv2D(4, 3, name="conv"), keras.layers.ReLU(name="relu"),
    ... ], name="backbone")
    >>> model = keras.Sequential([backbone, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    >>> print(kax.layers(model))
     layer         | kind       |  output |
    ---------------+------------+---------+-----------------------
     backbone/conv | Conv2D     | 14x14x4 |
     backbone/relu | ReLU       | 14x14x4 | default
     backbone      | Sequential | 14x14x4 | same as backbone/relu
    """
    return as_classifier(model).layers(shape)
