"""Each call, and what a right result is."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from calls import Call
from offered import CONTAINERS

import keras_advxai as kax


class WrongError(AssertionError):
    """An outcome that may not be."""


class UnmadeError(Exception):
    """The data could not be made: `tf.data` refuses some by itself."""


def require(condition: Any, sentence: str) -> None:
    if not condition:
        raise WrongError(sentence)


def classifier_of(call: Call) -> kax.ImageClassifier:
    """The model as the call sees it."""
    own = getattr(call.subject.model, "classifier", None)
    return own or kax.ImageClassifier(call.subject.model, **call.subject.settings)


def seen(call: Call, values: dict[str, Any]) -> Any:
    """What is passed for the model: a classifier where something has to be said of it."""
    model = values.pop("model")
    if model is call.subject.model and call.subject.settings:
        return classifier_of(call)
    return model


def attack(call: Call, values: dict[str, Any]) -> None:
    item, model, x = values["attack"], seen(call, values), values["x"]
    item = kax.attacks.get(item)
    found = item(model, x, values["y"], values["epsilon"])
    check_images(call, item, x, values["epsilon"], found)


def check_images(call: Call, item: Any, x: Any, epsilon: Any, found: Any) -> None:
    """Shape, type, bounds and budget of adversarial images."""
    classifier = classifier_of(call)
    images = classifier.images_of(x)
    require(tf.is_tensor(found) == tf.is_tensor(images), f"It returned {type(found).__name__}.")
    images, found = np.asarray(images).astype("float32"), np.asarray(found)
    budgets = np.asarray(epsilon, "float64")
    require(found.shape == (*budgets.shape, *images.shape), f"It returned the shape {found.shape}.")
    require(found.dtype == np.float32, f"It returned {found.dtype}.")
    require(np.isfinite(found).all(), "It returned NaN.")
    lower, upper = classifier.bounds
    slack = 1e-6 * classifier.width
    within = np.clip(images, lower, upper)
    require((found >= lower - slack).all() and (found <= upper + slack).all(), f"Out of bounds: {found.max()}")
    for budget, one in zip(np.atleast_1d(budgets), found if budgets.ndim else found[None], strict=True):
        change = (one.astype("float64") - within).reshape(len(images), -1) / classifier.width
        size = np.abs(change).max(1) if item.norm == "linf" else np.linalg.norm(change, axis=1)
        require((size <= budget * (1 + 1e-4) + 2e-6).all(), f"It changed an image by {size.max()} at {budget}.")
        if budget == 0:
            require(np.abs(one - images).max() <= slack, "It changed an image at epsilon 0.")


def explain(call: Call, values: dict[str, Any]) -> None:
    item, model, x = kax.explainers.get(values["explainer"]), seen(call, values), values["x"]
    found = item(model, x, values["targets"])
    classifier = classifier_of(call)
    images = classifier.images_of(x)
    require(tf.is_tensor(found) == tf.is_tensor(images), f"It returned {type(found).__name__}.")
    found = np.asarray(found)
    require(found.dtype == np.float32, f"It returned {found.dtype}.")
    require(found.shape == tuple(classifier.map_shape(np.shape(images))), f"It returned the shape {found.shape}.")
    if not call.subject.finite:
        return
    require(np.isfinite(found).all(), "It returned NaN.")
    require(found.min() >= (-1 if item.signed else 0) and found.max() <= 1, f"From {found.min()} to {found.max()}.")
    largest = np.abs(found).max(axis=tuple(range(1, found.ndim)))
    require(set(largest.tolist()) <= {0.0, 1.0}, f"The largest values are {largest}.")


def evaluate(call: Call, values: dict[str, Any]) -> None:
    model = values.pop("model")
    check_report(call, kax.evaluate(model, data_of(values), progress=False, **values))


def data_of(values: dict[str, Any]) -> Any:
    """The data in their container."""
    try:
        return CONTAINERS[values.pop("container")](values.pop("x"), values.pop("y"))
    except Exception as error:
        raise UnmadeError from error


def check_report(call: Call, report: kax.EvaluationReport) -> None:
    """Shares in [0, 1], robust accuracy at most the clean one, MOD in its range, and a file that says the same."""
    require(kax.EvaluationReport.from_json(report.to_json()) == report, "It is another one in JSON.")
    require(str(report), "It prints nothing.")
    regression = report.provenance["task"] == "regression"
    finite = call.subject.finite
    if not regression:
        clean = report.clean_accuracy
        require(0 <= clean <= 1, f"The clean accuracy is {clean}.")
    for name in report.attacks:
        for epsilon in report.epsilons:
            if regression:
                require(report.mean_change(name, epsilon) >= 0 or not finite, "The mean change is negative.")
            else:
                require(0 <= report.accuracy(name, epsilon) <= 1, "An accuracy is no share.")
                require(report.robust_accuracy(epsilon) <= clean, "Robust accuracy is above the clean one.")
            for explainer in report.explainers:
                for metric in report.metrics:
                    check_mod(call, report, name, explainer, epsilon, metric)
    sizes = report.measurements.arrays["perturbation_norm"]
    require(np.isfinite(sizes).all() and (sizes >= 0).all(), "A perturbation is not finite.")


def check_mod(call: Call, report: Any, name: str, explainer: str, epsilon: float, metric: str) -> None:
    mod = report.mod(name, explainer, epsilon, metric=metric)
    upper = kax.metrics.get(metric).upper if metric in kax.metrics.__all__ else None
    if math.isnan(mod):
        blank = report.blank_rate(None, explainer)
        require(not call.subject.finite or blank == 1, f"MOD is NaN, and {blank} of the heatmaps are blank.")
        return
    require(0 <= mod <= (1 if upper is None else upper) + 1e-6, f"MOD is {mod}.")


def compare_scores(call: Call, values: dict[str, Any]) -> None:
    model, x, y = values.pop("model"), values.pop("x"), values.pop("y")
    found = kax.compare_scores(model, (x, y), progress=False, **values)
    require(str(found), "It prints nothing.")


def callback(call: Call, values: dict[str, Any]) -> None:
    model = values.pop("model")
    made = kax.callbacks.AdversarialEvaluation(data_of(values), **values)
    made.set_params({"verbose": 0, "epochs": 1})
    made.set_model(model)
    made.on_train_begin()


def wrapper(call: Call, values: dict[str, Any]) -> None:
    model, x = values.pop("model"), values.pop("x")
    if call.subject.name == "wrapped":
        model = getattr(model, "inner", model)
    made = kax.ExplainableModel(model, **values)
    found = np.asarray(made.attack(x))
    require(np.isfinite(found).all(), "It returned NaN.")
    require(made.get_layer(index=0) is model.get_layer(index=0), "It has another layer.")


def classifier(call: Call, values: dict[str, Any]) -> None:
    model, x = values.pop("model"), values.pop("x")
    made = kax.ImageClassifier(model, **values)
    require(repr(made), "It has no text.")
    images = made.check_images(x)
    require(made.bounds[0] < made.bounds[1], f"Its bounds are {made.bounds}.")
    require(isinstance(images, np.ndarray), f"It returned {type(images).__name__}.")
    require(made.classes >= 1, f"It has {made.classes} classes.")
    require(str(made.layers(images.shape[1:])), "It has no table.")


def constructor(call: Call, values: dict[str, Any]) -> None:
    made = values.pop("class")(**values)
    require(repr(made), "It has no text.")
    require(made == made and hash(made) == hash(made), "It is not equal to itself.")
    require(re.fullmatch(r"[\w.-]+", made.name), f"Its name is {made.name!r}.")


def settings(call: Call, values: dict[str, Any]) -> None:
    made = kax.EvaluationSettings(**values)
    require(repr(made), "They have no text.")
    require(made.attacks_and_controls, "There is no attack.")


def metric(call: Call, values: dict[str, Any]) -> None:
    found = kax.metrics.get(values["metric"])
    distances = np.asarray(found(values["maps"], values["others"]))
    require(distances.dtype == np.float64, f"It returned {distances.dtype}.")
    require(distances.shape == np.shape(values["maps"])[:1], f"It returned the shape {distances.shape}.")
    require(np.isfinite(distances).all(), "It returned NaN.")
    same = np.asarray(found(values["maps"], values["maps"]))
    require((np.abs(same) <= 1e-6).all(), f"The same heatmaps are {same.max()} apart.")
    mod = kax.metrics.MOD(metric=values["metric"])
    mod.update_state(values["maps"], values["others"], values["weights"])
    require(not np.isinf(mod.result()), "MOD is infinite.")


RUNS: dict[str, Callable[[Call, dict[str, Any]], None]] = {
    "attack": attack,
    "explain": explain,
    "evaluate": evaluate,
    "compare_scores": compare_scores,
    "callback": callback,
    "wrapper": wrapper,
    "classifier": classifier,
    "constructor": constructor,
    "settings": settings,
    "metric": metric,
}
