"""Calls of the public API as strategies of hypothesis: most of their arguments are right, and some are not."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import subjects
import tensorflow as tf
from given import BOUNDS, EPSILON, IMAGES, LABELS, ODD_OBJECTS, Given, literal, literals, table
from hypothesis import strategies as st
from offered import ATTACKS, CONTAINERS, EXPLAINERS, METRICS, PLANS
from subjects import Subject

import keras_advxai as kax
from keras_advxai.settings.arguments import MODEL_SETTINGS, EvaluationArguments

SETTINGS = tuple(EvaluationArguments.__annotations__)


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One call.

    Attributes:
        entry: What is called.
        subject: With which model.
        given: What is passed, by argument.
    """

    entry: str
    subject: Subject
    given: dict[str, Given]

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.given.items())
        return f"{self.entry}({self.subject!r}, {said})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # hypothesis would show all arrays of the model

    @functools.cached_property
    def values(self) -> dict[str, Any]:
        """What is passed, made for the model."""
        return {name: value.build(self.subject) for name, value in self.given.items()}


def several(strategy: list[Given]) -> st.SearchStrategy[Given]:
    """Some of them, in a list."""

    def together(parts: list[Given]) -> Given:
        return Given(f"[{', '.join(map(repr, parts))}]", lambda s: [part.build(s) for part in parts])

    return st.lists(st.sampled_from(strategy), min_size=0, max_size=3).map(together)


PARTICULAR: dict[str, list[Given]] = {
    "attacks": ATTACKS,
    "explainers": EXPLAINERS,
    "metrics": METRICS,
    "epsilons": EPSILON,
    "severities": literals((1,), (5, 2), 3, (0,), (1, 1), ()),
    "bounds": BOUNDS,
    "target": literals("predicted", "clean", "label", "Predicted"),
    "attack_targets": [*literals("random", "runner_up", "least_likely", 0, 2, 3, -1, [1, 2, 0, 1], "randon"), *LABELS],
    "preprocess": literals("none", "model", "resnet50", "mobilenet_v2", "resnet5", subjects.twice, subjects.everything),
    "reduce": literals(subjects.left_half, subjects.right_half, subjects.everything),
    "output": literals("classes", "map", 0, 1, 5, -1, "head"),
    "input": literals("image", "age", 0, 1, 5, -1),
    "labels": literals("single", "multi", "several"),
    "task": literals("classification", "regression", "sorting"),
    "from_logits": literals(True, False, 1, "yes"),
    "batch_size": literals(1, 2, 3, 100, np.int64(2), 2**31, 0, -1, 2.0, HUGE := 10**400),
    "steps": literals(1, 2, 100, 0, HUGE),
    "images": literals(0, 1, 100, -1, 2**31),
    "seed": literals(0, 1, 2**31 - 1, 2**31, -1, np.uint8(3)),
    "checks": literals("cheap", "some"),
}
COSTLY = ("jit_compile",)
"""What takes seconds to compile: only odd objects are passed for it."""


def any_of(name: str) -> st.SearchStrategy[Given]:
    """What may be passed for a setting."""
    # A model for a function would be called, as its owner asks for, and be marked as called.
    objects = [item for item in ODD_OBJECTS if not (name in ("reduce", "preprocess") and repr(item) == "model")]
    odd = [item for item in objects if name not in COSTLY or repr(item) not in ("True", "np.bool_ np.True_")]
    choices = [st.sampled_from(odd)]
    if name in PARTICULAR:
        choices = [st.sampled_from(PARTICULAR[name]), *choices]
    if name in ("attacks", "explainers", "metrics"):
        choices.append(several(PARTICULAR[name]))
    return st.one_of(choices)


def wrong_models() -> list[Given]:
    unbuilt = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)], name="unbuilt")
    around = kax.ImageClassifier
    return [
        *literals(keras.layers.Dense(2), keras.Model, len, "resnet50", None, np.ones(3)),
        *table(None, unbuilt=lambda s: unbuilt, module=lambda s: tf.Module(), inside=lambda s: kax.attacks.FGSM()),
        *table(None, classifier=lambda s: around(getattr(s.model, "inner", s.model), **s.settings)),
    ]


MODELS = [*wrong_models(), *ODD_OBJECTS]


@st.composite
def calls(draw: Any, entries: tuple[str, ...]) -> Call:
    """A call of one of these."""
    entry = draw(st.sampled_from(entries))
    subject = subjects.subject(draw(st.sampled_from(subjects.NAMES)))
    return Call(entry, subject, draw(ENTRIES[entry](subject)))


def mostly(right: Given, others: Any) -> st.SearchStrategy[Given]:
    """What is right, and every third time something else."""
    return st.integers(0, 2).flatmap(lambda n: others if n == 0 else st.just(right))


X = mostly(IMAGES[0], st.one_of(st.sampled_from(IMAGES), st.sampled_from(ODD_OBJECTS)))
Y = mostly(LABELS[0], st.one_of(st.sampled_from(LABELS), st.sampled_from(ODD_OBJECTS)))
EPS = mostly(EPSILON[0], st.sampled_from(EPSILON))
RIGHT_MODEL = Given("its model", lambda s: s.model, True)
MODEL = st.integers(0, 9).flatmap(lambda n: st.sampled_from(MODELS) if n == 0 else st.just(RIGHT_MODEL))


def of_attack(subject: Subject) -> st.SearchStrategy[dict[str, Given]]:
    attack = st.sampled_from(ATTACKS)
    return st.fixed_dictionaries({"attack": attack, "model": MODEL, "x": X, "y": Y, "epsilon": EPS})


def of_explainer(subject: Subject) -> st.SearchStrategy[dict[str, Given]]:
    targets = [*literals(None, 0, 1, 2, 3, -1), *LABELS]
    target = mostly(targets[0], st.one_of(st.sampled_from(targets), st.sampled_from(ODD_OBJECTS)))
    return st.fixed_dictionaries({"explainer": st.sampled_from(EXPLAINERS), "model": MODEL, "x": X, "targets": target})


def settings_of(subject: Subject, names: tuple[str, ...], plans: bool) -> st.SearchStrategy[dict[str, Given]]:
    """Those of the model, one of the plans, and at most two others of any kind."""
    own = {name: literal(value) for name, value in subject.settings.items()}
    first = subjects.NAMES.index(subject.name) % 3
    plan = st.sampled_from(PLANS[first::3]).map(lambda p: {name: literal(v) for name, v in p.items()})

    def with_others(chosen: list[str]) -> st.SearchStrategy[dict[str, Given]]:
        return st.fixed_dictionaries({name: any_of(name) for name in chosen})

    others = st.lists(st.sampled_from(names), max_size=2, unique=True).flatmap(with_others)
    return st.tuples(plan if plans else st.just({}), others).map(lambda parts: {**own, **parts[0], **parts[1]})


CLASS_NAMES = literals(
    ["a", "b", "c"], {0: "a", 1: "b", 2: "c"}, ["a"], ["\ud800"] * 3, "abc", {0: "a"}, {"a", "b", "c"}
)


def among(own: dict[str, list[Given]]) -> st.SearchStrategy[dict[str, Given]]:
    """At most two of some arguments, of the values that are told or of any."""

    def some(names: list[str]) -> st.SearchStrategy[dict[str, Given]]:
        return st.fixed_dictionaries(
            {name: st.one_of(st.sampled_from(own[name]), st.sampled_from(ODD_OBJECTS)) for name in names}
        )

    return st.lists(st.sampled_from(sorted(own)), max_size=2, unique=True).flatmap(some)


IMAGE_NAMES = literals(["a.png"] * 4, ["a"] * 6, "abcd", ["\ud800"] * 4, ["a\nb"] * 4, {"a"}, range(4))


def of_evaluate(subject: Subject) -> st.SearchStrategy[dict[str, Given]]:
    own = {
        "class_names": CLASS_NAMES,
        "names": IMAGE_NAMES,
        "on_error": literals("raise", "partial", "warn"),
        "journal": literals("a.journal", "b.journal", "no/folder", "../../up\0"),
        "log_dir": literals(None, "a" * 300 + "\0", "\ud800"),
    }
    return st.tuples(of_evaluation(subject), st.one_of(st.just({}), among(own))).map(lambda p: {**p[0], **p[1]})


def of_evaluation(subject: Subject) -> st.SearchStrategy[dict[str, Given]]:
    container = mostly(literal("pair"), st.sampled_from([literal(name) for name in CONTAINERS]))
    return st.tuples(
        st.fixed_dictionaries({"model": MODEL, "x": X, "y": Y, "container": container}),
        settings_of(subject, SETTINGS, plans=True),
    ).map(lambda parts: {**parts[0], **parts[1]})


def of_classifier(subject: Subject) -> st.SearchStrategy[dict[str, Given]]:
    return st.tuples(
        st.fixed_dictionaries({"model": MODEL, "x": X}), settings_of(subject, MODEL_SETTINGS, plans=False)
    ).map(lambda parts: {**parts[0], **parts[1]})


def of_callback(subject: Subject) -> st.SearchStrategy[dict[str, Given]]:
    own = {
        "every": literals(1, 2, 0),
        "max_samples": literals(2, 100, 0),
        "max_share": literals(0.5, None, -1, 0),
        "name": literals("pgd", "../up", "a b", ""),
        "class_names": CLASS_NAMES,
        "names": IMAGE_NAMES,
        "final": literals(True, False),
    }

    return st.tuples(of_evaluation(subject), among(own)).map(lambda parts: {**parts[0], **parts[1]})


def of_comparison(subject: Subject) -> st.SearchStrategy[dict[str, Given]]:
    names = tuple(name for name in SETTINGS if name not in ("attacks", "epsilons", "severities"))
    return st.tuples(
        st.fixed_dictionaries(
            {
                "model": MODEL,
                "x": X,
                "y": Y,
                "explainers": mostly(literal("grad_cam"), any_of("explainers")),
                "attack": mostly(literal("fgsm"), st.one_of(st.sampled_from(ATTACKS), st.sampled_from(ODD_OBJECTS))),
                "epsilon": EPS,
            }
        ),
        settings_of(subject, names, plans=False),
    ).map(lambda parts: {**parts[1], **parts[0]})


CLASSES = sorted(
    {*kax.attacks.ALL_OBJECTS, *kax.explainers.ALL_OBJECTS, kax.contrib.CleverHans, kax.contrib.TFKerasVis},
    key=lambda cls: cls.__name__,
)
HYPERPARAMETERS = {
    "norm": literals("linf", "l2", "l1"),
    "loss": literals("log_odds", "margin", "cross_entropy", "dlr"),
    "score": literals("logit", "probability"),
    "steps": literals(1, 5, 2**31),
    "explainer": EXPLAINERS,
    "attacks": ATTACKS,
    "baseline": literals("black", "mean", "noise", 0.5, np.zeros((8, 8, 1)), np.zeros(3), np.nan),
}


def of_constructor(subject: Subject) -> st.SearchStrategy[dict[str, Given]]:
    def arguments(cls: type) -> st.SearchStrategy[dict[str, Given]]:
        names = list(inspect.signature(cls.__init__).parameters)[1:]

        def some(chosen: list[str]) -> st.SearchStrategy[dict[str, Given]]:
            values = {
                name: st.one_of(st.sampled_from(HYPERPARAMETERS.get(name, ODD_OBJECTS)), st.sampled_from(ODD_OBJECTS))
                for name in chosen
            }
            return st.fixed_dictionaries({"class": st.just(literal(cls)), **values})

        return st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True).flatmap(some)

    return st.sampled_from(CLASSES).flatmap(arguments)


MAPS = [
    *table(True, maps=lambda s: maps(s), same=lambda s: maps(s, 0), blank=lambda s: 0 * maps(s)),
    *table(True, tensor=lambda s: tf.constant(maps(s)), half=lambda s: maps(s).astype("float16")),
    *table(True, constant=lambda s: 0 * maps(s) + 1, big_endian=lambda s: maps(s).astype(">f4")),
    *table(None, no_channel=lambda s: maps(s)[..., 0], few=lambda s: maps(s)[:2], none=lambda s: maps(s)[:0]),
    *table(None, signed=lambda s: -maps(s), large=lambda s: 2 * maps(s), nan=lambda s: maps(s) * np.nan),
    *table(
        None, small=lambda s: maps(s)[:, :3, :3], pixel=lambda s: maps(s)[:, :1, :1], signal=lambda s: maps(s)[:, 0]
    ),
    *table(None, colours=lambda s: np.repeat(maps(s), 3, -1), words=lambda s: maps(s).astype(str)),
    *table(None, integers=lambda s: (maps(s) > 0.5).astype(int), bools=lambda s: maps(s) > 0.5),
    *table(
        None, complex=lambda s: maps(s) + 1j, listed=lambda s: maps(s).tolist(), objects=lambda s: maps(s).astype("O")
    ),
    *table(None, ragged=lambda s: [[0.1], [0.1, 0.2]], sparse=lambda s: tf.sparse.from_dense(maps(s))),
]


def maps(subject: Subject, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((4, 8, 8, 1)).astype("float32")


def of_metric(subject: Subject) -> st.SearchStrategy[dict[str, Given]]:
    one = mostly(MAPS[0], st.one_of(st.sampled_from(MAPS), st.sampled_from(ODD_OBJECTS)))
    return st.fixed_dictionaries(
        {
            "metric": st.one_of(st.sampled_from(METRICS), st.sampled_from(ODD_OBJECTS)),
            "maps": one,
            "others": one,
            "weights": mostly(literal(None), st.sampled_from([*EPSILON, *ODD_OBJECTS])),
        }
    )


ENTRIES: dict[str, Callable[[Subject], st.SearchStrategy[dict[str, Given]]]] = {
    "attack": of_attack,
    "explain": of_explainer,
    "evaluate": of_evaluate,
    "compare_scores": of_comparison,
    "callback": of_callback,
    "wrapper": of_classifier,
    "classifier": of_classifier,
    "constructor": of_constructor,
    "settings": lambda subject: settings_of(subject, SETTINGS, plans=False),
    "metric": of_metric,
}
