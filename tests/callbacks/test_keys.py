"""The keys in the logs, and what stands there for what could not be measured."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from figures.made_report import make_report
from scripted import BLANK, weights

import keras_advxai as kax
from keras_advxai.callbacks.keys import keys, unmeasured_values, values

MOD = "val_mod_fgsm_grad_cam"
pytestmark = pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")


@pytest.mark.slow
def test_the_clean_accuracy_is_that_of_the_model(fit, evaluation, images, trained):
    history = fit(evaluation(images, final=False), epochs=(weights(), weights(1.6), BLANK)).history
    expected = []
    for item in (weights(), weights(1.6), BLANK):
        trained.set_weights(item)
        expected.append(float(np.mean(trained.predict(images[0], verbose=0).argmax(axis=1) == images[1])))
    assert history["val_accuracy_clean"] == expected
    assert len({1.0, 0.5, *expected}) == 3
    assert (expected[0], expected[2]) == (1, 0.5)


@pytest.mark.slow
def test_without_labels_there_is_no_accuracy_to_know(fit, evaluation, images):
    history = fit(evaluation(images[0], final=False)).history
    assert "val_accuracy_clean" not in history
    assert "val_accuracy_fgsm" in history


@pytest.mark.slow
def test_the_keys_are_known_before(fit, evaluation, images):
    for settings in ({"name": "pale"}, {"metrics": ("nissim", "center_shift"), "epsilons": (0.1,)}):
        ours = evaluation(images, final=False, **settings)
        history = fit(ours).history
        assert {key for key in history if key.startswith("val_")} == keys(ours.settings, settings.get("name"))
    assert keys(ours.settings, "pale") == {key.replace("val_", "val_pale_") for key in keys(ours.settings)}


@pytest.mark.parametrize("name", ["", "a.b", "a b", "{a}", 3])
def test_a_name_that_makes_no_key_is_refused(images, name):
    with pytest.raises(ValueError, match="`name` must consist of letters"):
        kax.callbacks.AdversarialEvaluation(images, name=name)


def test_what_cannot_be_measured_is_worse_than_all_that_can(fit, evaluation, images, trained, tmp_path):
    checkpoint = tmp_path / "best.weights.h5"
    stopping = keras.callbacks.EarlyStopping(MOD, mode="min", patience=2, restore_best_weights=True)
    plateau = keras.callbacks.ReduceLROnPlateau(MOD, mode="min", patience=3, verbose=0)
    history = fit(
        evaluation(images, final=False),
        keras.callbacks.ModelCheckpoint(checkpoint, MOD, mode="min", save_best_only=True, save_weights_only=True),
        stopping,
        plateau,
        epochs=(BLANK, BLANK, weights(), weights(), BLANK, weights(2)),
    ).history
    values = history[MOD]
    assert [math.isinf(value) for value in values] == [True, True, False, False, True]
    assert values[2] == values[3]
    # It stops two epochs after the one that could be measured first, and not two epochs after the beginning.
    assert (stopping.stopped_epoch, stopping.best_epoch) == (4, 2)
    assert stopping.best == plateau.best == values[2]
    for _ in ("restored", "saved"):
        for mine, best in zip(trained.get_weights(), weights(), strict=True):
            np.testing.assert_array_equal(mine, best)
        trained.load_weights(checkpoint)
    assert [math.isinf(value) for value in history["val_vid_fgsm_grad_cam"]] == list(map(math.isinf, values))


def test_an_epoch_without_an_evaluation_repeats_it(fit, evaluation, images):
    ours = evaluation(images, final=False, every=2)
    values = fit(ours, epochs=(BLANK, weights(), weights(), BLANK, weights())).history[MOD]
    assert [math.isinf(value) for value in values] == [True, False, False, True, True]
    assert sorted(ours.reports) == [0, 1, 3]


@pytest.mark.slow
def test_keys_can_stand_in_the_paths_of_checkpoints(images, tmp_path):
    inner = [keras.layers.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, activation="relu", name="block.1")]
    model = keras.Sequential([*inner, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ours = kax.callbacks.AdversarialEvaluation(
        images,
        max_samples=8,
        attacks=kax.attacks.PGD(steps=2, step_size=0.5),
        explainers=kax.explainers.GradCAM(layer="block.1"),
        metrics=("nissim", "center_shift"),
        epsilons=(0.05, 0.2),
        final=False,
    )
    known = keys(ours.settings)
    drift = next(key for key in sorted(known) if key.startswith("val_mod_pgd"))
    path = str(tmp_path / f"{{{drift}:.3f}}.weights.h5")
    checkpoint = keras.callbacks.ModelCheckpoint(path, drift, mode="min", save_weights_only=True)
    history = model.fit(*images, epochs=1, batch_size=64, verbose=0, callbacks=[ours, checkpoint]).history
    assert {key for key in history if key.startswith("val_")} == known
    assert all(f"{{{key}:.1f}}".format(**{key: 0.5}) == "0.5" for key in known)
    assert (tmp_path / f"{history[drift][0]:.3f}.weights.h5").is_file()
    assert ours.report.attacks[0] == ours.settings.attacks[0].name  # in reports and TensorBoard the names stay
    assert "block_1" in drift
    assert "block.1" in ours.report.explainers[0]


@pytest.mark.parametrize(
    "setting",
    [
        {"attacks": kax.attacks.PGD(steps=2, step_size=0.25)},
        {"attacks": kax.contrib.CleverHans("projected_gradient_descent", eps_iter=0.3)},
        {"explainers": kax.explainers.GradCAM(layer="block.1", reshape_transform=lambda maps: maps)},
        {"explainers": kax.explainers.IntegratedGradients(steps=3)},
        {"explainers": kax.explainers.GradCAM(layer="encoder/block-1:2")},
    ],
)
def test_keys_are_letters_digits_and_underscores(setting):
    assert all(key.isidentifier() for key in keys(kax.EvaluationSettings(**setting)))


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"explainers": [kax.explainers.GradCAM(layer=name) for name in ("b.1", "b_1")]}, "val_mod_fgsm_grad_cam_b_1"),
        ({"explainers": [kax.explainers.GradCAM(layer=name) for name in ("a.b", "a/b")]}, "val_mod_fgsm_grad_cam_a_b"),
    ],
)
def test_two_layers_of_one_key_are_refused(images, settings, key):
    with pytest.raises(ValueError, match=rf"{key}', .* Evaluate them by two callbacks"):
        kax.callbacks.AdversarialEvaluation(images, **settings)
    for explainer in settings["explainers"]:
        kax.callbacks.AdversarialEvaluation(images, **{**settings, "explainers": explainer}, name="one")


def test_names_that_were_usable_are_as_they_were():
    settings = kax.EvaluationSettings(attacks=("fgsm", "pgd"), metrics=("nissim", "rank_distance"))
    drifts = [f"{a}_grad_cam{m}" for a in ("fgsm", "pgd", "uniform_noise") for m in ("", "_rank_distance")]
    accuracies = [f"accuracy_{a}" for a in ("clean", "fgsm", "pgd", "uniform_noise")]
    ends = [*accuracies, *(f"{kind}_{end}" for kind in ("mod", "vid") for end in drifts)]
    assert keys(settings) == {f"val_{end}" for end in (*ends, "evaluation_failed")}


@pytest.mark.parametrize("labels", ["given", "clean prediction"])
@pytest.mark.parametrize("name", [None, "own"])
def test_what_has_not_been_measured_has_the_keys_of_what_has(labels, name):
    report = make_report(labels=labels, attacks=("fgsm", "uniform_noise"))
    settings = kax.EvaluationSettings(explainers=("grad_cam", "integrated_gradients"), epsilons=report.epsilons)
    found = unmeasured_values(settings, "classification", labels == "given", name)
    assert list(found) == list(values(report, name))
    assert {value for key, value in found.items() if "accuracy" in key} == {-math.inf}
    assert {value for key, value in found.items() if "accuracy" not in key} == {math.inf}
    changes = unmeasured_values(settings, "regression", True)
    assert [key for key in changes if "mod_" not in key and "vid_" not in key] == [
        *("val_change_fgsm", "val_change_uniform_noise")
    ]
    assert set(changes.values()) == {math.inf}
