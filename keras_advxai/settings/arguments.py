"""The keyword arguments of whatever evaluates: their types and their documentation."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, TypedDict, TypeVar, cast

from keras_advxai._typing import AttackTargets, Bounds, Checks, Labels, Preprocess, Reduce, TargetMode, TaskName
from keras_advxai.attacks import Attack
from keras_advxai.corruptions import Corruption
from keras_advxai.explainers import Explainer

T = TypeVar("T")


class ConditionArguments(TypedDict, total=False):
    """Which attacks at which epsilons, beside which control, seen by which explainers."""

    attacks: Sequence[str | Attack | Corruption] | str | Attack | Corruption
    explainers: Sequence[str | Explainer] | str | Explainer
    epsilons: Sequence[float]
    severities: Sequence[int]
    noise_control: bool


class MeasuringArguments(TypedDict, total=False):
    """How that is measured."""

    metrics: Sequence[str | Callable[..., Any]] | str | Callable[..., Any]
    target: TargetMode
    attack_targets: AttackTargets
    checks: Checks
    seed: int
    batch_size: int
    steps: int | None
    images: int | None


class ModelArguments(TypedDict, total=False):
    """How the model is seen: `MODEL_SETTINGS`."""

    bounds: Bounds | None
    preprocess: Preprocess
    from_logits: bool | None
    output: str | int | None
    input: str | int | None
    reduce: Reduce
    labels: Labels
    task: TaskName
    fold_batch_norm: bool
    jit_compile: bool


class ComparisonArguments(MeasuringArguments, ModelArguments, total=False):
    """The keyword arguments of `compare_scores`, which has conditions of its own."""


class RobustnessArguments(ConditionArguments, MeasuringArguments, total=False):
    """The keyword arguments of `ExplainableModel.evaluate_robustness`, which knows its model."""


class EvaluationArguments(ConditionArguments, MeasuringArguments, ModelArguments, total=False):
    """The keyword arguments of whatever evaluates, for type checkers and editors; see `EvaluationSettings`."""


CONDITION_SETTINGS = tuple(ConditionArguments.__annotations__)
"""The settings that say which attacks, explainers, epsilons and controls."""

MODEL_SETTINGS = tuple(ModelArguments.__annotations__)
"""The settings that say how the model is seen; an `ImageClassifier` brings them along."""

FUNCTION_SETTINGS = ("preprocess", "reduce")
"""Those that may be functions, which a file keeps by their names."""

FLAG_SETTINGS = ("fold_batch_norm", "jit_compile")
"""Those whose default is `False`, which says nothing unless it is passed by name."""

ARGUMENTS = """\
attacks: Names or instances; of corruptions, too, such as `"fog"`, which are measured at `severities` and are no
    attacks: see `keras_advxai.corruptions`. `"common_corruptions"` stands for all fifteen. Defaults to `("fgsm",)`.
explainers: Names or instances; an empty tuple measures accuracy alone, and lets iterative attacks stop at their first
    success. Where there are explainers they take all their steps, on all images, and keep the best iterate. Defaults to
    `("grad_cam",)`.
epsilons: The budgets of the attacks, as fractions of the bounds' width: 8/255 means eight grey levels whatever the
    bounds. For attacks with `norm="l2"`, the norm of the whole perturbation in the unit image scale, which may exceed
    1. VID is a spread over them, so give several. Defaults to 1, 2, 4 and 8 grey levels.
severities: The severities of corruptions, from 1 to 5. Defaults to 1, 3 and 5.
metrics: How the dissimilarity of two heatmaps is measured: names, or functions of two batches of heatmaps; see
    `keras_advxai.metrics`. The first is the one that figures are of unless another is named. Defaults to
    `("nissim",)`.
target: Whose class a heatmap explains: `"predicted"`, each image's own prediction; `"clean"`, the clean prediction for
    both images; or `"label"`. Defaults to `"predicted"`.
noise_control: Whether to measure the same under uniform noise of the same norm and budget, without which drift under
    attack means little. Defaults to `True`.
attack_targets: Which class a targeted attack is to reach: of each image the `"least_likely"` one, the `"runner_up"` or
    a `"random"` one (by seed and image), which are never the label; one class for all images, where those of that class
    are not attacked; or, for arrays, one for each image, which must not be its label. Images that are misclassified
    before count in no success rate, and are attacked only where there are explainers. Defaults to `None`, for
    untargeted attacks only.
checks: Which checks say what the figures are worth, in `report.warnings`: `"cheap"`, those that look at what was
    measured, or `"all"`, also those that run the model and the attacks again on the first 128 images, which takes up to
    eight times each attack on them. Defaults to `"cheap"`.
seed: Seed of the noise, of random targets and of the bootstrap intervals. Defaults to 0.
batch_size: How many images of an array go through the model at once. Defaults to 32.
steps: At most so many batches of the data are read, as by Keras' `evaluate`; an infinite dataset needs it. A dataset
    that does not say how long it is may have 10,000 batches without it. Defaults to `None`, all of them.
images: How many of the first images to keep, with their heatmaps, for pictures. Defaults to 8, and to fewer with more
    than 8 explainers.
bounds: The smallest and largest value of a pixel. Defaults to `(0, 1)`, and to `(0, 255)` where `preprocess` is a name
    or the model's own.
preprocess: A callable from images to what the network takes, to be given with `bounds`; the name of a module of
    `keras.applications`, such as `"resnet50"`; `"model"`, the `preprocessor` of one of KerasHub's classifiers; or
    `"none"`. Defaults to `None`: the model's own, or else none.
from_logits: Whether the model's output is logits; see `ImageClassifier`. Defaults to `None`: inferred.
output: Of several outputs, the one with the classes; see `ImageClassifier`. Defaults to `None`.
input: Of several inputs, the one with the images; see `ImageClassifier`. Defaults to `None`.
reduce: For an output of another shape, as of a model of segmentation, a function of it to `(batch, classes)`, such as
    the mean over a region; see `ImageClassifier`. Labels are those of these classes. Defaults to `None`.
labels: `"multi"` for a model that predicts several labels for each image, given as rows of 0 and 1; see
    `ImageClassifier`. Defaults to `None`: several sigmoids predict several labels unless the data's labels name one
    class for each image.
task: `"regression"` for a model that predicts numbers; see `ImageClassifier`. Defaults to `None`, a classification.
fold_batch_norm: Whether passes compute BatchNormalization together with the preceding layer, which is faster; see
    `ImageClassifier`. Defaults to `False`.
jit_compile: Whether XLA compiles the passes; see `ImageClassifier`. Defaults to `False`.
"""
"""The documentation of the arguments, which `takes_settings` puts into the docstrings of all that take them."""


IMAGE_NAMES = """\
What the images of arrays are called, a string or path for each, as `report.samples`, figures, tables and
    logs show it. They are data, and no setting: `settings=` of a report does not have them. Data of `kax.data.load`
    know the names of their files. Defaults to `None`, nobody knows."""
"""The documentation of the argument `names` of whatever evaluates, which `takes_settings` puts into the docstrings."""


def documented(target: T) -> T:
    """Decorates `EvaluationSettings`: puts the documentation where its docstring has `{arguments}`."""
    target.__doc__ = (target.__doc__ or "").replace("{arguments}", ARGUMENTS.strip().replace("\n", "\n        "))
    return target


def takes_settings(settings: type, indent: int = 8, without: Sequence[str] = ()) -> Callable[[T], T]:
    """Decorates a function or class that takes the settings as keyword arguments, with `settings` for a whole.

    Puts them into its signature, which `help` and notebooks show, and their documentation where its docstring has
    `settings: {settings}`; that of the names of images, which are no setting, where it has `names: {names}`.

    Args:
        settings: `EvaluationSettings`.
        indent: How far its list of arguments is indented. Defaults to 8.
        without: The settings that it does not take. Defaults to none.
    """

    def decorate(target: T) -> T:
        text = (
            "All of what follows as a whole, such as `report.settings`; what is given beside it counts. "
            "Defaults to `None`.\n" + _documentation(without)
        )
        target.__doc__ = target.__doc__ or ""
        for place, words in (("{settings}", text), ("{names}", IMAGE_NAMES)):
            target.__doc__ = target.__doc__.replace(place, words.replace("\n", "\n" + " " * indent))
        function: Any = vars(target)["__init__"] if isinstance(target, type) else target
        own = inspect.signature(function)
        constructor: Any = vars(settings)["__init__"]  # the class' own signature is that of its metaclass
        declared = list(inspect.signature(constructor).parameters.values())[1:]
        taken = [item for item in declared if item.name not in without]
        fixed = [item for item in own.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
        wrapped: Any = _refusing_labels(function, getattr(target, "__name__", ""), own)
        wrapped.__signature__ = own.replace(parameters=[*fixed, *taken])  # instead of **arguments
        if not isinstance(target, type):
            return cast(T, wrapped)
        type.__setattr__(target, "__init__", wrapped)
        return target

    return decorate


def _refusing_labels(function: Callable[..., Any], name: str, signature: inspect.Signature) -> Callable[..., Any]:
    """The function, with an error of ours for labels that are passed beside the images, as `fit` takes them.

    Args:
        function: The function.
        name: What it is called by users.
        signature: Its signature.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [item.name for item in signature.parameters.values() if item.kind in kinds]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) > len(names):
            raise TypeError(
                f"{name} takes the images and labels as one argument: pass (x, y) as `data`, and settings by their "
                f"names. Received: {len(args) - len(names)} more positional argument"
                f"{'s' if len(args) > len(names) + 1 else ''} behind `{names[-1]}`"
            )
        return function(*args, **kwargs)

    return call


def _documentation(without: Sequence[str]) -> str:
    """`ARGUMENTS` without those of some arguments."""
    entries = re.split(r"\n(?=\w)", ARGUMENTS.strip())
    return "\n".join(entry for entry in entries if entry.partition(":")[0] not in without)
