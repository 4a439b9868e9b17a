"""What changes a model or an array is found, whatever it is."""

from __future__ import annotations

import helpers
import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.testing import unchanged


def test_unchanged_finds_every_kind_of_change(build):
    model = build()
    model.compile("sgd", "sparse_categorical_crossentropy")
    array = np.zeros(3)

    def train():
        model.fit(helpers.random_images(2), np.array([0, 1]), verbose=0)

    changes = {
        "array was changed": lambda: array.__setitem__(0, 1.0),
        "variable .*kernel": lambda: model.weights[0].assign_add(tf.ones_like(model.weights[0])),
        "'trainable'|'_trainable'": lambda: setattr(model, "trainable", False),
        "'call' of the model's layer 'conv1'": lambda: object.__setattr__(model.get_layer("conv1"), "call", len),
        "changed": train,
    }
    for message, change in changes.items():
        with pytest.raises(AssertionError, match=message), unchanged(model, array):
            change()


def test_unchanged_looks_even_after_an_exception(build):
    model = build()

    def fail(note=None):
        if note:
            model.note = note
        raise KeyError

    with pytest.raises(KeyError), unchanged(model):
        fail()
    with pytest.raises(AssertionError, match="'note'"), unchanged(model):
        fail("changed")
