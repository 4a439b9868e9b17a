"""Records the numbers of a fixed set of evaluations, to show that a redesign leaves them as they are, byte by byte.

`make same-numbers BASE=<commit>` runs it on another commit and on this one. Both run on one machine and with the same
weights, so what differs is the code. It asks the public interface alone; where a name of that has changed, both are
known here.
"""

from __future__ import annotations

import argparse
import math
import pathlib
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numbers_of_reports import figures

import keras_advxai as kax

EPSILONS = (0.02, 0.1, 0.3)
L2: dict[str, Any] = {"epsilons": (0.2, 1.0), "target": "label"}
Numbers = dict[str, np.ndarray]

CASES: dict[str, Callable[[pathlib.Path], Iterator[tuple[str, Any]]]] = {}


def case(function: Callable[[pathlib.Path], Iterator[tuple[str, Any]]]) -> Any:
    """Registers one evaluation, a generator of names and numbers."""
    CASES[function.__name__] = function
    return function


def contributed(module: Any, name: str) -> Any:
    """An adapter of a third party, wherever it lives."""
    return getattr(getattr(kax, "contrib", module), name)


def attacks() -> list[Any]:
    a = kax.attacks
    clever_hans = contributed(a, "CleverHans")
    return [
        a.FGSM(),
        a.FGSM(loss="cross_entropy"),
        a.FGSM(loss="dlr"),
        a.PGD(),
        a.PGD(keep="best", schedule="cosine", start="uniform", restarts=2),
        a.PGD(keep="last", loss="margin", schedule="linear"),
        a.PGD(restarts=3, steps=4, step_size=0.5),
        a.BIM(steps=4),
        a.MIFGSM(steps=4),
        a.MIFGSM(steps=4, keep="best", decay=0.5),
        a.MultiTargetPGD(steps=4),
        a.MultiTargetPGD(targets=2, steps=3, restarts=2, start="uniform"),
        a.Ensemble(["fgsm", a.PGD(steps=3), a.MultiTargetPGD(targets=2, steps=3)]),
        a.get("quick"),
        a.ExplanationPGD(steps=4),
        a.ExplanationPGD(explainer="saliency", objective="top_k", steps=3, restarts=2, keep_label=False),
        a.ExplanationPGD(objective="mass_center", steps=3, beta=None),
        a.DeepFool(norm="linf", steps=5),
        a.Square(queries=30),
        clever_hans(),
        clever_hans("projected_gradient_descent", nb_iter=3, rand_init=True, seed=4),
        clever_hans("momentum_iterative_method", nb_iter=3),
        clever_hans("spsa", nb_iter=3, spsa_samples=8),
        a.SignNoise(),
    ]


def l2_attacks() -> list[Any]:
    a = kax.attacks
    return [
        a.FGSM(norm="l2"),
        a.PGD(norm="l2", start="uniform", restarts=2),
        a.PGD(norm="l2", keep="last"),
        a.BIM(norm="l2", steps=4),
        a.MIFGSM(norm="l2", keep="best", steps=4),
        a.MultiTargetPGD(norm="l2", restarts=2, steps=3),
        a.ExplanationPGD(norm="l2", steps=3),
        a.DeepFool(),
        a.DDN(steps=20),
        a.Square(norm="l2", queries=30),
        contributed(a, "CleverHans")("basic_iterative_method", norm="l2", nb_iter=3),
        a.UniformNoise(norm="l2", seed=3),
        a.SignNoise(norm="l2", seed=3),
    ]


def targeted_attacks() -> list[Any]:
    a = kax.attacks
    return [
        a.FGSM(targeted=True),
        a.PGD(targeted=True, loss="margin"),
        a.PGD(targeted=True, loss="dlr", keep="best", steps=4),
        a.MIFGSM(targeted=True, steps=4),
        a.Square(targeted=True, queries=20),
        contributed(a, "CleverHans")("basic_iterative_method", nb_iter=3, targeted=True),
        a.FGSM(),
    ]


def explainers() -> list[Any]:
    e = kax.explainers
    tf_keras_vis = contributed(e, "TFKerasVis")
    return [
        e.GradCAM(),
        e.GradCAM(score="probability"),
        e.GradCAM(layer="conv1"),
        e.GradCAMPlusPlus(layer="conv2"),
        e.HiResCAM(layer="conv2"),
        e.LayerCAM(layer="conv2"),
        e.Saliency(),
        e.Saliency(score="probability"),
        e.IntegratedGradients(steps=8),
        e.IntegratedGradients(steps=8, score="probability"),
        e.IntegratedGradients(steps=5, baseline="blur", internal_batch_size=3),
        e.IntegratedGradients(steps=5, baseline="noise", draws=2, seed=1),
        e.SmoothGrad(samples=3),
        e.SmoothGrad(explainer=e.GradCAM(layer="conv2"), samples=2),
        tf_keras_vis(),
        tf_keras_vis("scorecam", max_N=3),
        tf_keras_vis("saliency"),
    ]


def network(folder: pathlib.Path, outputs: int = 1) -> keras.Model:
    """A CNN with four classes on images of 14x12x3, with weights that both runs read from one file."""
    keras.utils.set_random_seed(7)
    layers = keras.layers
    x = inputs = keras.Input((14, 12, 3))
    x = layers.Conv2D(8, 3, padding="same", name="conv1")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.Conv2D(12, 3, padding="same", activation="relu", name="conv2")(x)
    pooled = layers.GlobalAveragePooling2D(name="mean")(x)
    heads = [layers.Dense(4, activation="softmax", name=f"head{index}")(pooled) for index in range(outputs)]
    model = keras.Model(inputs, heads if outputs > 1 else heads[0], name=f"net{outputs}")
    path = folder / f"weights{outputs}.npz"
    if not path.exists():
        images, labels = data(256)
        model.compile("adam", ["sparse_categorical_crossentropy"] * outputs)
        model.fit(images, [labels] * outputs if outputs > 1 else labels, epochs=25, verbose=0)
        np.savez(path, *model.get_weights())
    stored = np.load(path)
    model.set_weights([stored[key] for key in stored.files])
    return model


def data(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images with a bright corner, which is their class, but for some noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    images = rng.uniform(0.2, 0.6, (count, 14, 12, 3))
    for image, label in zip(images, labels, strict=True):
        rows, columns = slice(7 * (label // 2), 7 * (label // 2) + 7), slice(6 * (label % 2), 6 * (label % 2) + 6)
        image[rows, columns] += rng.uniform(0, 0.35)
    return np.clip(images, 0, 1).astype("float32"), labels


def evaluated(model: Any, pairs: Any, **settings: Any) -> Iterator[tuple[str, Any]]:
    settings = {"epsilons": EPSILONS, "batch_size": 7, "progress": False, "images": 3, **settings}
    yield from figures(kax.evaluate(model, pairs, **settings))


@case
def all_attacks(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
    yield from evaluated(network(folder), data(20, 1), attacks=attacks())


@case
def l2(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
    yield from evaluated(network(folder), data(20, 2), attacks=l2_attacks(), noise_control=False, **L2)


@case
def targeted(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
    images, labels = data(16, 3)
    for rule in ("least_likely", "runner_up", "random", 2, (labels + 1) % 4):
        for name, value in evaluated(
            network(folder), (images, labels), attacks=targeted_attacks(), attack_targets=rule, explainers=()
        ):
            yield f"{rule if isinstance(rule, (str, int)) else 'given'}/{name}", value


@case
def all_explainers(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
    yield from evaluated(
        network(folder), data(13, 4), attacks=["fgsm", kax.attacks.PGD(steps=3)], explainers=explainers(), images=2
    )


@case
def clean_target_without_labels(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
    images, _ = data(17, 5)
    yield from evaluated(network(folder), tf.data.Dataset.from_tensor_slices(images).batch(5), target="clean")


@case
def several_outputs(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
    classifier = kax.ImageClassifier(network(folder, 2), output="head1")
    images, labels = data(15, 6)
    yield from evaluated(classifier, (images, labels), attacks=["fgsm", "pgd"], noise_control=False)


@case
def every_layer(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
    model = network(folder)
    settings = {"epsilons": EPSILONS, "progress": False, "explainers": kax.explainers.GradCAM.every_layer(model)}
    report = kax.evaluate(model, data(15, 7), **settings)
    yield from figures(report)
    profile = report.depth_profile("fgsm")
    yield "profile/mod", profile.mod
    yield "profile/vid", profile.vid
    yield "profile/layers", " ".join(profile.layers)


@case
def both_scores(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
    comparison = kax.compare_scores(
        network(folder), data(18, 8), explainers=["grad_cam", "saliency"], epsilon=0.1, progress=False, images=2
    )
    for panel, images in comparison.panels.items():
        for name in ("log_odds", "confidence", "saturated", "zero_gradient", "zero_gradient_logit"):
            yield f"{panel}/{name}", getattr(images, name)
        for name in ("nissim", "blank_logit", "blank_probability"):
            for explainer, values in getattr(images, name).items():
                yield f"{panel}/{explainer}/{name}", values
    for example in comparison.examples:
        yield f"{example.explainer}/{example.index}", example.adversarial_heatmap


@case
def all_checks(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
    names = ["fgsm", kax.attacks.PGD(steps=4), kax.attacks.PGD(targeted=True, steps=4), "square", "deep_fool"]
    names[3] = kax.attacks.Square(queries=30)
    names[4] = kax.attacks.DeepFool(norm="linf", steps=3)
    yield from evaluated(
        network(folder), data(20, 9), attacks=names, attack_targets="runner_up", checks="all", images=1
    )


@case
def folded_and_preprocessed(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
    images, labels = data(15, 10)
    classifier = kax.ImageClassifier(
        network(folder), bounds=(-1, 3), preprocess=lambda x: (x + 1) / 4, fold_batch_norm=True
    )
    yield from evaluated(classifier, (images * 4 - 1, labels), attacks=["fgsm", "pgd"])


@case
def training(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
    model = network(folder)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    images, labels = data(32, 11)
    callback = kax.callbacks.AdversarialEvaluation(data(12, 12), epsilons=EPSILONS, attacks=["fgsm", "bim"])
    history = model.fit(images, labels, epochs=3, verbose=0, callbacks=[callback], shuffle=False)
    for key, values in history.history.items():
        yield f"history/{key}", np.array(values)
    yield from figures(callback.report)


@case
def by_themselves(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
    """Attacks and explainers called by the user, eagerly and for several epsilons at once."""
    model = network(folder)
    images, labels = data(9, 13)
    for index, attack in enumerate(attacks() + l2_attacks()):
        yield f"{index}/{attack.name}", attack(model, images, labels, EPSILONS)
        if hasattr(attack, "distances"):
            yield f"{index}/{attack.name}/distances", attack.distances(model, images, labels)
    for index, attack in enumerate(targeted_attacks()[:-1]):
        yield f"{index}/targeted/{attack.name}", attack(model, images, (labels + 1) % 4, 0.1)
    for index, explainer in enumerate(explainers()):
        yield f"{index}/{explainer.name}", explainer(model, images)
        yield f"{index}/{explainer.name}/target", explainer(model, images, 1)


def record(folder: pathlib.Path, names: list[str]) -> Numbers:
    """The numbers of some cases, by name."""
    found: Numbers = {}
    for name in names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for key, value in CASES[name](folder):
                array = np.asarray(value)
                # Such as a `None` among numbers, which a file without pickles cannot hold.
                found[f"{name}/{key}"] = np.asarray(repr(value)) if array.dtype.kind == "O" else array
        print(f"{name}: {sum(key.startswith(name + '/') for key in found)} numbers", file=sys.stderr, flush=True)
    return found


def differences(first: Numbers, second: Numbers) -> list[str]:
    """A line for each number that is missing or another one, to the last byte."""
    lines = [f"missing: {key}" for key in first if key not in second]
    lines += [f"new: {key}" for key in second if key not in first]
    for key in first:
        if key in second:
            one, other = first[key], second[key]
            if (one.dtype, one.shape, one.tobytes()) != (other.dtype, other.shape, other.tobytes()):
                lines.append(f"differs: {key}: {_apart(one, other)}")
    return lines


def _apart(one: np.ndarray, other: np.ndarray) -> str:
    if one.dtype.kind in "fib" and one.shape == other.shape and one.dtype == other.dtype:
        gap = np.nanmax(np.abs(one.astype("float64") - other.astype("float64"))) if one.size else math.nan
        return f"by up to {gap:.3g}"
    return f"{one.dtype}{one.shape} {str(one)[:60]} and {other.dtype}{other.shape} {str(other)[:60]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=pathlib.Path, help="where the numbers are written, or are compared with")
    parser.add_argument("--compare", action="store_true", help="compare with the file instead of writing it")
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    args = parser.parse_args()
    args.file.parent.mkdir(parents=True, exist_ok=True)
    found = record(args.file.parent, args.cases)
    if not args.compare:
        np.savez_compressed(args.file, **found)
        return 0
    stored = np.load(args.file)
    kept = {key: stored[key] for key in stored.files if key.split("/")[0] in args.cases}
    lines = differences(kept, found)
    print("\n".join(lines))
    kinds = Counter(line.partition(": ")[2].partition(":")[0].rpartition("/")[2] for line in lines)
    print(f"{len(kept)} numbers, {len(lines)} of them differ: {dict(kinds)}")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
