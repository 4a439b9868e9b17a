"""Targeted attacks in an evaluation."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import evaluator, linear_model

import keras_advxai as kax
from keras_advxai.attacks import DDN, FGSM, PGD, Square
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.measurements.accuracy import attackable
from keras_advxai.measurements.statistics import wilson_interval
from keras_advxai.tensorboard import summaries
from keras_advxai.tensorboard.names import safe

SHAPE = (2, 2, 1)
TARGETED = PGD(targeted=True)
NAME = "pgd_targeted"


@pytest.fixture(scope="module")
def three() -> keras.Model:
    """Three classes by the mean pixel: 0 where it is dark, 1 in the middle, 2 where it is bright."""
    slopes, bias = np.array([-2.0, 0.0, 2.0]), np.array([0.8, 0.0, -1.2])
    return linear_model(np.tile(slopes / 4, (4, 1)), SHAPE, bias)


LEVELS = np.array([0.1, 0.3, 0.5, 0.55, 0.7, 0.9], "float32")  # the boundaries are at 0.4 and 0.6
X = np.broadcast_to(LEVELS[:, None, None, None], (6, *SHAPE)).copy()
Y = np.array([0, 0, 1, 1, 2, 2])


def run(model, data=(X, Y), attacks=TARGETED, **settings):
    settings = {"explainers": (), "epsilons": (0.12, 0.4), "noise_control": False, "progress": False, **settings}
    return kax.evaluate(model, data, attacks=attacks, **settings)


@pytest.mark.parametrize(
    ("rule", "targets", "reached"),
    [
        # the bright class is reached from 0.5 and 0.55 at 0.12, and from 0.3 at 0.4; the dark one likewise
        ("least_likely", [2, 2, 2, 0, 0, 0], {0.12: 1 / 6, 0.4: 4 / 6}),
        ("runner_up", [1, 1, 0, 2, 1, 1], {0.12: 4 / 6, 0.4: 1.0}),
        (1, [1] * 6, {0.12: 2 / 4, 0.4: 1.0}),
        ([2, 2, 0, 0, 0, 1], [2, 2, 0, 0, 0, 1], {0.12: 1 / 6, 0.4: 5 / 6}),
    ],
)
def test_rules_on_a_linear_model(three, rule, targets, reached):
    found = run(three, attack_targets=rule)
    chosen = found.measurements.at("attack_target", attack=NAME)
    if rule == "least_likely":  # at 0.5 and 0.55 the two others are equal, or nearly
        assert chosen[[0, 1, 4, 5]].tolist() == [2, 2, 0, 0]
        assert chosen[3] == 0
    elif rule == "runner_up":
        assert chosen[[0, 1, 3, 4, 5]].tolist() == [1, 1, 2, 1, 1]
    else:
        assert chosen.tolist() == targets
        for epsilon, share in reached.items():
            assert found.targeted_success_rate(NAME, epsilon) == pytest.approx(share)
    assert found.provenance["attack_targets"] == (rule if isinstance(rule, (str, int)) else "given")
    assert "Targeted attacks are to reach" in str(found)


def test_images_of_the_class_and_misclassified_ones_are_not_attacked(three):
    wrong = Y.copy()
    wrong[0] = 1  # the model says 0
    found = run(three, (X, wrong), attack_targets=1, images=6)
    assert attackable(found.measurements, NAME).tolist() == [False, True, False, False, True, True]
    assert found.targeted_success_rate(NAME, 0.4) == 1.0
    assert found.targeted_interval(NAME, 0.4) == wilson_interval(3, 3)
    np.testing.assert_array_equal(found.measurements.at("perturbation_norm", attack=NAME)[:, [0, 2, 3]], 0)
    assert (found.measurements.at("perturbation_norm", attack=NAME)[1, [1, 4, 5]] > 0).all()
    assert found.robust(0.4).tolist() == [False, False, True, True, False, False]  # a hit is a misclassification
    assert found.accuracy(NAME, 0.4) == 2 / 6
    only = run(three, (X[2:4], Y[2:4]), attack_targets=1)
    assert np.isnan(only.targeted_success_rate(NAME, 0.4))
    assert only.to_dict()["rows"][0]["targeted_success_rate"] is None


@pytest.mark.slow
def test_random_targets_are_never_the_label_and_depend_on_seed_and_image_alone():
    model = linear_model(np.zeros((4, 5)), SHAPE, np.arange(5.0))
    x = np.random.default_rng(0).random((200, *SHAPE), dtype="float32")
    y = np.arange(200) % 5

    def targets(x=x, y=y, **settings):
        found = run(model, (x, y), FGSM(targeted=True), epsilons=(0.1,), attack_targets="random", **settings)
        return found.measurements.at("attack_target", attack="fgsm_targeted")

    chosen = targets()
    assert (chosen != y).all()
    assert np.bincount((chosen - y) % 5, minlength=5)[1:].min() > 30  # 50 each are expected
    np.testing.assert_array_equal(targets(batch_size=7), chosen)
    np.testing.assert_array_equal(targets(x[::-1], y[::-1])[::-1], chosen)
    assert (targets(seed=1) != chosen).any()


@pytest.mark.slow
def test_beside_untargeted_attacks_and_minimum_norm_attacks(three):
    attacks = [PGD(), TARGETED, DDN(steps=40, targeted=True), Square(queries=30, targeted=True)]
    found = run(three, attacks=attacks, attack_targets="least_likely")
    assert found.targeted_attacks == (NAME, *(item.name for item in attacks[2:]))
    assert found.targeted_success_rate(NAME, 0.4) < found.attack_success_rate("pgd", 0.4) == 1
    assert found.minimum_perturbation(NAME)[0] == np.inf
    distances = found.minimum_perturbation(attacks[2])
    np.testing.assert_allclose(distances[[0, 5]], [1.0, 1.0], atol=0.02)  # half of the range at each of four pixels
    ids = {finding.id for finding in found.warnings}
    assert not ids & {"weaker-than-single-step", "weaker-than-noise", "black-box-stronger", "unused-budget"}
    with pytest.raises(ValueError, match=r"'pgd' is not targeted, .* The targeted attacks are: pgd_targeted, ddn"):
        found.targeted_success_rate("pgd", 0.4)


def test_a_report_keeps_them(three):
    found = run(three, attack_targets="runner_up")
    again = EvaluationReport.from_json(found.to_json())
    assert again == found
    assert again.targeted_success_rate(NAME, 0.4) == found.targeted_success_rate(NAME, 0.4) == 1
    row = found.rows[0]
    assert row.targeted_success_rate == found.targeted_success_rate(NAME, 0.12)
    assert summaries.attack_scalars(found, 0.12)[f"advxai/targeted_success_rate/{safe(row.attack)}"] == (
        row.targeted_success_rate
    )
    assert "target" in str(found)
    old = found.to_dict()
    del old["measurements"]["quantities"]["attack_target"]
    assert EvaluationReport.from_dict(old).targeted_attacks == ()
    untargeted = run(three, attacks="pgd")
    assert np.isnan(untargeted.rows[0].targeted_success_rate)
    assert "reached" not in str(untargeted)


@pytest.mark.slow
def test_explanations_under_a_targeted_attack(faces_model, few):
    found = run(faces_model, few, FGSM(targeted=True), explainers=("grad_cam",), attack_targets="runner_up")
    assert np.isfinite(found.mod("fgsm_targeted", "grad_cam", 0.4))
    untargeted = run(faces_model, few, FGSM(), explainers=("grad_cam",))
    right = attackable(found.measurements, "fgsm_targeted")  # of two classes, one leads away from the other
    pairs = [(found, "fgsm_targeted"), (untargeted, "fgsm")]
    np.testing.assert_array_equal(
        *(seen.measurements.at("prediction", attack=attack)[:, right] for seen, attack in pairs)
    )


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        (None, ValueError, r"pass attack_targets='least_likely', 'runner_up', .* Received: PGD\(.*attack_targets=None"),
        ("leastlikely", ValueError, "Did you mean 'least_likely'"),
        (3, ValueError, r"must lie in 0\.\.2, because the model has 3 classes\. Received: attack_targets=3"),
        (-1, ValueError, r"must lie in 0\.\.2"),
        (True, TypeError, "must be 'least_likely'"),
        (1.5, TypeError, "must be 'least_likely'"),
        ([1, 2], ValueError, "one label for each of the 6 images"),
        ([5] * 6, ValueError, r"Argument `attack_targets` must lie in 0\.\.2"),
        ([1, 2, 1, 0, 0, 2], ValueError, r"the label for 2 of 6 images, at the indices 2, 5\. attack_targets='least"),
    ],
)
def test_bad_targets(three, targets, error, message):
    with pytest.raises(error, match=message):
        run(three, attack_targets=targets)


def test_targets_in_vain_and_targets_of_a_dataset(three):
    with pytest.raises(ValueError, match=r"is for targeted attacks, such as PGD\(targeted=True\), and there is none"):
        run(three, attacks="fgsm", attack_targets="runner_up")
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)
    with pytest.raises(ValueError, match="needs the images as arrays, because a dataset may change their order"):
        run(three, dataset, attack_targets=(Y + 1) % 3)
    assert run(three, dataset, attack_targets="runner_up").targeted_success_rate(NAME, 0.4) == 1


def test_without_labels_the_clean_prediction_is_the_true_class(three):
    found = run(three, X, attack_targets=[1, 1, 1, 0, 0, 0])
    assert attackable(found.measurements, NAME).tolist() == [True, True, False, True, True, True]


@pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")
def test_given_targets_follow_the_sample_of_a_callback(three):
    targets = (Y + 1) % 3
    settings = {"attacks": TARGETED, "explainers": (), "attack_targets": targets}
    batches = evaluator(three, batch_size=2, **settings).batches((X, Y)).sampled(4, seed=0)
    labels = np.concatenate([y for _, y in batches])
    np.testing.assert_array_equal(batches.attack_targets, (labels + 1) % 3)
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = kax.callbacks.AdversarialEvaluation(
        (X, Y), attacks=TARGETED, explainers=(), attack_targets=targets, max_samples=4, batch_size=4
    )
    logs = model.fit(X, Y, epochs=1, verbose=0, callbacks=[callback]).history
    assert f"val_accuracy_{NAME}" in logs
    np.testing.assert_array_equal(callback.report.measurements.at("attack_target", attack=NAME), targets)


@pytest.mark.slow
def test_a_wrapped_model(three):
    found = kax.ExplainableModel(three).evaluate_robustness(
        (X, Y), attacks=TARGETED, attack_targets="runner_up", explainers=(), epsilons=(0.4,), progress=False
    )
    assert found.targeted_success_rate(NAME, 0.4) == 1
