"""`unchanged` looks at everything that a model holds, as deep as it goes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import trained_models
from trained_models import X, Y

from keras_advxai.testing import unchanged


@pytest.fixture
def model():
    model = trained_models.functional()
    adam = keras.optimizers.Adam(name="adam")
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)
    model.fit(X, Y, verbose=0)
    model.notes = {"nested": [{"deep": [1, 2, np.zeros(2)]}], "tuple": (1, [2])}
    return model


def conv(model):
    return model.get_layer("backbone").get_layer("conv")


def add(variable):
    variable.assign_add(keras.ops.ones_like(variable))


CHANGES = {
    "a weight of a nested model": (lambda model: add(conv(model).kernel), "variable 'conv/kernel'"),
    "a statistic": (lambda model: add(model.get_layer("backbone").get_layer("norm").moving_mean), "'norm/moving_mean'"),
    "a slot of Adam": (lambda model: add(model.optimizer.variables[-1]), "variable 'adam/.*_velocity'"),
    "the number of steps": (lambda model: add(model.optimizer.iterations), "variable 'adam/iteration'"),
    "the learning rate": (lambda model: setattr(model.optimizer, "learning_rate", 0.5), "variable 'adam/learning_rate"),
    "a metric": (lambda model: model.reset_metrics(), "variable '.*(total|count)'"),
    "a seed": (lambda model: model.layers[-2].seed_generator.next(), "variable '.*seed_generator_state'"),
    "a flag": (lambda model: setattr(model, "trainable", False), "'_?trainable'"),
    "a flag of one variable": (
        lambda model: setattr(conv(model).kernel, "trainable", False),
        "'conv/kernel'.*trainable",
    ),
    "a regulariser": (lambda model: setattr(conv(model).activity_regularizer, "l2", 9.0), "'l2' of the model's L2"),
    "a compiled function": (lambda model: setattr(model, "train_function", None), "'train_function'"),
    "a function compiled anew": (lambda model: model.make_predict_function(force=True), "'predict_function'"),
    "what was compiled": (lambda model: model.compile("sgd", "mse"), "was changed"),
    "a call": (lambda model: object.__setattr__(conv(model), "call", conv(model).call), "'call' of the .* 'conv'"),
    "an item deep inside": (lambda model: model.notes["nested"][0]["deep"].append(3), "'notes'"),
    "an array deep inside": (lambda model: model.notes["nested"][0]["deep"][2].fill(1.0), "'notes'"),
    "a list in a tuple": (lambda model: model.notes["tuple"][1].append(3), "'notes'"),
    "a number for a flag": (lambda model: object.__setattr__(model, "built", 1), "'built'"),
    "a new attribute": (lambda model: object.__setattr__(conv(model), "note", None), "'note'"),
    "a call in a functional model": (lambda model: model.get_layer("head")(model.get_layer("mean").output), "_nodes'"),
    "a training step": (lambda model: model.train_on_batch(X, Y), "was changed"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found_and_named(change, model):
    make, message = CHANGES[change]
    with pytest.raises(AssertionError, match=message), unchanged(model):
        make(model)


def test_what_changes_nothing(model):
    with unchanged(model, X):
        model.get_config(), model.get_weights(), model.summary(print_fn=len), model.get_metrics_result()
        conv(model).kernel.assign(conv(model).kernel)
    before = np.array([np.nan, 0.0])
    with unchanged(model, before):
        before[0] = np.nan
    with pytest.raises(AssertionError, match="An array was changed"), unchanged(model, before):
        before[1] = -0.0
