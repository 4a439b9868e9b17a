"""Pixels in another range than the model was trained on, where no layer has statistics of the training."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai._failures import FailureWarning
from keras_advxai.models import ranges
from keras_advxai.models.ranges import best_other_range

L = keras.layers
SETTINGS = {"attacks": "uniform_noise", "explainers": (), "epsilons": (0.1,), "noise_control": False, "progress": False}


def model_in(low, high, channels=1):
    """Says class 1 of images whose mean is above the middle of a range, and 0 of others."""
    net = keras.Sequential([keras.Input((4, 4, channels)), L.Flatten(), L.Dense(2)])
    slope = np.full((16 * channels, 1), 40 / (16 * channels * (high - low)))
    net.set_weights([np.concatenate([0 * slope, slope], 1), np.array([20 * (high + low) / (high - low), 0])])
    return net


@pytest.fixture(scope="module")
def images():
    """128 images in [0, 1], dark ones of class 0 and bright ones of class 1, in turn."""
    y = np.arange(128) % 2
    x = 0.1 + 0.55 * y[:, None, None, None] + 0.25 * np.random.default_rng(0).random((128, 4, 4, 1))
    return x.astype("float32"), y


RANGES = {"[0, 1]": (0, 1), "[-1, 1]": (-1, 1), "[0, 255]": (0, 255)}


@pytest.mark.parametrize("trained", RANGES)
@pytest.mark.parametrize("given", RANGES)
def test_the_range_of_the_training_is_found_from_every_other(images, trained, given):
    (low, high), (lower, upper) = RANGES[trained], RANGES[given]
    x, y = images
    classifier = kax.ImageClassifier(model_in(low, high), bounds=(lower, upper))
    found = best_other_range(classifier, x * (upper - lower) + lower, y)
    # One class of two is right by chance where the images are all on one side of what the model looks at.
    right = np.mean(model_in(low, high).predict(x * (upper - lower) + lower, verbose=0).argmax(1) == y)
    if trained == given:
        assert found is None
        assert right == 1
    else:
        assert found.name == f"in {trained}"
        assert (found.images, found.own, found.right, found.lost) == (128, round(128 * right), 128, 0)
        assert found.gained == 128 - found.own


@pytest.mark.parametrize("size", [32, 48])
def test_a_model_of_a_fixed_batch_is_run_in_such_batches(images, size):
    x, y = images
    open_batch = model_in(0, 255)
    inputs = keras.Input(batch_shape=(size, 4, 4, 1))
    fixed = keras.Model(inputs, open_batch(L.Reshape((4, 4, 1))(keras.ops.reshape(inputs, (size, 16)))))
    found = best_other_range(kax.ImageClassifier(fixed), x, y)
    assert found == best_other_range(kax.ImageClassifier(open_batch), x, y)
    assert (found.images, found.right) == (128, 128)


def test_what_was_measured_is_not_lost_where_ranges_cannot_be_tried(images, monkeypatch):
    def failing(*_):
        raise ValueError("Not in this size.")

    monkeypatch.setattr("keras_advxai.execution.reporting.other_range", failing)
    with pytest.warns(FailureWarning, match=r"right more often failed \(ValueError: Not in this size\.\)"):
        report = kax.evaluate(model_in(0, 255), images, **SETTINGS)
    assert report.clean_accuracy == 0.5


def test_ways_of_keras_applications_are_tried_on_colours(images):
    x, y = images
    colours = np.repeat(x, 3, axis=-1)
    for net, name in ((model_in(-110, 140, 3), "in the way of Caffe"), (model_in(-1, 3, 3), "less ImageNet's mean")):
        found = best_other_range(kax.ImageClassifier(net), colours, y)
        assert found.name.startswith(name)
        assert (found.own, found.right) == (64, 128)


def said(report):
    return {finding.id: str(finding) for finding in report.warnings}


def test_the_finding_and_where_there_is_none(images):
    x, y = images
    net = model_in(0, 255)
    wrong = said(kax.evaluate(net, (x, y), **SETTINGS))
    assert wrong["other-range"] == (
        "Of the first 128 images the model is right on 64, and on 128 if the pixels are in [0, 255]: they seem to be "
        "in another range than it was trained on. Look at `preprocess` and `bounds`."
    )
    stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(50)
    assert said(kax.evaluate(net, stream, **SETTINGS))["other-range"] == wrong["other-range"]
    assert "other-range" not in said(kax.evaluate(net, (x * 255, y), bounds=(0, 255), **SETTINGS))
    assert "other-range" not in said(kax.evaluate(net, x, **SETTINGS))  # without labels nothing is right or wrong
    few = said(kax.evaluate(net, (x[:20], y[:20]), **SETTINGS))
    assert "other-range" not in few


def lagging(x, share):
    """A network that is right in [0, 255], behind a BatchNormalization with a share of what it began with."""
    norm = L.BatchNormalization(epsilon=0.0)
    inner = model_in(0, 255)
    net = keras.Sequential([keras.Input((4, 4, 1)), norm, inner])
    mean, variance = (1 - share) * x.mean(), share + (1 - share) * x.var()
    # Its scale undoes what the statistics do, so that the network's answers do not depend on the share.
    norm.set_weights([np.array([value]) for value in (np.sqrt(variance), mean, mean, variance)])
    return net


@pytest.mark.parametrize(("trained", "share", "speaks"), [(255, 0.0, True), (1, 0.4, False), (1, 0.0, False)])
def test_moving_averages_that_fit_or_lag_say_that_no_range_is_wrong(images, trained, share, speaks):
    """Found: six epochs in [0, 1] with the default momentum, and the network was right on all images in [0, 255]."""
    x, y = images
    told = said(kax.evaluate(lagging(x * trained, share), (x, y), **SETTINGS))
    assert ("other-range" in told) == speaks


class Ending(keras.Model):
    """A subclassed network, whose end is an operation."""

    def __init__(self, network, end):
        super().__init__()
        self.network, self.end = network, end

    def call(self, images):
        return self.end(self.network(images))


ENDS = {
    "softmax of Keras": keras.ops.softmax,
    "softmax of TensorFlow": tf.nn.softmax,
    "log-softmax": tf.nn.log_softmax,
    "softmax in half precision": lambda values: tf.cast(keras.ops.softmax(tf.cast(values, tf.float16)), tf.float32),
    "sigmoids": lambda values: tf.reshape(tf.sigmoid(values), (-1, 2)),
}


@pytest.mark.parametrize("end", ENDS)
def test_ranges_are_tried_behind_every_end(images, end):
    x, y = images
    model = Ending(model_in(0, 255), ENDS[end])
    model(x[:1])
    report = kax.evaluate(model, (x, y), **SETTINGS)
    assert report.clean_accuracy == 0.5
    (finding,) = [finding for finding in report.warnings if finding.id == "other-range"]
    assert "in [0, 255]" in finding


def test_shards_say_what_the_whole_says(images):
    x, y = images
    net, settings = model_in(0, 255), {**SETTINGS, "batch_size": 16}
    whole = kax.evaluate(net, (x, y), **settings)
    parts = [kax.evaluate(net, (x, y), shard=(index, 8), **settings) for index in range(8)]
    assert kax.EvaluationReport.merge(parts) == whole
    assert "other-range" in said(whole)
    again = [type(part).from_json(part.to_json()) for part in parts]
    assert said(kax.EvaluationReport.merge(again)) == said(whole)


@pytest.mark.parametrize("seed", range(3))
def test_models_that_know_nothing_raise_no_alarm(images, seed):
    x, _ = images
    for activation in ("relu", "tanh"):
        keras.utils.set_random_seed(seed)
        net = keras.Sequential([keras.Input((4, 4, 1)), L.Conv2D(4, 2, activation=activation), L.Flatten(), L.Dense(4)])
        classifier = kax.ImageClassifier(net)
        labels = np.random.default_rng(seed).integers(0, 4, 128)
        found = best_other_range(classifier, x, labels)
        assert found is None or found.right < 64


def test_where_no_range_is_better_few_images_are_looked_at(images, monkeypatch):
    x, y = images
    wrong = np.where(np.arange(128) % 10 < 2, 1 - y, y)  # a fifth of each class
    asked = []

    def counting(classifier, decide=ranges._decide):
        inner = decide(classifier)
        return lambda inputs: asked.append(len(inputs)) or inner(inputs)

    monkeypatch.setattr(ranges, "_decide", counting)
    assert best_other_range(kax.ImageClassifier(model_in(0, 1)), x, wrong) is None
    assert asked == [3 * 32], "as they are, and in two other ranges, in one pass"
    asked.clear()
    found = best_other_range(kax.ImageClassifier(model_in(0, 255)), x, y)
    assert found.name == "in [0, 255]"
    assert asked == [3 * 32, 2 * 128], "and all images in the range that is likely"
