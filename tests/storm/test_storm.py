"""The storm itself: a small one after every change, and what it would find."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import outcomes
import pytest
import results
import subjects
import tensorflow as tf
from calls import ENTRIES, Call
from given import literal
from squall import EVALUATIONS, PARTS, storm

import keras_advxai as kax


def test_a_few_calls():
    found = storm(PARTS, 40)
    assert found["right"] > 5
    assert found["refused"] > 5


def test_everything_is_called():
    assert {*PARTS, *EVALUATIONS} == set(ENTRIES) == set(results.RUNS)


def raised(function):
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda: [][0], "IndexError"),
        (lambda: tf.constant("a") + 1, "InvalidArgumentError|raised from"),
        (lambda: np.zeros(3).reshape(2), "raised from"),
        (lambda: kax.metrics.register(lambda a, b: a), None),
        (lambda: kax.attacks.FGSM(norm="l7"), None),
        (lambda: kax.attacks.get("fgsn"), None),
    ],
)
def test_which_errors_are_ours(function, match):
    error = raised(function)
    if match is None:
        outcomes.check_refusal(error)
    else:
        with pytest.raises(results.WrongError, match=match):
            outcomes.check_refusal(error)


def test_warnings_and_logs_of_others_are_heard():
    with outcomes.quiet() as heard:
        np.float32(1) / np.float32(0)
    with pytest.raises(results.WrongError, match="RuntimeWarning: divide by zero"):
        outcomes.check_heard(heard)
    with outcomes.quiet() as heard:
        logging.getLogger("tensorflow").warning("5 out of the last 5 calls triggered a retracing")
    with pytest.raises(results.WrongError, match="logged 5 out of"):
        outcomes.check_heard(heard)
    with outcomes.quiet() as heard:
        warnings.warn("mine", kax.explainers.BlankHeatmapWarning, stacklevel=1)
    outcomes.check_heard(heard)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda x: x + 0.2, "changed an image by 0.2|bounds"),
        (lambda x: x - 10, "Out of bounds"),
        (lambda x: x[:2], "the shape"),
        (lambda x: x.astype("float64"), "float64"),
        (lambda x: x * np.nan, "NaN"),
        (tf.constant, "EagerTensor"),
    ],
)
def test_wrong_images_are_found(change, match):
    subject = subjects.subject("softmax")
    call = Call("attack", subject, {"x": literal(subject.unit)})
    with pytest.raises(results.WrongError, match=match):
        results.check_images(call, kax.attacks.FGSM(), subject.unit, 0.1, change(subject.unit))
    results.check_images(call, kax.attacks.FGSM(), subject.unit, 0.1, subject.unit)
