"""What the benchmark of folding says of two ways, on numbers that are computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from benchmarks import folding_changes, folding_runs, folding_step, subjects

EPSILONS = len(folding_runs.EPSILONS)


def found(**changed):
    """What a way might have found of three images of 8 pixels, each pixel with a gradient of 2."""
    maps = np.zeros((3, 8, 8, 1), "float32")
    maps[:2, :4] = 1  # the heatmap of the third image is blank
    values = {
        "logits": np.array([[0, 0], [0, 1], [2, 0]], "float32"),
        "gradient": np.full((3, 8, 8, 3), 2, "float32"),
        "map": maps,
        "right": np.ones((EPSILONS, 3), bool),
        "nissim": np.full((EPSILONS, 3), 0.25),
    }
    return {**values, **changed}


def test_what_is_the_same_differs_in_nothing():
    row = folding_changes.difference(found(), found())
    assert [row[name] for name in ("logits", "probabilities", "predictions", "signs", "size_99", "maps")] == [0.0] * 6
    assert row["images"] == 3
    assert all(item["mod"] == 0.25 and item["outcomes"] == 0 == item["mod_difference"] for item in row["epsilons"])


def test_each_difference_is_found_and_measured():
    logits = np.array([[0, np.log(3)], [0, 1], [2, 0]], "float32")
    gradient = found()["gradient"].copy()
    gradient[0, 0, 0, 0], gradient[1, 2, 2, 1] = 0.5, 0.25
    other = gradient.copy()
    other[0, 0, 0, 0] *= -1
    other[1, 2, 2, 1] = 0
    right = np.ones((EPSILONS, 3), bool)
    right[1, :2] = False
    nissim = np.full((EPSILONS, 3), 0.25)
    nissim[2] = [0.35, 0.25, 0.95]  # of the third image nothing counts, as its heatmap is blank
    row = folding_changes.difference(
        found(gradient=gradient), found(logits=logits, gradient=other, right=right, nissim=nissim)
    )
    assert row["logits"] == pytest.approx(np.log(3))
    assert row["probabilities"] == pytest.approx(0.25)
    assert row["predictions"] == 1
    assert row["signs"] == 2 / gradient.size
    assert row["size_median"] == pytest.approx((0.5 / 2 + 0.25 / 2) / 2)
    assert row["epsilons"][1]["outcomes"] == 2
    assert row["epsilons"][1]["accuracy"] == 1
    assert row["epsilons"][1]["accuracy_of_way"] == pytest.approx(1 / 3)
    moved = row["epsilons"][2]
    assert [moved[name] for name in ("mod_difference", "nissim_largest", "low", "high")] == pytest.approx(
        [0.05, 0.1, 0, 0.1]
    )


def test_the_table_has_each_way_at_each_epsilon():
    row = {"network": "efficientnet_lite0", "way": "fold_batch_norm", **folding_changes.difference(found(), found())}
    lines = folding_changes.render([row, {**row, "network": "mobilenet_v2"}]).splitlines()
    assert lines[2].startswith("| EfficientNet-Lite0, ImageNet weights; 3 crops | fold_batch_norm | 0.0e+00 |")
    assert lines[3].startswith("| MobileNetV2, drawn weights; 3 crops |")
    assert len(lines) == 4 + 1 + 2 + EPSILONS  # of the second network the first table alone tells
    assert lines[-1].startswith("| 4/255 | fold_batch_norm | 1.000 | 0 of 3 | 0.2500 | +0.0e+00 (+0.0e+00 to +0.0e+00)")


def test_crops_are_pieces_of_the_photographs_and_the_same_at_every_call():
    x, y = folding_step.crops(6)
    again, _ = folding_step.crops(4)
    np.testing.assert_array_equal(x[:4], again)
    assert x.shape == (6, 224, 224, 3)
    assert y.tolist() == [872, 967, 665, 657, 872, 967]
    assert x.min() >= 0
    assert x.max() <= 255
    assert len({image.tobytes() for image in x}) == 6


@pytest.mark.parametrize("labels", [None, [0, 1, 2]])
def test_the_step_finds_what_the_public_calls_find(labels):
    model = subjects.subject("normalized_cnn", 16)
    classifier = kax.ImageClassifier(model)
    x = subjects.images(3, 16)
    given = None if labels is None else tf.constant(labels, tf.int32)
    seen = folding_step.observed(classifier, x, given, (0.02, 0.1))
    y = model.predict(x, verbose=0).argmax(-1) if labels is None else given.numpy()
    explainer = kax.explainers.GradCAM()
    np.testing.assert_allclose(seen["map"], explainer(classifier, x), atol=1e-5)
    for index, epsilon in enumerate((0.02, 0.1)):
        images = kax.attacks.FGSM()(classifier, x, y, epsilon)
        np.testing.assert_array_equal(seen["right"][index], model.predict(images, verbose=0).argmax(-1) == y)
        expected = kax.metrics.nissim(explainer(classifier, x), explainer(classifier, images))
        np.testing.assert_allclose(seen["nissim"][index], expected, atol=1e-3)
    assert (np.sign(seen["gradient"]) != 0).mean() > 0.9
