"""Evaluations of models that predict several labels: what is counted, and how it is shown and kept."""

from __future__ import annotations

from typing import Any

import helpers
import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.evaluation import EvaluationSettings
from keras_advxai.execution import Evaluator
from keras_advxai.measurements.statistics import wilson_interval

SHAPE, LABELS = (12, 12, 1), 3
X = helpers.random_images(20, SHAPE)
EPSILONS = (0.02, 0.1)
SETTINGS: dict[str, Any] = {"epsilons": EPSILONS, "progress": False}


def build(activation: str | None = "sigmoid") -> keras.Model:
    keras.utils.set_random_seed(5)
    inputs = keras.Input(SHAPE)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    head = keras.layers.Dense(LABELS, activation=activation)
    model = keras.Model(inputs, head(x))
    # Each label is near its boundary for half of the images.
    features = keras.Model(inputs, x)(X).numpy()
    kernel = np.random.default_rng(0).normal(size=(4, LABELS)) * 40
    head.set_weights([kernel, -np.median(features @ kernel, axis=0)])
    return model


def labels(model: keras.Model) -> np.ndarray:
    """Right but for every seventh."""
    said = (model(X).numpy() > 0.5).astype(int)
    said.ravel()[::7] ^= 1
    return said


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.fixture(scope="module")
def y(model):
    return labels(model)


@pytest.fixture(scope="module")
def report(model, y):
    return kax.evaluate(model, (X, y), attacks=["fgsm", kax.attacks.PGD(steps=3)], **SETTINGS)


@pytest.mark.slow
def test_what_is_counted(model, y, report):
    """Against the model's own outputs on the same adversarial images."""
    for attack in (kax.attacks.FGSM(), kax.attacks.PGD(steps=3)):
        for epsilon in EPSILONS:
            clean, after = (
                model(images).numpy() > 0.5
                for images in (X, attack(kax.ImageClassifier(model, labels="multi"), X, y, epsilon=epsilon))
            )
            right = after == y
            assert report.accuracy(attack, epsilon) == pytest.approx(right.mean())
            assert report.exact_accuracy(attack, epsilon) == pytest.approx(right.all(axis=1).mean())
            assert report.flip_rate(attack, epsilon) == pytest.approx((after != clean).mean())
            rates = report.label_flip_rates(attack, epsilon)
            np.testing.assert_allclose(rates, (after != clean).mean(axis=0))
            before = (clean == y).all(axis=1)
            fallen = (~right.all(axis=1))[before].mean()
            assert report.attack_success_rate(attack, epsilon) == pytest.approx(fallen)
    assert report.clean_accuracy == pytest.approx(((model(X).numpy() > 0.5) == y).mean())
    assert report.exact_accuracy() == pytest.approx(((model(X).numpy() > 0.5) == y).all(axis=1).mean())
    assert 0 < report.accuracy("fgsm", 0.1) < report.accuracy("fgsm", 0.02) < report.clean_accuracy


@pytest.mark.slow
def test_intervals_and_the_worst_case(report):
    low, high = report.accuracy_interval("fgsm", 0.02)
    assert low < report.accuracy("fgsm", 0.02) < high
    right = report.measurements.at("predicted_labels", attack="fgsm") == report.measurements.at("true_labels")[:, None]
    clean = report.measurements.at("predicted_labels") == report.measurements.at("true_labels")
    expected = right.all(axis=(0, 1)) & clean.all(axis=0)
    np.testing.assert_array_equal(report.robust(0.1, attack="fgsm"), expected)
    assert report.robust_accuracy(0.1) <= report.exact_accuracy("fgsm", 0.1)
    low, high = report.robust_interval(0.1)
    assert low <= report.robust_accuracy(0.1) <= high


@pytest.mark.parametrize(("total", "level"), [(20, 0.95), (7, 0.9)])
def test_the_interval_of_shares_is_wilson_s(total, level):
    """Between two integers it lies between their intervals, and continues them."""
    for count in range(total):
        around = [wilson_interval(count + step, total, level) for step in (0, 1e-9, 0.5, 1 - 1e-9, 1)]
        np.testing.assert_allclose(around[0], around[1], atol=1e-7)
        np.testing.assert_allclose(around[3], around[4], atol=1e-7)
        assert around[0] < around[2] < around[4]


def test_heatmaps_are_of_the_strongest_label(model, report):
    strongest = model(X).numpy().argmax(axis=1)
    np.testing.assert_array_equal(report.measurements.at("prediction"), strongest)
    np.testing.assert_array_equal(report.measurements.at("label"), strongest)
    maps = kax.explainers.GradCAM()(model, X[:8], strongest[:8])
    shown = [item.heatmap for item in report.select(attack="fgsm", explainer="grad_cam", epsilon=0.1)]
    np.testing.assert_allclose(shown, maps[..., 0], atol=1e-5)
    flipped = report.measurements.at("predicted_labels", attack="fgsm", epsilon=0.1) != report.measurements.at(
        "predicted_labels"
    )
    values = report.dissimilarity("fgsm", "grad_cam", 0.1)
    assert report.mod("fgsm", "grad_cam", 0.1, split="kept") == pytest.approx(
        np.nanmean(values[~flipped.any(axis=0)]), nan_ok=True
    )


def test_the_table(report):
    text = str(report)
    accuracy, exact = 100 * report.clean_accuracy, 100 * report.exact_accuracy()
    assert f"3 labels each: {accuracy:.1f} % right, all of them for {exact:.1f} % of the images" in text
    assert "Images with all labels right, the worst case over fgsm" in text
    assert "labels  all   labels" in text.replace("   labels", "   labels") or "labels" in text
    row = next(line for line in text.splitlines() if line.strip().startswith("0.02"))
    numbers = (report.accuracy, report.exact_accuracy, report.flip_rate, report.attack_success_rate)
    expected = [f"{100 * number('fgsm', 0.02):.1f}" for number in numbers]
    assert [part for part in row.split() if part != "%"][1:5] == expected


def test_rows_and_files(report, tmp_path):
    frame = report.to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    row = frame[(frame.attack == "fgsm") & (frame.epsilon == 0.1)].iloc[0]
    assert row.exact_accuracy == report.exact_accuracy("fgsm", 0.1)
    assert np.isnan(row.mean_change)
    report.save(tmp_path / "report.npz")
    for read in (kax.EvaluationReport.from_json(report.to_json()), kax.EvaluationReport.load(tmp_path / "report.npz")):
        assert read == report
        assert read.provenance["task"] == "multi_label"
        assert read.settings.labels == "multi"
        np.testing.assert_array_equal(
            read.label_flip_rates("pgd_steps3", 0.1), report.label_flip_rates("pgd_steps3", 0.1)
        )
    with pytest.raises(ValueError, match=r"`provenance\.task` must agree with the measurements"):
        kax.EvaluationReport(report.measurements, {**report.provenance, "task": "regression"})
    sample = report.samples[0]
    assert sample["predicted_labels"][1]["fgsm"][0.1] in (True, False)
    assert set(sample["true_labels"]) == {0, 1, 2}
    half = report.measurements.select(slice(10)).append(report.measurements.select(slice(10, None)))
    np.testing.assert_array_equal(half.at("predicted_labels"), report.measurements.at("predicted_labels"))


@pytest.mark.parametrize("kind", ["dataset", "sequence", "said", "logits", "batches"])
def test_however_it_is_known(model, y, report, kind):
    """From multi-hot labels in arrays and streams, from a word, with logits; in any batches."""

    class Sequence(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return X[10 * index : 10 * index + 10], y[10 * index : 10 * index + 10]

    given: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "dataset": (model, tf.data.Dataset.from_tensor_slices((X, y)).batch(8), {}),
        "sequence": (model, Sequence(), {}),
        "said": (kax.ImageClassifier(model, labels="multi"), (X, y), {}),
        "logits": (build(None), (X, y), {"labels": "multi"}),
        "batches": (model, (X, y.astype(bool)), {"batch_size": 7}),
    }
    net, data, more = given[kind]
    found = kax.evaluate(net, data, attacks="fgsm", explainers=(), **SETTINGS, **more)
    for epsilon in EPSILONS:
        assert found.accuracy("fgsm", epsilon) == pytest.approx(report.accuracy("fgsm", epsilon), abs=1.1 / 60)


def test_class_indices_are_one_class(model):
    """As ever: accuracy is that of the strongest."""
    classes = np.arange(20) % LABELS
    found = kax.evaluate(model, (X, classes), explainers=(), **SETTINGS)
    assert found.provenance["task"] == "classification"
    assert found.settings.labels == "single"
    assert found.clean_accuracy == pytest.approx((model(X).numpy().argmax(1) == classes).mean())


def test_without_labels_nothing_is_counted_by_the_strongest(model):
    found = kax.evaluate(model, X, explainers=(), **SETTINGS)
    assert found.provenance["task"] == "multi_label"
    assert "3 labels each, none given: accuracy counts agreement with the clean prediction" in " ".join(
        str(found).split()
    )
    after = model(kax.attacks.FGSM()(model, X, epsilon=0.1)).numpy() > 0.5
    assert found.accuracy("fgsm", 0.1) == pytest.approx((after == (model(X).numpy() > 0.5)).mean())


def test_an_evaluator_by_hand_has_to_be_told(model):
    settings = EvaluationSettings()
    with pytest.raises(ValueError, match=r"several labels or one class\. Pass labels='multi'"):
        Evaluator(settings.classifier(model), settings)


@pytest.mark.parametrize("rule", ["runner_up", "least_likely", "random", 1])
def test_targeted(model, y, rule):
    """Towards one label that an image neither has nor is said to have."""
    attack = kax.attacks.FGSM(targeted=True)
    found = kax.evaluate(model, (X, y), attacks=attack, attack_targets=rule, explainers=(), **SETTINGS)
    logits = np.log(model(X).numpy() / (1 - model(X).numpy()))
    targets = found.measurements.at("attack_target", attack=attack)
    masked = {"runner_up": logits, "least_likely": -logits}.get(rule)
    if masked is not None:
        expected = np.where(y == 1, -np.inf, masked).argmax(axis=1)
        free = ~y.all(axis=1)
        np.testing.assert_array_equal(targets[free], expected[free])
    images = np.arange(20)
    attacked = (y[images, targets] == 0) & (logits[images, targets] <= 0)
    assert attacked.any()
    moved = attack(kax.ImageClassifier(model, labels="multi"), X, targets, epsilon=0.1)
    there = model(moved).numpy()[images, targets] > 0.5
    assert found.targeted_success_rate(attack, 0.1) == pytest.approx(there[attacked].mean())
    assert (found.measurements.at("perturbation_norm", attack=attack)[:, ~attacked] == 0).all()


def test_targets_one_by_one_may_not_be_had(model, y):
    attack, free = kax.attacks.FGSM(targeted=True), (1 - y).argmax(axis=1)
    keep = ~y.all(axis=1)
    kax.evaluate(model, (X[keep], y[keep]), attacks=attack, attack_targets=free[keep], explainers=(), **SETTINGS)
    had = y.argmax(axis=1)
    with pytest.raises(ValueError, match="must name another class than the label"):
        kax.evaluate(model, (X, y), attacks=attack, attack_targets=had, explainers=(), **SETTINGS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "label"}, "predicts several labels for each image. Pass target='predicted' or 'clean'"),
        ({"attacks": kax.attacks.FGSM(loss="dlr")}, "'dlr' compares"),
        ({"attacks": ["fgsm", "deep_fool"]}, "Use FGSM, PGD, BIM or MIFGSM"),
    ],
)
def test_what_is_refused(model, y, change, message):
    with pytest.raises(ValueError, match=message):
        kax.evaluate(model, (X, y), **{**SETTINGS, **change})


@pytest.mark.slow
def test_both_scores(model, y):
    comparison = kax.compare_scores(model, (X, y), explainers="grad_cam", epsilon=0.1, progress=False)
    strongest = model(X).numpy().max(axis=1)
    np.testing.assert_allclose(comparison.original.confidence, strongest, rtol=1e-4)


@pytest.mark.slow
def test_all_checks(y):
    """None of them speaks of a sound model: what is run again is compared label by label."""
    model = build()
    found = kax.evaluate(model, (X, y), explainers=(), checks="all", **SETTINGS)
    assert {finding.id for finding in found.warnings} <= {"few-images", "depends-on-scale", "log-odds-of-all-labels"}


@pytest.mark.slow
def test_the_callback_and_tensorboard(y, tmp_path):
    model = build()
    model.compile("sgd", "binary_crossentropy")
    callback = kax.callbacks.AdversarialEvaluation((X, y), log_dir=tmp_path, final=False, epsilons=EPSILONS)
    with pytest.warns(kax.callbacks.FindingWarning, match="fgsm raises the log-odds of all labels alike"):
        history = model.fit(X, y, epochs=1, verbose=0, callbacks=[callback]).history
    report = callback.report
    assert history["val_accuracy_fgsm"] == [report.accuracy("fgsm", 0.1)]
    assert history["val_exact_accuracy_fgsm"] == [report.exact_accuracy("fgsm", 0.1)]
    assert "val_mod_fgsm_grad_cam" in history
    tags = set()
    for path in tmp_path.rglob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    assert {"advxai/accuracy/fgsm", "advxai/exact_accuracy/fgsm", "advxai/mod/grad_cam/fgsm"} <= tags


def test_figures(report):
    assert kax.figures.drift(report).axes[0].get_title() == "labels right under attack"
    kax.figures.comparison(report.select(attack="fgsm", epsilon=0.1)[:2])


def test_labels_of_outputs_that_are_not_finite_are_wrong():
    """Neither a label that is there nor one that is not is right of an image whose output is NaN."""
    kernel = np.random.default_rng(0).normal(size=(144, LABELS)).astype("float32")
    broken = helpers.linear_model(kernel, SHAPE, bias=[np.nan, 0, 0], activation="sigmoid")
    y = np.tile([[0, 1, 0]], (20, 1))
    found = kax.evaluate(broken, (X, y), attacks="uniform_noise", explainers=(), labels="multi", **SETTINGS)
    assert found.clean_accuracy == found.exact_accuracy() == found.accuracy("uniform_noise", 0.1) == 0
