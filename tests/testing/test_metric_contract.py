"""`check_metric` passes what is right, and says in a sentence what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.testing import check_metric

AXES = (1, 2, 3)


def change(heatmaps, others):
    return tf.reduce_mean(tf.abs(heatmaps - others), axis=AXES)


def with_numpy(heatmaps, others):
    return np.abs(heatmaps - others).mean(axis=AXES)


@pytest.mark.parametrize(
    "metric",
    [
        change,
        kax.metrics.Dissimilarity(change, upper=1),
        kax.metrics.Dissimilarity(with_numpy, numpy=True),
        "nissim",
        kax.metrics.rank_distance,
    ],
    ids=lambda metric: getattr(metric, "name", None) or getattr(metric, "__name__", metric),
)
def test_what_is_right_passes(metric):
    check_metric(metric)


def test_other_shapes():
    check_metric(
        lambda_named("mean_change_of_signals", lambda a, b: tf.reduce_mean(tf.abs(a - b), axis=(1, 2))), (20, 1)
    )
    check_metric("cosine_distance", (3, 4, 5, 1), seed=3)
    check_metric("center_shift", (1, 9, 1))


def lambda_named(name, function, **options):
    return kax.metrics.Dissimilarity(function, name=name, **options)


def restless(a, b):
    return change(a, b) * tf.random.uniform(tf.shape(a)[:1], 0.5, 1.0)


def in_place(a, b):
    if tf.executing_eagerly():
        np.asarray(memoryview(a))[...] = 0
    return change(a, b)


def other_inside(a, b):
    return change(a, b) * (1.0 if tf.executing_eagerly() else 2.0)


BROKEN = {
    "similarity": (lambda a, b: 1 - change(a, b), "It gives .* for the same heatmaps, not 0"),
    "signed": (lambda a, b: tf.reduce_mean(a - b, axis=AXES), "must not be negative"),
    "nothing": (lambda a, b: 0 * change(a, b), "gives 0 for heatmaps that have nothing in common"),
    "relative": (lambda a, b: change(a, b) / tf.reduce_mean(a, axis=AXES), "NaN or infinity, on blank"),
    "large": (lambda a, b: 3 * change(a, b), r"It gives .*, and is declared with upper=1.0"),
    "of_the_batch": (lambda a, b: change(a, b) + tf.reduce_max(change(a, b)), "beside other pairs than alone"),
    "restless": (restless, "another result when it is called again"),
    "pixelwise": (lambda a, b: tf.abs(a - b), "reduce all axes but the first. Received: the shape"),
    "mean_of_all": (lambda a, b: tf.reduce_mean(tf.abs(a - b)), r"reduce all axes but the first.* the shape \(\)"),
    "words": (lambda a, b: tf.as_string(change(a, b)), "Received: values of string"),
    "with_numpy": (lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).mean(axis=AXES), r"register\(numpy=True\)"),
    "other_inside": (other_inside, "another result inside a tf.function"),
    "in_place": (in_place, "read-only"),
    "nissim": (change, "Another dissimilarity is known by its name, 'nissim'"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(name):
    function, sentence = BROKEN[name]
    with pytest.raises(AssertionError, match=sentence) as caught:
        check_metric(lambda_named(name, function, upper=1 if name == "large" else None))
    assert str(caught.value).startswith(f"<Dissimilarity '{name}'>: It") or name == "nissim"


def test_a_numpy_function_of_another_shape_is_found():
    with pytest.raises(AssertionError, match=r"the shape \(49, 16, 16, 1\) for 49 pairs"):
        check_metric(lambda_named("pixelwise", lambda a, b: np.abs(a - b), numpy=True))


def test_what_has_no_name_is_refused():
    with pytest.raises(ValueError, match=r'register\(name="my_metric"\)'):
        check_metric(lambda a, b: change(a, b))
