"""What becomes of errors."""

from __future__ import annotations

import logging

import pytest
import tensorflow as tf

from keras_advxai._failures import failure_text
from keras_advxai.callbacks import FailureWarning
from keras_advxai.callbacks.guard import Done, Failure, Guard
from keras_advxai.callbacks.telling import Teller


def raising(error):
    def call():
        raise error

    return call


@pytest.fixture
def closed():
    return []


@pytest.fixture
def guard(closed):
    return Guard("warn", Teller(False), lambda: closed.append(True))


def test_what_goes_well_is_returned(guard, closed):
    assert guard.run("Nothing", lambda: 3, "So what.") == Done(3)
    guard.tell()
    assert not closed


@pytest.mark.parametrize(
    ("error", "of_memory", "said"),
    [
        (MemoryError(), True, "(MemoryError)"),
        (tf.errors.ResourceExhaustedError(None, None, "OOM at [3]"), True, "(ResourceExhaustedError: OOM at [3])"),
        (OSError(28, "No space left on device"), False, "(OSError: [Errno 28] No space left on device)"),
        (ValueError("a\n  b"), False, "(ValueError: a)"),
    ],
)
def test_errors_are_kept_until_they_are_told_and_told_once(guard, closed, caplog, error, of_memory, said):
    for epoch in (1, 2):
        found = guard.run(f"The evaluation after epoch {epoch}", raising(error), "It goes on.")
        assert found == Failure(f"The evaluation after epoch {epoch} failed {said}", of_memory)
    assert not caplog.records
    with pytest.warns(FailureWarning) as caught:
        guard.tell()
    assert [str(item.message) for item in caught] == [f"The evaluation after epoch 1 failed {said}. It goes on."]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.exc_info[1] is error
    guard.run("The evaluation after epoch 3", raising(error), "It goes on.")
    guard.tell()
    guard.run("Another thing", raising(error), "It goes on.")
    with pytest.warns(FailureWarning, match="Another thing failed"):
        guard.tell()
    assert not closed


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_what_is_no_error_ends_the_training(guard, closed, error):
    with pytest.raises(type(error)):
        guard.run("Something", raising(error), "It does not go on.")
    assert closed == [True]


def test_an_interrupt_that_tensorflow_made_an_error_of_is_one_again(guard, closed):
    error = tf.errors.UnknownError(None, None, "{{function_node a}} KeyboardInterrupt: \nTraceback")
    with pytest.raises(KeyboardInterrupt) as caught:
        guard.run("Something", raising(error), "It does not go on.")
    assert caught.value.__cause__ is error
    assert closed == [True]


def test_errors_are_raised_where_they_are_asked_for(closed):
    guard = Guard("raise", Teller(False), lambda: closed.append(True))
    with pytest.raises(ValueError, match="Broken"):
        guard.run("Something", raising(ValueError("Broken.")), "It does not go on.")
    assert closed == [True]


def test_pages_of_tensorflow_are_left_out():
    message = (
        "Graph execution error:\n\nDetected at node map/PyFunc defined at (most recent call last):\n"
        '  File "<frozen runpy>", line 198, in _run_module_as_main\n\n  File "a.py", line 3, in <module>\n\n'
        "OOM when allocating tensor with shape[3]\n\t [[{{node map/PyFunc}}]]\nHint: If you want to see a list"
    )
    error = tf.errors.ResourceExhaustedError(None, None, message)
    assert failure_text("It", error) == "It failed (ResourceExhaustedError: OOM when allocating tensor with shape[3])"
    short = failure_text("It", RuntimeError("a" * 1000))
    assert short == f"It failed (RuntimeError: {'a' * 300} ...)"


def test_on_error_is_one_of_two(evaluation, images):
    with pytest.raises(ValueError, match=r"`on_error` must be one of warn, raise\. Received: on_error='ignore'"):
        evaluation(images, on_error="ignore")
