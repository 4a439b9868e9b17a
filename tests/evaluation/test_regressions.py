"""Evaluations of models that predict numbers: how far the output changes, in place of accuracy."""

from __future__ import annotations

import math
from typing import Any

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax

SHAPE = (12, 12, 1)
X = helpers.random_images(16, SHAPE)
Y = np.random.default_rng(1).normal(size=16).astype("float32")
EPSILONS = (0.02, 0.1)
SETTINGS: dict[str, Any] = {"epsilons": EPSILONS, "progress": False, "task": "regression"}


def build(outputs: int = 1) -> keras.Model:
    keras.utils.set_random_seed(5)
    inputs = keras.Input(SHAPE)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(outputs, kernel_initializer="ones")(x), name="net")


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.fixture(scope="module")
def report(model):
    return kax.evaluate(model, (X, Y), attacks=["fgsm", kax.attacks.PGD(steps=3)], **SETTINGS)


@pytest.mark.slow
def test_what_is_measured(model, report):
    classifier = kax.ImageClassifier(model, task="regression")
    for attack in (kax.attacks.FGSM(), kax.attacks.PGD(steps=3), kax.attacks.UniformNoise()):
        for epsilon in EPSILONS:
            after = model(attack.with_whole_budget()(classifier, X, epsilon=epsilon)).numpy()
            expected = np.abs(after - model(X).numpy()).mean()
            assert report.mean_change(attack, epsilon) == pytest.approx(expected, rel=1e-4)
            assert report.mean_error(attack, epsilon) == pytest.approx(np.abs(after[:, 0] - Y).mean(), rel=1e-4)
    assert report.mean_error() == pytest.approx(np.abs(model(X).numpy()[:, 0] - Y).mean(), rel=1e-5)
    assert report.mean_change("fgsm", 0.1) > report.mean_change("fgsm", 0.02)
    assert report.mean_change("fgsm", 0.1) > 3 * report.mean_change("uniform_noise", 0.1)


def test_the_error_under_attack_is_not_the_largest():
    """Up, where images may change further, are the targets: what changes the output most brings it to them."""
    model, x = helpers.linear_model(np.ones((144, 1), "float32"), SHAPE), np.full((3, *SHAPE), 0.05, "float32")
    found = kax.evaluate(model, (x, np.full(3, 144 * 0.15)), explainers=(), **{**SETTINGS, "epsilons": (0.1,)})
    assert found.mean_change("fgsm", 0.1) == pytest.approx(144 * 0.1, rel=1e-4)
    assert found.mean_error() == pytest.approx(144 * 0.1, rel=1e-4)
    assert found.mean_error("fgsm", 0.1) == pytest.approx(0, abs=1e-3)  # downwards, to 0, it would be 144 * 0.15
    assert "not the largest error" in (kax.EvaluationReport.mean_error.__doc__ or "")


def test_the_change_of_a_linear_model_is_known():
    kernel = np.random.default_rng(0).normal(size=(144, 1)).astype("float32")
    x = (0.3 + 0.4 * X).astype("float32")
    found = kax.evaluate(helpers.linear_model(kernel, SHAPE), x, explainers=(), **SETTINGS)
    for epsilon in EPSILONS:
        assert found.mean_change("fgsm", epsilon) == pytest.approx(epsilon * np.abs(kernel).sum(), rel=1e-4)


def test_labels_do_not_change_what_is_attacked(model, report):
    without = kax.evaluate(model, X, attacks="fgsm", **SETTINGS)
    for epsilon in EPSILONS:
        assert without.mean_change("fgsm", epsilon) == report.mean_change("fgsm", epsilon)
        assert without.mod("fgsm", "grad_cam", epsilon) == report.mod("fgsm", "grad_cam", epsilon)
    assert math.isnan(without.mean_error())
    assert "no-labels" not in [finding.id for finding in without.warnings]


def test_what_is_right_or_wrong_is_not_told(report):
    assert math.isnan(report.clean_accuracy)
    for figure in (report.accuracy, report.flip_rate, report.attack_success_rate, report.exact_accuracy):
        assert math.isnan(figure("fgsm", 0.1))
    assert math.isnan(report.robust_accuracy(0.1))
    assert all(map(math.isnan, (*report.robust_interval(0.1), *report.accuracy_interval("fgsm", 0.1))))
    with pytest.raises(ValueError, match="see `flip_rate`, or `mean_change` of a regression"):
        report.label_flip_rates("fgsm", 0.1)
    assert {finding.id for finding in report.warnings} <= {"blank-heatmaps"}


def test_drift_is_as_ever(model, report):
    classifier = kax.ImageClassifier(model, task="regression")
    adversarial = kax.attacks.FGSM()(classifier, X, epsilon=0.1)
    maps = [kax.explainers.GradCAM()(classifier, images) for images in (X, adversarial)]
    expected = np.mean(kax.metrics.nissim(*maps))
    assert report.mod("fgsm", "grad_cam", 0.1) == pytest.approx(expected, abs=1e-5)
    assert report.vid("fgsm", "grad_cam") > 0
    assert report.mod("fgsm", "grad_cam", 0.1, split="kept") == report.mod("fgsm", "grad_cam", 0.1)


def test_the_table_and_files(report, tmp_path):
    text = str(report)
    assert f"a regression of 1 number, clean mean absolute error {report.mean_error():.4g}" in text
    assert "Attacks raise the change of the output from the clean one, not its distance from the targets.\n" in text
    assert "accuracy" not in text
    row = next(line for line in text.splitlines() if line.strip().startswith("0.1"))
    assert row.split()[1] == f"{report.mean_change('fgsm', 0.1):.4g}"
    report.save(tmp_path / "report.npz")
    for read in (kax.EvaluationReport.from_json(report.to_json()), kax.EvaluationReport.load(tmp_path / "report.npz")):
        assert read == report
        assert (read.provenance["task"], read.settings.task) == ("regression", "regression")
        assert read.mean_change("fgsm", 0.1) == pytest.approx(report.mean_change("fgsm", 0.1))
    assert report.to_dataframe().mean_change.notna().all()
    assert report.samples[0]["true_values"][0] == pytest.approx(Y[0])


def test_several_outputs():
    model = build(3)
    y = np.random.default_rng(0).normal(size=(16, 3))
    found = kax.evaluate(model, (X, y), attacks="fgsm", **SETTINGS)
    np.testing.assert_array_equal(found.measurements.at("prediction"), np.abs(model(X).numpy()).argmax(axis=1))
    assert "a regression of 3 numbers" in str(found)


def test_the_wrapper_and_compiled_losses(model, report):
    model.compile("sgd", "mse")
    try:
        for call in (
            lambda: kax.evaluate(model, (X, Y), epsilons=EPSILONS, progress=False),
            lambda: kax.callbacks.AdversarialEvaluation((X, Y)).settings.classifier(model),
        ):
            with pytest.raises(ValueError, match="compiled with the loss mean_squared_error"):
                call()
        found = kax.ExplainableModel(model, task="regression").evaluate_robustness(
            (X, Y), attacks="fgsm", epsilons=EPSILONS, progress=False
        )
        assert found.mean_change("fgsm", 0.1) == report.mean_change("fgsm", 0.1)
    finally:
        model.compile()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "label"}, "is a regression. Pass target='predicted'"),
        ({"attacks": "square"}, "is a regression. Use FGSM"),
        ({"explainers": kax.explainers.GradCAM(score="probability")}, "`score` must be 'logit'"),
        ({"attacks": kax.attacks.FGSM(targeted=True), "attack_targets": 0}, "pass targeted=False"),
    ],
)  # fmt: skip
def test_what_is_refused(model, change, message):
    with pytest.raises(ValueError, match=message):
        kax.evaluate(model, (X, Y), **{**SETTINGS, **change})


@pytest.mark.slow
def test_all_checks():
    found = kax.evaluate(build(), (X, Y), explainers=(), checks="all", **SETTINGS)
    assert [finding.id for finding in found.warnings] == []


def test_outputs_that_are_not_finite_are_said(model):
    """Also of numbers, which have no confidence to tell it by."""
    inputs = keras.Input(SHAPE)
    values = keras.layers.Dense(1, kernel_initializer="ones")(keras.layers.Flatten()(inputs))
    broken = keras.Model(inputs, values * keras.ops.where(values > 1e9, 1.0, np.nan))
    found = kax.evaluate(broken, X, attacks="uniform_noise", explainers=(), **SETTINGS)
    assert "not-finite" in [finding.id for finding in found.warnings]


@pytest.mark.slow
def test_the_callback_and_tensorboard(tmp_path):
    model = build()
    model.compile("sgd", "mse")
    callback = kax.callbacks.AdversarialEvaluation(
        (X, Y), log_dir=tmp_path, final=False, epsilons=EPSILONS, task="regression"
    )
    history = model.fit(X, Y, epochs=1, verbose=0, callbacks=[callback]).history
    assert history["val_change_fgsm"] == [callback.report.mean_change("fgsm", 0.1)]
    assert not any(key.startswith("val_accuracy") for key in history)
    tags = set()
    for path in tmp_path.rglob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    assert {"advxai/mean_change/fgsm", "advxai/mod/grad_cam/fgsm"} <= tags
    assert not any("accuracy" in tag for tag in tags)


def test_figures(report):
    assert kax.figures.drift(report).axes[0].get_title() == "mean absolute change of the output"
