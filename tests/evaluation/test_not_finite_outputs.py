"""Outputs that are NaN or infinite: misclassifications everywhere, whatever the label is and whatever made them so."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks.keep import Best, better

L = keras.layers
SETTINGS = {"explainers": (), "epsilons": (0.2, 0.4), "noise_control": False, "progress": False}


class Brighten(kax.attacks.Attack):
    def perturb(self, model, x, y, epsilon, forward):
        return x + epsilon


class Darken(kax.attacks.Attack):
    def perturb(self, model, x, y, epsilon, forward):
        return x - epsilon


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Predicts class 0, by the sum of the roots of 0.6 - x, and NaN for images with a pixel above 0.6."""
    root = L.Lambda(lambda x: keras.ops.sqrt(0.6 - x))
    found = keras.Sequential([keras.Input((2, 2, 1)), root, L.Flatten(), L.Dense(3, activation="softmax")])
    found.layers[-1].kernel.assign(np.array([[1, 0, -1]] * 4))
    return found


def images(*levels: float) -> np.ndarray:
    return np.stack([np.full((2, 2, 1), level, "float32") for level in levels])


def diverged(activation: str | None = "softmax", units: int = 3) -> keras.Model:
    """A model whose weights became NaN."""
    found = keras.Sequential([keras.Input((4, 4, 1)), L.Conv2D(2, 3), L.Flatten(), L.Dense(units, activation)])
    found.set_weights([np.full_like(weight, np.nan) for weight in found.get_weights()])
    return found


@pytest.fixture(scope="module")
def report(model) -> kax.EvaluationReport:
    # The argmax of NaN is class 0, which is the label of all but the last. The third is NaN before any attack.
    return kax.evaluate(model, (images(0.3, 0.1, 0.8, 0.3), [0, 0, 0, 1]), attacks=[Brighten(), Darken()], **SETTINGS)


def test_they_are_wrong_in_every_figure(report):
    assert report.clean_accuracy == 0.5
    assert [report.accuracy("brighten", each) for each in report.epsilons] == [0.5, 0.25]
    assert [report.robust_accuracy(each) for each in report.epsilons] == [0.5, 0.25]
    assert [report.attack_success_rate("brighten", each) for each in report.epsilons] == [0, 0.5]
    np.testing.assert_array_equal(report.minimum_perturbation("brighten"), [0.4, np.inf, 0, 0])
    # From a class to none, and from none to a class, is another outcome.
    assert [report.flip_rate("brighten", each) for each in report.epsilons] == [0, 0.5]
    assert [report.flip_rate("darken", each) for each in report.epsilons] == [0.25, 0.25]
    assert report.accuracy_interval("brighten", 0.4) == kax.evaluation.report.statistics.wilson_interval(1, 4)
    assert [row.accuracy for row in report.rows if row.attack == "brighten"] == [0.5, 0.25]
    assert report.measurements.at("prediction").tolist() == [0, 0, -1, 0]


def test_files_hold_them(report, tmp_path):
    assert type(report).from_json(report.to_json()).accuracy("brighten", 0.4) == 0.25
    report.save(tmp_path / "report.npz")
    assert type(report).load(tmp_path / "report.npz").accuracy("brighten", 0.4) == 0.25


def test_without_labels_they_do_not_agree_with_themselves(model):
    found = kax.evaluate(model, images(0.3, 0.8), attacks=Brighten(), **SETTINGS)
    assert found.clean_accuracy == 0.5
    assert [found.accuracy("brighten", each) for each in found.epsilons] == [0.5, 0]


@pytest.mark.parametrize(("activation", "units"), [("softmax", 3), ("sigmoid", 1), (None, 3)])
def test_a_model_of_nan_is_right_on_nothing(activation, units):
    y = np.zeros(6, int)
    found = kax.evaluate(diverged(activation, units), (np.full((6, 4, 4, 1), 0.5), y), **SETTINGS)
    assert (found.clean_accuracy, found.accuracy("fgsm", 0.2), found.robust_accuracy(0.2)) == (0, 0, 0)
    assert any("for 6 of 6 clean images, which count as misclassified" in item for item in found.warnings)
    assert "one-class" not in {item.id for item in found.warnings}


def test_logits_of_minus_infinity_for_classes_that_are_masked_are_a_softmax_all_the_same():
    mask = L.Lambda(lambda z: z + keras.ops.convert_to_tensor([0.0, 0.0, -np.inf]))
    masked = keras.Sequential([keras.Input((2, 2, 1)), L.Flatten(), L.Dense(3), mask, L.Softmax()])
    masked.layers[1].set_weights([np.array([[1, 0, 0]] * 4), np.zeros(3)])
    found = kax.evaluate(masked, (images(0.3, 0.9), [0, 0]), attacks=Darken(), **SETTINGS)
    assert found.clean_accuracy == found.accuracy("darken", 0.2) == 1
    assert "not-finite" not in {item.id for item in found.warnings}


def test_a_targeted_attack_does_not_reach_a_class_by_them(model):
    class Towards(Brighten):
        targeted = True

    settings = {**SETTINGS, "attack_targets": 0}
    # Images of class 1 that are classified so: the model with its classes exchanged.
    swapped = keras.Sequential([keras.Input((2, 2, 1)), *model.layers[:2], L.Dense(3)])
    swapped.layers[-1].kernel.assign(np.array([[0, 1, -1]] * 4))
    found = kax.evaluate(swapped, (images(0.3, 0.1), [1, 1]), attacks=Towards(), **settings)
    assert [found.targeted_success_rate("towards", each) for each in found.epsilons] == [0, 0]
    assert [found.accuracy("towards", each) for each in found.epsilons] == [1, 0.5]


@pytest.mark.parametrize("name", ["pgd", "square", "deep_fool", "ddn"])
def test_attacks_take_them_for_misclassified(model, name):
    x, y = images(0.5, 0.8), [0, 0]
    found = kax.attacks.get(name)(model, x, y, epsilon=0.5)
    output = model.predict(found, verbose=0)
    assert np.isnan(output).any(axis=1).all()  # nothing else than NaN is misclassified here
    np.testing.assert_array_equal(found[1], x[1])  # it is misclassified before, so it is not attacked
    if hasattr(kax.attacks.get(name), "distances"):
        far, before = kax.attacks.get(name).distances(model, x, y)
        assert before == 0
        assert 0.05 < far <= 0.5


def test_the_best_iterate_is_not_held_by_nan():
    def best(value, hit):
        return Best(tf.constant([[value]]), tf.constant([value]), tf.constant([hit]))

    cases = {(1.0, np.nan): True, (np.nan, 1.0): False, (np.nan, np.nan): False, (2.0, 1.0): True}
    for (new, found), taken in cases.items():
        np.testing.assert_equal(float(better(best(new, False), best(found, False)).value[0]), new if taken else found)


def test_square_goes_on_where_a_query_was_nan():
    """Towards class 1, which bright images have; those with a pixel above 0.9 are NaN, and queries go there."""
    root = L.Lambda(lambda x: x + 0 * keras.ops.sqrt(0.9 - x))
    net = keras.Sequential([keras.Input((4, 4, 1)), root, L.Flatten(), L.Dense(2)])
    net.layers[-1].set_weights([np.array([[0, 1]] * 16), np.array([8.2, 0])])
    x = np.full((4, 4, 4, 1), 0.5, "float32")
    x[:, 0, 0] = 0.85  # which no query may raise
    found = kax.attacks.Square(targeted=True, queries=200, p_init=0.3)(net, x, [1] * 4, epsilon=0.1)
    assert (net.predict(found, verbose=0).argmax(-1) == 1).all()


def test_the_audit_agrees():
    found = kax.evaluate(diverged(), (np.full((6, 4, 4, 1), 0.5), np.zeros(6)), checks="all", **SETTINGS)
    assert "other-predictions" not in {item.id for item in found.warnings}


def test_blank_heatmaps_are_not_named_where_nan_is_the_cause():
    found = kax.evaluate(
        diverged(), (np.full((6, 4, 4, 1), 0.5), np.zeros(6)), **{**SETTINGS, "explainers": "grad_cam"}
    )
    said = {item.id for item in found.warnings}
    assert "non-finite-weights" in said
    assert "blank-heatmaps" not in said


def test_a_comparison_of_scores_counts_them_apart(model):
    root = L.Lambda(lambda x: keras.ops.sqrt(0.6 - x))
    net = keras.Sequential([keras.Input((4, 4, 1)), root, L.Flatten(), L.Dense(2)])
    x = np.stack([np.full((4, 4, 1), level, "float32") for level in (0.3, 0.1, 0.8)])
    text = str(kax.compare_scores(net, x, attack=Brighten(), epsilon=0.1, explainers="saliency", progress=False))
    assert re.findall(r"output not finite +(\d)", text) == ["1"] * 4


def test_weights_that_a_relu_swallows_are_named():
    """Some processors' ReLU makes 0 of NaN: outputs are finite, and nothing turns them."""
    swallow = keras.layers.Lambda(lambda x: keras.ops.where(x > 0, x, 0.0))
    layers = [keras.layers.Dense(3, name="first"), swallow, keras.layers.Flatten(), keras.layers.Dense(2)]
    swallowed = keras.Sequential([keras.Input((4, 4, 1)), *layers])
    assert "non-finite-weights" not in [item.id for item in evaluated(swallowed)]
    swallowed.get_layer("first").kernel.assign(np.full((1, 3), np.nan))
    (finding,) = [item for item in evaluated(swallowed) if item.id == "non-finite-weights"]
    assert finding.severity == "error"
    assert "first/kernel of the model hold NaN" in finding


CHECKED = {"explainers": "grad_cam", "epsilons": (0.1, 0.2), "progress": False}


def of_four(level, *others):
    """A mean of roots of the images less a level, behind a convolution and a ReLU, of 32 images of two classes."""
    root = L.Lambda(lambda x: keras.ops.sqrt(x - level))
    net = keras.Sequential([keras.Input((8, 8, 1)), root, L.Conv2D(3, 3), *others, L.GlobalAveragePooling2D()])
    net.add(L.Dense(2))
    x = np.random.default_rng(0).uniform(0.3, 1, (32, 8, 8, 1)).astype("float32")
    return net, x, np.arange(32) % 2


@pytest.mark.slow
def test_a_cause_is_said_once_and_its_consequences_are_not():
    net, x, y = of_four(0.0, L.BatchNormalization(), L.ReLU())
    net.set_weights([np.full_like(weight, np.nan) for weight in net.get_weights()])
    found = kax.evaluate(net, (x, y), checks="all", **CHECKED)
    assert [item.id for item in found.warnings] == ["non-finite-weights", "few-images"]
    assert "conv2d" in found.warnings[0]
    assert (
        "infinite for 32 of 32 clean images, which count as misclassified: no figure means anything"
        in found.warnings[0]
    )

    net, x, y = of_four(2.0)  # all outputs are NaN, and the weights are sound
    found = kax.evaluate(net, (x, y), **CHECKED)
    assert [item.id for item in found.warnings] == ["not-finite", "few-images"]
    assert "for 32 of 32 clean images, which count as misclassified; look for an und" in found.warnings[0]


def test_nan_that_a_relu_swallows_is_the_cause_of_what_follows():
    net, x, y = of_four(2.0, L.ReLU())
    found = kax.evaluate(net, (x, y), **CHECKED)
    assert found.measurements.at("undefined_inside").all()
    said = [item.id for item in found.warnings]
    # Where the ReLU of this processor keeps NaN, it is seen at the end.
    swallowed = bool(np.isfinite(found.measurements.at("confidence")).all())
    assert said == ["undefined-inside" if swallowed else "not-finite", "few-images"]
    assert type(found).from_json(found.to_json()) == found


def test_what_is_there_without_the_cause_is_said_beside_it():
    """The gradient is zero, and one class is predicted, for all images, of which two have NaN outputs."""
    root = L.Lambda(lambda x: keras.ops.sqrt(x - 0.05))
    net = keras.Sequential([keras.Input((8, 8, 1)), root, L.Flatten(), L.Dense(2)])
    net.layers[-1].set_weights([np.zeros((64, 2)), np.array([1.0, 0])])
    x = np.random.default_rng(0).uniform(0.3, 1, (32, 8, 8, 1)).astype("float32")
    x[:2] = 0
    found = kax.evaluate(net, (x, np.arange(32) % 2), **{**CHECKED, "explainers": ()})
    said = {item.id: str(item) for item in found.warnings}
    assert "for 2 of 32 clean images" in said["not-finite"]
    assert "non-finite-gradients" not in said
    assert "class 0 for all clean images" in said["one-class"]
    assert "zero on 100.0 % of the images" in said["zero-gradients"]


def evaluated(model):
    x = np.random.default_rng(0).random((4, 4, 4, 1), dtype="float32")
    return kax.evaluate(model, (x, [0, 1, 0, 1]), explainers=(), epsilons=[0.1], progress=False).warnings
