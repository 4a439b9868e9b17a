"""Texts that messages are made of."""

from __future__ import annotations

import ast
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.text import to_be_said

X = np.full((2, 4, 4, 1), 0.5, "float32")
TAKEN = r"output=\.\.\. \(to evaluate, the callback, ExplainableModel or ImageClassifier\)"


@pytest.fixture(scope="module")
def two_outputs():
    inputs = keras.Input((4, 4, 1))
    flat = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, [keras.layers.Dense(2, name="a")(flat), keras.layers.Dense(3, name="b")(flat)])


def call(model):
    return kax.attacks.FGSM()(model, X, np.zeros(2, int), 0.1)


def evaluate(model):
    return kax.evaluate(model, X, explainers=(), progress=False)


def callback(model):
    ours = kax.callbacks.AdversarialEvaluation(X, explainers=())
    ours.set_model(model)
    ours.on_train_begin()


def wrapper(model):
    return kax.ExplainableModel(model).attack(X, epsilon=0.1)


@pytest.mark.parametrize("way", [call, evaluate, callback, wrapper])
def test_a_setting_is_advised_by_the_name_that_it_has_everywhere(two_outputs, way):
    with pytest.raises(ValueError, match=rf"The model has 2 outputs, a, b\. Pass {TAKEN} with the name or index"):
        way(two_outputs)


def test_what_takes_it_takes_it(two_outputs):
    assert to_be_said("a=1", "a=2").startswith("a=1 or a=2 (to evaluate")
    kax.evaluate(two_outputs, X, output="b", explainers=(), epsilons=(0.1,), progress=False)
    assert kax.ExplainableModel(two_outputs, output="b").attack(X, epsilon=0.1).shape == X.shape


@pytest.mark.slow
def test_no_message_advises_a_constructor_that_the_user_may_not_have_called():
    root = Path(kax.__file__).parent
    found = []
    for file in root.rglob("*.py"):
        tree = ast.parse(file.read_text())
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        docs = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and _is_text(node)}
        found += [
            f"{file.relative_to(root)}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
            if "ImageClassifier(model" in node.value
        ]
    assert not found


def _is_text(node):
    return bool(node.body) and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
