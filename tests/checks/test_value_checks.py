"""What was given and measured, where it means less than it seems to."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import UniformNoise
from keras_advxai.checks import Evidence, findings
from keras_advxai.evaluation import Coordinates, Measurements

L = keras.layers


def images(count=12, seed=0):
    x = np.random.default_rng(seed).random((count, 8, 8, 1), dtype="float32")
    return x * np.linspace(0.2, 1, count, dtype="float32")[:, None, None, None]


def network(*head) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential([L.Input((8, 8, 1)), L.Conv2D(4, 3, activation="relu"), L.GlobalAveragePooling2D(), *head])


def ids(report):
    return {finding.id for finding in report.warnings}


def run(model, data, **settings):
    return kax.evaluate(model, data, **{"epsilons": (0.05, 0.2), "progress": False, **settings})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The model ends in an operation")
def test_an_output_that_was_taken_for_probabilities_is_noted_each_time():
    model, x = network(L.Dense(3, activation="softmax"), L.Lambda(lambda p: p / tf.reduce_sum(p, -1, True))), images()
    for _ in range(2):
        assert any("its output was taken for probabilities" in note for note in run(model, x).warnings)


def test_outputs_that_are_not_finite_are_noted():
    model = network(L.Dense(3, activation="softmax"))
    model.layers[-1].bias.assign([np.nan, 0, 0])
    report = run(model, (images(), np.zeros(12)))
    assert any("NaN or infinite for 12 of 12 clean images" in note for note in report.warnings)


@pytest.mark.slow
def test_images_of_several_sizes_are_noted():
    model = keras.Sequential([L.Input((None, None, 1)), L.Conv2D(4, 3), L.GlobalAveragePooling2D(), L.Dense(2)])

    class Sizes(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return np.full((3, 8 + 2 * index, 8, 1), 0.5, "float32"), np.zeros(3)

    assert any("2 sizes" in note for note in run(model, Sizes()).warnings)


class Darker(kax.attacks.Attack):
    def perturb(self, model, x, y, epsilon, forward):
        return x - epsilon


def test_outputs_that_are_no_numbers_under_an_attack_are_an_error():
    root = keras.layers.Lambda(lambda x: keras.ops.sqrt(x - 0.2))
    model = keras.Sequential([keras.Input((4, 4, 1)), root, keras.layers.Flatten(), keras.layers.Dense(2)])
    x = np.full((3, 4, 4, 1), 0.3, "float32")
    settings = {"explainers": (), "epsilons": (0.05, 0.15), "noise_control": False, "progress": False}
    report = kax.evaluate(model, x, attacks=[Darker()], **settings)
    said = {finding.id: finding for finding in report.warnings}
    assert said["not-finite"].startswith("Under darker the model's outputs are NaN or infinite for 3 of 3 images")
    assert said["not-finite"].severity == "error"
    again = np.isnan(type(report).from_json(report.to_json()).measurements.at("confidence", attack="darker"))
    np.testing.assert_array_equal(again, [[False] * 3, [True] * 3])


def test_a_model_that_knows_one_class_is_told_of(test_faces):
    x, y = test_faces
    stack = [keras.Input((25, 25, 1)), keras.layers.Flatten(), keras.layers.Dense(2, bias_initializer="ones")]
    model = keras.Sequential(stack)
    model.set_weights([np.zeros((625, 2)), np.array([0.0, 5.0])])
    settings = {"attacks": UniformNoise(), "explainers": (), "epsilons": (0.1,), "progress": False}
    assert "one-class" in ids(kax.evaluate(model, (x, y), **settings))
    ones = y == 1
    assert "one-class" not in ids(kax.evaluate(model, (x[ones], y[ones]), **settings))


def evidence(count=200, explainers=(), metrics=("nissim",), epsilons=(0.1, 0.2), attacks=(), given=None, **arrays):
    """What the checks look at, of images in two classes that are all classified correctly."""
    names = tuple(attack.name for attack in attacks)
    coordinates = Coordinates(names, explainers, metrics, ("predicted",), epsilons, classes=2)
    labels = np.arange(count) % 2
    predictions = np.tile(labels, (1 + len(names) * len(epsilons), 1))
    predictions[np.isnan(arrays.get("confidence", np.ones(predictions.shape)))] = -1  # as an evaluation has it
    shape = (len(names), len(epsilons), count)
    arrays = {
        "confidence": np.ones((len(predictions), count)),
        "perturbation_norm": np.broadcast_to(np.array(epsilons)[:, None], shape),
        "dissimilarity": np.zeros((len(metrics), len(explainers), 1, *shape)),
        **arrays,
    }
    measurements = Measurements.of(coordinates, label=labels, prediction=predictions, **arrays)
    return Evidence(measurements, attacks, **(given or {}))


def said(*args, **kwargs):
    return {finding.id: finding for finding in findings(evidence(*args, **kwargs))}


def test_what_is_as_it_should_be_raises_nothing():
    assert said() == {}
    assert said(explainers=("grad_cam",), attacks=(UniformNoise(),)) == {}


@pytest.mark.parametrize(
    ("case", "id", "severity", "text"),
    [
        ({"given": {"unsure_logits": True}}, "unsure-logits", "warning", "was taken for probabilities"),
        ({"given": {"image_sizes": 3}}, "several-sizes", "warning", "3 sizes, and NISSIM depends on"),
        ({"given": {"image_sizes": 3}, "metrics": ("own",)}, "several-sizes", "warning", "a dissimilarity depends on"),
        ({"given": {"has_labels": False}}, "no-labels", "note", "run against the clean prediction"),
        ({"given": {"has_sample_weights": True}}, "sample-weights", "note", "which were not used"),
        ({"attacks": (UniformNoise(norm="l2"),)}, "l2-epsilon", "note", "the norm of the whole perturbation"),
        (
            {"epsilons": (0.1,), "explainers": ("grad_cam",), "attacks": (UniformNoise(),)},
            "no-vid",
            "note",
            "give two or more",
        ),
        (
            {"count": 16},
            "few-images",
            "note",
            "16 images only: an accuracy near 50 % is known to within about 24 points",
        ),
        ({"saturated": np.arange(200) < 3}, "saturated-logits", "warning", "underflows on 1.5 % of the clean images"),
    ],
)
def test_each_setting_and_value_raises_its_own_finding(case, id, severity, text):
    found = said(**case)
    assert set(found) == {id}
    assert text in found[id]
    assert found[id].severity == severity


def test_what_is_not_finite_is_said_of_images_and_of_pairs_of_heatmaps():
    attacks, shape = (UniformNoise(),), (1, 1, 1, 1, 2, 200)
    confidence = np.ones((3, 200))
    confidence[0, :2] = confidence[1, :3] = confidence[2, 2:5] = np.nan
    pairs = np.zeros(shape)
    pairs[..., :4] = np.nan
    blank = np.zeros((1, 3, 200), bool)
    blank[:, 0, :3] = True
    settings = {"explainers": ("grad_cam",), "attacks": attacks, "confidence": confidence, "blank": blank}
    found = [item for item in findings(evidence(**settings, dissimilarity=pairs)) if item.id == "not-finite"]
    assert [item.severity for item in found] == ["error"] * 3
    assert "for 2 of 200 clean images" in found[0]
    assert "Under uniform_noise the model's outputs are NaN or infinite for 5 of 200 images" in found[1]
    assert found[2] == "2 pairs of heatmaps of grad_cam are NaN; they are left out of its MOD and VID."


def test_a_dissimilarity_that_has_no_value_where_another_has_is_named():
    values = np.zeros((2, 1, 1, 1, 2, 200))
    values[1, ..., 7] = np.nan
    settings = {"explainers": ("saliency",), "attacks": (UniformNoise(),), "metrics": ("nissim", "own")}
    assert said(**settings, dissimilarity=values)["not-finite"].startswith(
        "own is NaN for 2 pairs of heatmaps of saliency"
    )


@pytest.mark.parametrize(("count", "sentences"), [(4, 4), (5, 1)])
def test_blank_heatmaps_of_many_explainers_are_one_sentence(count, sentences):
    names = tuple(f"layer{index}" for index in range(count))
    blank = np.zeros((count, 3, 200), bool)
    blank[:, 0, 0] = blank[-1, 0, 1] = True
    found = [
        item
        for item in findings(evidence(explainers=names, attacks=(UniformNoise(),), blank=blank))
        if item.id == "blank-heatmaps"
    ]
    assert len(found) == sentences
    assert "2 of 200" in found[-1]


def test_gaps_are_said_of_explainers_that_promise_to_have_none():
    gap, change = np.zeros((2, 3, 200)), np.ones((2, 3, 200))
    gap[0, 0, :60], gap[1] = 0.2, np.nan
    names = ("integrated_gradients", "grad_cam")
    found = said(explainers=names, attacks=(UniformNoise(),), completeness_gap=gap, score_change=change)
    assert set(found) == {"completeness"}
    assert found["completeness"].startswith("10.0 % of the attributions of integrated_gradients miss the change")
