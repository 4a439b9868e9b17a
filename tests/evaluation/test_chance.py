"""The scale of a MOD: what it would be by chance, between clean heatmaps of different images."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.metrics import nissim

X = np.random.default_rng(0).random((7, 8, 8, 1), dtype="float32")
X[3] = 0  # a blank heatmap, which is compared with none
Y = np.array([0, 1, 0, 1, 0, 1, 0])
MAPS = X / np.maximum(X.max((1, 2, 3), keepdims=True), 1e-9)
NEIGHBOURS = [(0, 1), (1, 2), (4, 5), (5, 6)]


class Image(kax.explainers.Explainer):
    """The image itself as its heatmap."""

    def attribute(self, model, x, targets, forward):
        return forward.images


class Upside(Image):
    """Another one."""

    def attribute(self, model, x, targets, forward):
        return 1 - forward.images


def change(before, after):
    """A dissimilarity that can be computed by hand, and has a direction."""
    return tf.reduce_mean(tf.maximum(after - before, 0), axis=(1, 2, 3))


@pytest.fixture(scope="module")
def model():
    return helpers.linear_model(np.random.default_rng(1).normal(size=(64, 2)), (8, 8, 1))


def run(model, x=X, y=Y, **settings):
    settings = {"explainers": (Image(),), "metrics": ("nissim", change), "noise_control": False, **settings}
    return kax.evaluate(model, (x, y), epsilons=(0.1,), progress=False, **settings)


@pytest.fixture(scope="module")
def report(model):
    return run(model)


def test_it_is_the_mean_over_neighbours_without_blank_ones(report):
    first, second = (MAPS[list(side)] for side in zip(*NEIGHBOURS, strict=True))
    assert report.chance("image") == pytest.approx(nissim(first, second).mean(), abs=1e-6)
    by_hand = np.maximum(second - first, 0).mean()
    assert report.chance("image", metric="change") == pytest.approx(by_hand, abs=1e-6)
    each = report.measurements.at("chance_dissimilarity", explainer="image", metric="change")
    assert np.isnan(each).tolist() == [True, False, False, True, True, False, False]


def test_over_how_few_pairs_it_is_a_mean_is_said(report):
    (finding,) = [finding for finding in report.warnings if finding.id == "few-images"]
    assert f"and chance is a mean over {len(NEIGHBOURS)} pairs." in str(finding)


def test_a_mod_is_a_share_of_it(report):
    share = report.mod("fgsm", "image", 0.1) / report.chance("image")
    assert report.relative_mod("fgsm", "image", 0.1) == pytest.approx(share)
    other = report.mod("fgsm", "image", 0.1, metric="change") / report.chance("image", metric="change")
    assert report.relative_mod("fgsm", "image", 0.1, metric="change") == pytest.approx(other)
    row = report.rows[0]
    assert (row.chance, row.relative_mod) == (report.chance("image"), report.relative_mod("fgsm", "image", 0.1))
    text = str(report)
    assert f"chance {report.chance('image'):.3f}" in text
    assert f"{100 * share:.0f} %" in text
    assert report.to_dict()["chance"][0] == {"explainer": "image", "metric": "nissim", "chance": report.chance("image")}


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_it_does_not_depend_on_the_batch_size(model, report, size):
    found = run(model, batch_size=size)
    one, other = (item.measurements.arrays["chance_dissimilarity"] for item in (found, report))
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.slow
def test_neither_does_that_of_grad_cam(faces_model, test_faces):
    data = {"x": test_faces[0][:10], "y": test_faces[1][:10], "explainers": ("grad_cam",)}
    one, other = (run(faces_model, batch_size=size, **data).chance("grad_cam") for size in (4, 10))
    assert one == pytest.approx(other, abs=1e-3)
    assert 0.05 < one < 0.6


def test_batches_share_one_trace(model):
    traced = []

    def preprocess(images):
        traced.append(images.shape)
        return images

    for size in (7, 3):
        run(model, preprocess=preprocess, batch_size=size, metrics=("nissim",))
        if size == 7:
            before = len(traced)
    assert len(traced) - before < before / 2  # the model is looked at, and the step is not traced again


def test_each_explainer_has_its_own(model):
    report = run(model, explainers=(Image(), Upside()), batch_size=3)
    maps = (1 - X) / (1 - X).max((1, 2, 3), keepdims=True)
    expected = nissim(maps[:-1], maps[1:]).mean()
    assert report.chance("upside") == pytest.approx(expected, abs=1e-6)
    assert report.chance("image") == pytest.approx(run(model).chance("image"), abs=1e-7)


def test_images_of_another_size_are_not_compared():
    net = keras.Sequential(
        [keras.layers.Input((None, None, 1)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    )
    parts = [X[:2], np.pad(X[4:6], ((0, 0), (1, 1), (1, 1), (0, 0)))]
    data = tf.data.Dataset.from_generator(
        lambda: iter(parts), output_signature=tf.TensorSpec((None, None, None, 1), tf.float32)
    )
    report = kax.evaluate(
        net, data, explainers=(Image(),), epsilons=(0.1,), noise_control=False, progress=False, metrics="nissim"
    )
    each = report.measurements.at("chance_dissimilarity", explainer="image")
    assert np.isnan(each).tolist() == [True, False, True, False]


def test_of_one_image_there_is_none(model):
    report = run(model, X[:1], Y[:1])
    assert np.isnan(report.chance("image"))
    assert np.isnan(report.relative_mod("fgsm", "image", 0.1))
    assert report.rows[0].to_dict()["relative_mod"] is None


def test_where_all_clean_heatmaps_are_the_same_there_is_no_share(model):
    report = run(model, np.repeat(X[:1], 3, axis=0), Y[[0, 0, 0]])
    assert report.chance("image") == 0
    assert np.isnan(report.relative_mod("fgsm", "image", 0.1))


def test_reports_without_it_can_be_read(report):
    config = report.to_dict()
    del config["measurements"]["quantities"]["chance_dissimilarity"]
    older = kax.EvaluationReport.from_dict(config)
    assert np.isnan(older.chance("image"))
    assert older.mod("fgsm", "image", 0.1) == report.mod("fgsm", "image", 0.1)
    assert ", chance" not in str(older)
    again = kax.EvaluationReport.from_json(report.to_json())
    assert again == report
    assert again.chance("image") == report.chance("image")


def test_parts_that_are_put_together_lack_the_pair_between_them(model, report):
    parts = [run(model, X[some], Y[some]).measurements for some in (slice(2), slice(2, None))]
    merged = parts[0].append(parts[1])
    each, whole = (
        item.at("chance_dissimilarity", explainer="image", metric="change") for item in (merged, report.measurements)
    )
    assert np.isnan(each[2])
    np.testing.assert_allclose(np.delete(each, 2), np.delete(whole, 2), rtol=1e-6)


def test_accuracy_alone_has_none(model):
    report = run(model, explainers=())
    assert "chance_dissimilarity" not in report.measurements
    assert "chance" not in str(report)
