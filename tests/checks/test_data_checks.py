"""The order of the images, and labels that are not numbered as the model's classes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.checks import Evidence, findings
from keras_advxai.checks.data import _equal_neighbours
from keras_advxai.evaluation import Coordinates, Measurements

L = keras.layers


def said(labels, predictions=None, classes=None, explainers=("grad_cam",), **given):
    """What is found where a model says `predictions` of images with `labels`."""
    labels = np.asarray(labels)
    predictions = labels if predictions is None else predictions
    classes = int(max(labels.max(), np.max(predictions)) + 1) if classes is None else classes
    coordinates = Coordinates((), explainers, ("nissim",), ("predicted",), (0.1,), classes=classes)
    found = Measurements.of(
        coordinates,
        label=labels,
        prediction=[predictions],
        chance_dissimilarity=np.full((1, len(explainers), len(labels)), 0.5),
    )
    return {finding.id: finding for finding in findings(Evidence(found, attacks=(), **given))}


def of_classes(classes, count, seed):
    return np.random.default_rng(seed).integers(0, classes, count)


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_sorted_data_are_told_and_shuffled_data_are_not(classes):
    for seed in range(60):
        labels = of_classes(classes, 100 if seed % 2 else 1000, seed)
        assert "sorted-data" not in said(labels)
        if classes < 100 or len(labels) == 1000:
            assert "sorted-data" in said(np.sort(labels))
    one_in_ten = (np.arange(400) % 10 == 0).astype(int)
    assert "sorted-data" in said(np.sort(one_in_ten))
    assert "sorted-data" not in said(np.random.default_rng(0).permutation(one_in_ten))


def test_the_sentence_has_the_shares():
    text = said(np.repeat([0, 1, 2], 20))["sorted-data"]  # 57 of 59 neighbours; shuffled, 3 * 20 * 19 / (60 * 59)
    assert text.startswith(
        "96.6 % of the images have the same label as the image before; in shuffled data it would be "
    )
    assert "32.2 %" in text
    assert text.severity == "warning"
    text = said(np.tile([0, 1], 50), np.repeat([0, 1], 50))["sorted-data"]
    assert text.startswith("99.0 % of the images have the same prediction")
    assert "same prediction" in said(np.repeat([0, 1], 50), has_labels=False)["sorted-data"]


def test_small_sets_one_class_and_accuracy_alone_are_not():
    assert "sorted-data" not in said(np.repeat([0, 1], 10))
    assert "sorted-data" not in said(np.zeros(100, int))
    assert "sorted-data" not in said(np.repeat([0, 1], 50), explainers=())


def test_the_number_of_equal_neighbours_is_that_of_all_orders():
    generator, labels = np.random.default_rng(0), np.array([0] * 12 + [1] * 5 + [2] * 3)
    shares = [_equal_neighbours(generator.permutation(labels))[0] for _ in range(4000)]
    expected = _equal_neighbours(labels)[1]
    assert expected == pytest.approx((12 * 11 + 5 * 4 + 3 * 2) / (20 * 19))
    assert np.mean(shares) == pytest.approx(expected, abs=0.01)


def test_several_labels_are_compared_as_sets():
    rows = np.array([[0, 1], [1, 1], [1, 0]])
    assert _equal_neighbours(np.repeat(rows, 20, axis=0))[2]
    assert not _equal_neighbours(np.tile(rows, (20, 1)))[2]


@pytest.fixture(scope="module")
def halves():
    """Images that are bright on the left or on the right, and a model that tells them apart by that."""
    generator, labels = np.random.default_rng(0), np.repeat([0, 1], 30)
    x = 0.2 * generator.random((60, 8, 8, 1), dtype="float32")
    x[:30, :, :4] += 0.6
    x[30:, :, 4:] += 0.6
    model = keras.Sequential([L.Input((8, 8, 1)), L.Conv2D(1, 1, name="copy"), L.Flatten(), L.Dense(2)])
    left = np.repeat([[1.0, 1, 1, 1, 0, 0, 0, 0]], 8, axis=0).ravel()
    model.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1), np.stack([left, 1 - left], axis=-1), np.zeros(2)])
    return model, x, labels


def test_chance_of_sorted_data_is_one_within_classes(halves):
    model, x, labels = halves
    order = np.random.default_rng(1).permutation(60)
    given = {"epsilons": (0.05,), "noise_control": False, "progress": False}
    is_sorted = kax.evaluate(model, (x, labels), **given)
    shuffled = kax.evaluate(model, (x[order], labels[order]), **given)
    assert is_sorted.chance("grad_cam") < 0.6 * shuffled.chance("grad_cam")
    assert "sorted-data" in [finding.id for finding in is_sorted.warnings]
    assert "sorted-data" not in [finding.id for finding in shuffled.warnings]


def right_on(share, labels, classes, seed=0):
    """Predictions that are right on a share of the images."""
    generator = np.random.default_rng(seed)
    wrong = (labels + generator.integers(1, classes, len(labels))) % classes
    return np.where(np.arange(len(labels)) < share * len(labels), labels, wrong)


@pytest.mark.parametrize(("shift", "name"), [(1, "labels plus one"), (-1, "labels minus one")])
@pytest.mark.parametrize("classes", [10, 1000])
def test_shifted_labels_are_told_with_the_figures(shift, name, classes):
    true = np.random.default_rng(0).permutation(np.resize(np.arange(1, 9), 50))
    text = said(true - shift, np.where(np.arange(50) < 39, true, 9), classes, explainers=())["shifted-labels"]
    agree = 100 * np.mean(np.where(np.arange(50) < 39, true, 9) == true - shift)
    assert f"predictions on {agree:.1f} % of the images, the {name} agree on 78.0 %: they seem to be shifted" in text
    assert text.severity == "warning"


def test_inverted_labels_are_told():
    true = of_classes(2, 100, 0)
    text = said(1 - true, right_on(0.78, true, 2), explainers=())["shifted-labels"]
    assert "on 22.0 % of the images, the other class of each image agrees on 78.0 %: they seem to be inverted" in text


def test_labels_in_another_order_are_told_by_the_accuracy():
    true = of_classes(10, 500, 0)
    order = np.array([3, 7, 4, 9, 8, 2, 0, 5, 1, 6])
    text = said(order[true], right_on(0.9, true, 10), 10, explainers=())["shifted-labels"]
    assert "where guessing gives 10.0 %" in text


@pytest.mark.parametrize("classes", [3, 10, 1000])
def test_two_classes_that_are_exchanged_are_told(classes):
    true = of_classes(3, 90, 0)
    order = np.arange(classes)
    order[[1, 2]] = 2, 1
    predicted = right_on(0.95, true, 3, seed=1)
    text = said(order[true], predicted, classes, explainers=())["shifted-labels"]
    both = true > 0
    right = 100 * np.mean((order[true] == predicted)[both])
    agree = 100 * np.mean((true == predicted)[both])
    assert (
        f"classes 1 and 2, the labels agree with the predictions on {right:.1f} %, and would on {agree:.1f} %" in text
    )
    assert "shifted-labels" not in said(true, predicted, classes, explainers=())


@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_random_and_constant_models_raise_no_alarm(classes):
    for seed in range(100):
        labels = of_classes(classes, (20, 100, 1000)[seed % 3], seed)
        for predicted in (of_classes(classes, len(labels), seed + 1000), np.full(len(labels), seed % classes)):
            assert "shifted-labels" not in said(labels, predicted, classes, explainers=())


def test_right_labels_no_labels_and_few_classes_raise_none():
    labels = of_classes(3, 100, 0)
    assert "shifted-labels" not in said(labels, right_on(0.6, labels, 3), 3)
    assert "shifted-labels" not in said(labels, (labels + 1) % 3, 3, has_labels=False)
    assert "shifted-labels" not in said(np.zeros(300, int), np.full(300, 2), 10)  # an untrained model of ten classes
    assert "shifted-labels" not in said(np.full(300, 1), np.full(300, 2), 10)
    assert "shifted-labels" not in said(np.zeros(100, int), np.full(100, -1), 10)  # outputs that are NaN


@pytest.mark.parametrize("seed", range(3))
def test_untrained_networks_raise_none(seed):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([L.Input((8, 8, 1)), L.Conv2D(4, 3, activation="relu"), L.Flatten(), L.Dense(4)])
    x = np.random.default_rng(seed).random((200, 8, 8, 1), dtype="float32")
    report = kax.evaluate(
        model, (x, of_classes(4, 200, seed)), explainers=(), epsilons=(0.1,), noise_control=False, progress=False
    )
    assert not {"shifted-labels", "sorted-data"} & {finding.id for finding in report.warnings}


def keyed(keys, **settings):
    found = Measurements.of(
        Coordinates((), (), ("nissim",), ("predicted",), (0.1,), classes=2),
        label=np.arange(len(keys)) % 2,
        prediction=[np.arange(len(keys)) % 2],
        confidence=[np.ones(len(keys))],
        image_key=keys,
    )
    return {item.id: str(item) for item in findings(Evidence(found, (), **settings))}.get("repeated-images")


def test_copies_are_counted_and_a_few_are_none_of_our_business():
    different = np.arange(1, 201)
    assert keyed(different) is None
    assert keyed(np.where(different < 40, 0, different)) is None  # black frames
    few = np.concatenate([different, different[3:13:2], [900, 901]])  # 5 of 207, true duplicates
    assert keyed(few) is None
    assert keyed(np.concatenate([different, different[:7]])) is None
    assert keyed(np.concatenate([different, different[:8]])) == (
        "8 of 208 images are copies of earlier ones, and 200 different: each counts as often as it was read, and "
        "intervals are too narrow. The last 8 of them in a row: `steps` may go beyond the end of a dataset that "
        "repeats."
    )
    mixed = np.concatenate([np.repeat(different[:20], 2), different[20:]])  # 20 of 220, and not at the end
    assert keyed(mixed).startswith("20 of 220 images are copies of earlier ones, and 200 different")
    assert "in a row" not in keyed(mixed)


@pytest.mark.slow
def test_steps_beyond_a_dataset_that_repeats():
    x = np.random.default_rng(0).random((20, 4, 4, 1)).astype("float32")
    x[5:9] = 0
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    settings = {"attacks": "uniform_noise", "explainers": (), "epsilons": (0.1,), "noise_control": False}
    stream = tf.data.Dataset.from_tensor_slices((x, np.arange(20) % 2)).repeat().batch(10)

    def said(steps, **more):
        report = kax.evaluate(model, stream, steps=steps, progress=False, **settings, **more)
        return report, {item.id: str(item) for item in report.warnings}.get("repeated-images")

    assert said(2)[1] is None
    report, sentence = said(4)
    assert sentence.startswith("16 of 40 images are copies of earlier ones, and 24 different")  # four are black
    keys = report.measurements.at("image_key")
    np.testing.assert_array_equal(keys[:20], keys[20:])
    parts = [said(4, shard=(index, 4))[0] for index in range(4)]
    assert kax.EvaluationReport.merge(parts).warnings == report.warnings
