"""TensorFlow's switches for debugging: each works, or is refused with a sentence."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import op_callbacks

import keras_advxai as kax
from keras_advxai.ops.compiling import call_compiled, check_eager, unwatched

TESTS = pathlib.Path(__file__).parents[1]


def run(mode):
    done = subprocess.run(
        [sys.executable, "debug_modes.py", mode],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": str(TESTS.parent)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["numerics", "eagerly"])
def test_what_works_gives_the_same_numbers(mode):
    found = run(mode)
    assert found["still"], "the mode itself is left as it was"
    before, after = found["before"], found["after"]
    assert before.keys() == after.keys()
    for name in before:
        if name in ("findings", "layers"):
            assert before[name] == after[name]
        else:
            np.testing.assert_allclose(np.array(after[name], float), np.array(before[name], float), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("disabled", "keras_advxai needs TensorFlow's eager execution."),
        ("fork", "This process was forked from one that had used TensorFlow"),
    ],
)
def test_what_does_not_is_refused(mode, sentence):
    found = run(mode)
    assert len(found) == 6
    assert all(text.startswith(sentence) for text in found.values()), found


def test_what_returns_numbers_is_refused_in_a_function_alone():
    assert check_eager("This") is None
    with pytest.raises(RuntimeError, match=r"^This returns numbers, which nothing has inside of a tf.function"):
        tf.function(lambda: check_eager("This"), autograph=False)()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["evaluate", "compare_scores", "callback"])
def test_inside_of_a_function_there_are_no_numbers(model, few, what):
    def call(images):
        if what == "callback":
            callback = kax.callbacks.AdversarialEvaluation(few)
            callback.set_model(model)
            callback.on_train_begin()
        else:
            getattr(kax, what)(model, (images, few[1]), progress=False)
        return images

    with pytest.raises(RuntimeError, match=r"An evaluation returns numbers, .* Call it outside"):
        tf.function(call, autograph=False)(few[0])
    with pytest.raises(RuntimeError, match="An evaluation returns numbers"):
        tf.function(call)(few[0])


def test_attacks_and_explanations_may_be_part_of_a_function(model, few):
    def call(images):
        return kax.explainers.GradCAM()(model, images)

    np.testing.assert_allclose(tf.function(call)(few[0]), call(few[0]), atol=1e-5)


@pytest.fixture
def watched():
    """Every operation that TensorFlow's debugging sees."""
    seen = []

    def watch(op_type, inputs, attrs, outputs, op_name=None, graph=None):
        seen.append(op_type)

    op_callbacks.add_op_callback(watch)
    yield seen
    op_callbacks.remove_op_callback(watch)


def test_nothing_of_ours_is_watched_and_all_else_is(watched):
    one = tf.constant(1.0)

    def logs(way=None):
        watched.clear()
        function = tf.function(lambda x: tf.math.log(x))
        if way is None:
            function.get_concrete_function(one)
        else:
            way(function, one)
        return [op for op in watched if "Log" in str(op)]

    with unwatched():
        assert not logs()
        with unwatched():
            assert not logs()
        assert not logs()
    assert len(logs()) == 1
    assert not logs(call_compiled)
    assert not watched, "nor what a function returns, which may be NaN"
    with pytest.raises(ValueError, match="mine"), unwatched():
        raise ValueError("mine")
    assert len(logs()) == 1


def test_who_watches_comes_in_the_same_order_as_before(watched):
    def second(*args, **kwargs):
        """Behind the other."""

    def third(*args, **kwargs):
        """One that comes meanwhile."""

    op_callbacks.add_op_callback(second)
    before = [*context.context().op_callbacks]
    assert len(before) >= 2
    try:
        with unwatched():
            op_callbacks.add_op_callback(third)
        assert context.context().op_callbacks == [*before, third]
        op_callbacks.remove_op_callback(third)
    finally:
        op_callbacks.remove_op_callback(second)


def test_a_function_that_is_to_run_eagerly_runs_as_a_graph():
    seen = []

    def function(x):
        seen.append(tf.executing_eagerly())
        return 2 * x

    tf.config.run_functions_eagerly(True)
    try:
        compiled = tf.function(function)
        assert [float(call_compiled(compiled, tf.constant(value))) for value in (1.0, 3.0)] == [2, 6]
    finally:
        tf.config.run_functions_eagerly(False)
    assert seen == [False]
