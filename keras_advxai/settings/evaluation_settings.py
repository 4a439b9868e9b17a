"""What an evaluation takes: declared, validated and documented once, for all that evaluate."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Any, Literal, Self, TypeVar, cast, get_args

import keras
import numpy as np

from keras_advxai import attacks as attacks_module
from keras_advxai import explainers as explainers_module
from keras_advxai import metrics as metrics_module
from keras_advxai._choice import check_one_of, nearest
from keras_advxai._registry import Configuration, Registry
from keras_advxai._typing import AttackTargets, Bounds, Checks, Labels, Norm, Preprocess, Reduce, TargetMode, TaskName
from keras_advxai.attacks import Attack, UniformNoise
from keras_advxai.attacks.registry import REGISTRY as ATTACKS
from keras_advxai.corruptions import Corruption
from keras_advxai.explainers import Explainer
from keras_advxai.explainers.registry import REGISTRY as EXPLAINERS
from keras_advxai.metrics import Dissimilarity
from keras_advxai.models import ImageClassifier
from keras_advxai.models.coercion import check_not_regression
from keras_advxai.models.inputs import check_bounds, check_epsilons, check_flag, check_whole_number
from keras_advxai.models.kinds import kind_of
from keras_advxai.settings.arguments import (
    FLAG_SETTINGS,
    FUNCTION_SETTINGS,
    MODEL_SETTINGS,
    EvaluationArguments,
    documented,
)
from keras_advxai.settings.attack_targets import check_attack_targets
from keras_advxai.settings.conditions import check_severities, conditions
from keras_advxai.settings.restoring import LostFunction, function_name, restored

T = TypeVar("T")


@documented
class EvaluationSettings(Configuration):
    """What is to be evaluated, and how: the same for `evaluate`, the callback and the wrapper.

    Immutable and checked as far as that goes without a model. A report keeps the settings that it was made with, so
    that `kax.evaluate(model, data, settings=report.settings)` repeats it. As attributes, attacks, explainers and
    metrics are instances, whatever they were given as.

    Args:
        {arguments}

    Raises:
        TypeError: An argument is of a wrong kind.
        ValueError: A name is unknown, a number out of range, or one is named twice.

    Example:

    >>> import keras_advxai as kax
    >>> settings = kax.EvaluationSettings(attacks=["fgsm", "pgd"], epsilons=(0.01, 0.05))
    >>> [attack.name for attack in settings.attacks_and_controls]
    ['fgsm', 'pgd', 'uniform_noise']
    """

    def __init__(
        self,
        *,
        attacks: Sequence[str | Attack | Corruption] | str | Attack | Corruption = ("fgsm",),
        explainers: Sequence[str | Explainer] | str | Explainer = ("grad_cam",),
        epsilons: Sequence[float] = (1 / 255, 2 / 255, 4 / 255, 8 / 255),
        severities: Sequence[int] = (1, 3, 5),
        metrics: Sequence[str | Callable[..., Any]] | str | Callable[..., Any] = ("nissim",),
        target: TargetMode = "predicted",
        noise_control: bool = True,
        attack_targets: AttackTargets = None,
        checks: Checks = "cheap",
        seed: int = 0,
        batch_size: int = 32,
        steps: int | None = None,
        images: int | None = None,
        bounds: Bounds | None = None,
        preprocess: Preprocess = None,
        from_logits: bool | None = None,
        output: str | int | None = None,
        input: str | int | None = None,
        reduce: Reduce = None,
        labels: Labels = None,
        task: TaskName = None,
        fold_batch_norm: bool = False,
        jit_compile: bool = False,
    ) -> None:
        check_one_of("target", target, get_args(TargetMode), hint=False)
        self.target: TargetMode = target
        check_one_of("checks", checks, get_args(Checks), hint=False)
        self.checks: Checks = checks
        self.seed = check_whole_number("seed", seed, 0)
        self.noise_control = check_flag("noise_control", noise_control)
        self.attacks, self.corruptions = conditions(listed("attacks", attacks), self.noise_control)
        self.attack_targets = check_attack_targets(attack_targets, self.attacks)
        # Of L2 alone they may exceed 1.
        self.epsilons = check_epsilons(epsilons, "linf" if "linf" in self._norms else "l2")
        self.severities = check_severities(severities)
        self.explainers: tuple[Explainer, ...] = tuple(
            explainers_module.get(item) for item in listed("explainers", explainers)
        )
        for explainer in self.explainers:
            if explainer.signed:
                raise ValueError(
                    f"An evaluation compares heatmaps in [0, 1]. Received: {explainer!r}, whose heatmaps are signed. "
                    "Leave its `relu` at True."
                )
        self.metrics: tuple[Dissimilarity, ...] = tuple(metrics_module.get(item) for item in listed("metrics", metrics))
        if not self.metrics:
            raise ValueError(f"Argument `metrics` must name at least one dissimilarity. Received: {metrics!r}")
        _check_distinct(
            (*self.attacks_and_controls, *self.corruptions), "attacks"
        )  # reports, figures and logs know each by its name
        _check_distinct(self.explainers, "explainers")
        _check_distinct(self.metrics, "metrics")
        self.batch_size = check_whole_number("batch_size", batch_size, 1)
        self.steps = steps if steps is None else check_whole_number("steps", steps, 1)
        self.images = images if images is None else check_whole_number("images", images, 0)
        self.bounds = bounds if bounds is None else check_bounds(bounds)
        self.preprocess = preprocess  # from here on `ImageClassifier` checks, which has the model
        self.from_logits = from_logits if from_logits is None else check_flag("from_logits", from_logits)
        self.output = output
        self.input = input
        self.reduce = reduce
        self.labels = labels
        self.task = task
        kind_of(labels, task, from_logits)  # what is wrong with them is said before there is a model
        self.fold_batch_norm = check_flag("fold_batch_norm", fold_batch_norm)
        self.jit_compile = check_flag("jit_compile", jit_compile)
        self._passed: frozenset[str] = frozenset()  # what was passed by name, whatever its value; see `of`

    @classmethod
    def of(cls, settings: EvaluationSettings | None, arguments: EvaluationArguments) -> EvaluationSettings:
        """Settings as a whole, keyword arguments, or both, of which the arguments count.

        Args:
            settings: The settings; `None` for the defaults.
            arguments: Keyword arguments, as `evaluate` takes them.

        Raises:
            TypeError: `settings` is something else, or there is no argument of a name.
        """
        known = list(EvaluationArguments.__annotations__)
        for name in arguments:
            if name not in known:  # Python's own message would name this class, which nobody called
                raise TypeError(
                    f"There is no argument `{name}`.{nearest(name, known)} The settings are: {', '.join(known)}"
                )
        if settings is not None and not isinstance(settings, EvaluationSettings):
            raise TypeError(f"Argument `settings` must be an EvaluationSettings. Received: settings={settings!r}")
        config: Any = {} if settings is None else settings.get_config()
        found = cls(**{**config, **arguments})  # such as a `preprocess` that no file holds
        object.__setattr__(found, "_passed", frozenset(arguments))  # no part of what it is equal by
        return found

    @property
    def controls(self) -> tuple[Attack, ...]:
        """The noise controls, one for each norm, but for those that are among the attacks already."""
        if not self.noise_control:
            return ()
        controls = (UniformNoise(norm=norm, seed=self.seed) for norm in self._norms)
        # By name, in which the seed is not: noise among the attacks, with a seed of its own, is the control.
        names = {attack.name for attack in self.attacks}
        return tuple(control for control in controls if control.name not in names)

    @property
    def _norms(self) -> tuple[Norm, ...]:
        """The norms of the attacks; beside corruptions alone the noise control is that of pixels."""
        return tuple(dict.fromkeys(attack.norm for attack in self.attacks)) or ("linf",)

    def get_config(self) -> dict[str, Any]:
        """The settings, by the names that the constructor takes."""
        return {**super().get_config(), "attacks": (*self.attacks, *self.corruptions)}

    @property
    def attacks_and_controls(self) -> tuple[Attack, ...]:
        """The attacks, and the controls behind them."""
        return (*self.attacks, *self.controls)

    @property
    def pictured(self) -> int:
        """How many images are kept for pictures."""
        most = 8  # with many explainers fewer, since each image comes with all their heatmaps at every epsilon
        return max(1, most**2 // max(most, len(self.explainers))) if self.images is None else self.images

    def classifier(self, model: keras.Model | ImageClassifier) -> ImageClassifier:
        """The model, seen as the settings say.

        Args:
            model: A model; an `ImageClassifier`, or a wrapper that has one, is seen as it says itself.

        Raises:
            TypeError: It is not a model.
            ValueError: The model and the settings both say how it is seen, or the settings do not fit it.
        """
        own = model if isinstance(model, ImageClassifier) else getattr(model, "classifier", None)  # a wrapper
        for key in FUNCTION_SETTINGS:
            function = getattr(self, key)
            if isinstance(function, LostFunction):
                raise ValueError(
                    f"These settings come from a report, which holds no functions. Received: {key}={function.name!r}. "
                    f"Pass it again: settings=report.settings, {key}=..."
                )
        given = {key: getattr(self, key) for key in MODEL_SETTINGS if self._is_given(key)}
        if not isinstance(own, ImageClassifier):
            built = ImageClassifier(cast(keras.Model, model), **given)
            check_not_regression(model, built)
            return built
        check_not_regression(model, own)
        apart = {key: value for key, value in given.items() if not _same(value, getattr(own, key))}
        if apart:
            kind = type(model).__name__
            raise ValueError(
                f"An {kind} has bounds and preprocessing of its own. Received: an {kind} with "
                f"{', '.join(f'{key}={value!r}' for key, value in apart.items())}. Set them where it is built."
            )
        return own

    def _is_given(self, key: str) -> bool:
        """Whether a setting of the model says something, which the classifier might contradict."""
        value = getattr(self, key)
        # By identity: 0 is an index, and from_logits=False says that the output is probabilities.
        if value is None:
            return False
        # Whether it is true is asked of flags alone: an array is neither, and what it is an error of is said later.
        return key not in FLAG_SETTINGS or key in self._passed or bool(value)

    def seen_as(self, classifier: ImageClassifier) -> EvaluationSettings:
        """The same settings, with what a classifier knows of its model.

        Args:
            classifier: What `classifier` returned.
        """
        known: Any = {key: getattr(classifier, key) for key in MODEL_SETTINGS}
        return EvaluationSettings.of(self, known)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain Python values, for `from_dict`."""
        config = self.get_config()
        # Kept by their names, which say what was used and do not bring it back.
        functions = {key: getattr(self, key) for key in FUNCTION_SETTINGS if callable(getattr(self, key))}
        targets = self.attack_targets
        described = {
            **config,
            "attacks": [*map(attacks_module.serialize, self.attacks), *(item.name for item in self.corruptions)],
            "explainers": [explainers_module.serialize(item) for item in self.explainers],
            "metrics": [item.name for item in self.metrics],
            "epsilons": list(self.epsilons),
            "attack_targets": targets.tolist() if isinstance(targets, np.ndarray) else targets,
            "bounds": None if self.bounds is None else [float(value) for value in self.bounds],
            **{key: {"function": function_name(function)} for key, function in functions.items()},
            "severities": list(self.severities),
        }
        if not self.corruptions:
            del described["severities"]  # which mean nothing, and older versions do not know
        return described

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> Self:
        """The settings that `to_dict` described; a function as `preprocess` has to be passed again beside them.

        Args:
            config: What it returned.

        Raises:
            ValueError: An attack, explainer or dissimilarity is not known here, because the file that defines it was
                not imported; or the settings are no such dictionary.
        """
        try:
            return cls._from_dict(dict(config))  # a report's own, which stays as it is
        except ValueError:
            raise
        except Exception as error:  # whatever a constructor, or Keras, says of what somebody else wrote
            raise ValueError(f"These are no `settings` of an evaluation: {error}") from error

    @classmethod
    def _from_dict(cls, config: dict[str, Any]) -> Self:
        for key in FUNCTION_SETTINGS:
            if isinstance(config.get(key), dict):
                config[key] = LostFunction(config[key].get("function"))  # an error only when it is used
        registries: dict[str, Registry[Any]] = {"attacks": ATTACKS, "explainers": EXPLAINERS}
        for key, registry in registries.items():
            if not isinstance(config.get(key), (list, tuple)):
                raise ValueError(f"These are no `settings` of an evaluation: `{key}` is no list.")
            # Corruptions are kept by their names, and attacks are not.
            named = key == "attacks"
            config[key] = [
                item if named and isinstance(item, str) else restored(item, registry) for item in config[key]
            ]
        if isinstance(config.get("attack_targets"), list):  # one for each image
            config["attack_targets"] = np.asarray(config["attack_targets"])
        arguments: Any = {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}
        return cls(**arguments)


def listed(name: str, items: Any) -> list[Any]:
    """One name, configuration, function or instance, or several, as a list.

    Args:
        name: What the argument is called.
        items: What was received.

    Raises:
        TypeError: It is neither one of them nor several.
    """
    if isinstance(items, (str, dict, type, Configuration)) or callable(items):  # a dissimilarity of one's own
        return [items]
    try:
        return list(items)
    except Exception as error:  # of a number, an array without dimensions, a symbolic tensor: each its own
        raise TypeError(
            f"Argument `{name}` must be a name or an instance, or several of them in a list. Received: {name}={items!r}"
        ) from error


def _same(value: Any, other: Any) -> bool:
    """Whether a setting says what a classifier says itself; bounds may be a list, as from a file."""
    return value is other or (isinstance(value, (str, int, tuple)) and bool(value == other))


def _check_distinct(items: Sequence[Any], what: Literal["attacks", "explainers", "metrics"]) -> None:
    counts = collections.Counter(item.name for item in items)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise ValueError(f"Argument `{what}` must not name the same one twice. Received: {', '.join(twice)} twice")
