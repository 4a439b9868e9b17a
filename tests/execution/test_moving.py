"""The bar moves while a step is compiled."""

from __future__ import annotations

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from tqdm import tqdm

import keras_advxai as kax
from keras_advxai.execution import evaluator, moving

LONG = 60
"""Seconds after which something that has to come does not."""


class Bar:
    """What `moving` needs of a bar."""

    def __init__(self, disable=False, error=None):
        self.disable, self.n, self.error = disable, 3, error
        self.drawn = threading.Event()

    def refresh(self):
        self.drawn.set()
        if self.error is not None:
            raise self.error


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "keras_advxai bar"]


@pytest.fixture
def quickly(monkeypatch):
    monkeypatch.setattr(moving, "SECONDS", 0.001)


def test_a_bar_is_drawn_until_it_counts(quickly):
    bar = Bar()
    with moving.moving(bar):
        for _ in range(3):
            bar.drawn.clear()
            assert bar.drawn.wait(LONG)
        (thread,) = threads()
        bar.n += 1
        thread.join(LONG)
        assert not thread.is_alive()
    assert not threads()


def test_nothing_is_left_where_something_fails(quickly):
    with pytest.raises(KeyError), moving.moving(Bar()):
        raise KeyError
    assert not threads()


def test_a_bar_that_is_not_shown_has_no_thread():
    with moving.moving(Bar(disable=True)):
        assert not threads()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_a_closed_stream_is_no_error_of_the_thread(quickly, error):
    bar = Bar(error=error)
    with moving.moving(bar):
        assert bar.drawn.wait(LONG)
        for thread in threads():
            thread.join(LONG)


class Slow(keras.layers.Layer):
    """Takes until the bar was drawn, where it is traced for an evaluation."""

    drawn = None
    seen = False

    def call(self, x):
        if Slow.drawn is not None and tf.inside_function() and threads():  # and not where the model is looked at
            Slow.drawn.clear()
            Slow.seen = Slow.drawn.wait(LONG)
        return x


def test_an_evaluation_moves_its_bar_while_it_compiles(quickly, monkeypatch, capsys):
    drawn = threading.Event()

    class Shown(tqdm):
        def refresh(self, *args, **kwargs):
            drawn.set()
            return super().refresh(*args, **kwargs)

    model = keras.Sequential([keras.Input((8, 8, 3)), Slow(), keras.layers.Flatten(), keras.layers.Dense(3)])
    monkeypatch.setattr(evaluator, "tqdm", Shown)
    monkeypatch.setattr(Slow, "drawn", drawn)
    x = np.random.default_rng(0).random((4, 8, 8, 3), "float32")
    kax.evaluate(model, (x, [0, 1, 2, 0]), epsilons=(0.01,), explainers=())
    assert Slow.seen
    assert not threads()
    assert "(compiling" in capsys.readouterr().err
