"""Passes compiled by XLA: the same results, everywhere else nothing changes."""

from __future__ import annotations

import helpers
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax

EPSILON = 0.1
ITEMS = [
    kax.attacks.FGSM(),
    kax.attacks.PGD(steps=2),
    kax.explainers.GradCAM(layer="conv2"),
    kax.explainers.IntegratedGradients(steps=4),
]
"""One backward pass; a loop with a shrinking batch; a gradient at a layer; a function inside of a loop."""


@pytest.fixture(scope="module")
def classifiers(model):
    return kax.ImageClassifier(model), kax.ImageClassifier(model, jit_compile=True)


@pytest.mark.slow
@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name)
def test_results_are_those_without_it(classifiers, few, item):
    x, y = few
    given = (x, y, EPSILON) if isinstance(item, kax.attacks.Attack) else (x, y)
    plain, compiled = (item(classifier, *given) for classifier in classifiers)
    assert np.mean(np.abs(plain - compiled) > 1e-4) < 0.01


@pytest.mark.slow
def test_an_evaluation_finds_the_same(classifiers, few):
    settings = {"epsilons": (EPSILON,), "noise_control": False, "progress": False}
    plain, compiled = (kax.evaluate(classifier, few, **settings) for classifier in classifiers)
    assert compiled.provenance["jit_compile"]
    assert not plain.provenance["jit_compile"]
    assert compiled.accuracy("fgsm", EPSILON) == plain.accuracy("fgsm", EPSILON)
    mods = [report.dissimilarity("fgsm", "grad_cam", EPSILON) for report in (plain, compiled)]
    np.testing.assert_allclose(*mods, atol=1e-3)


def test_convolutions_forward_and_backward_are_marked_for_xla_and_only_if_wanted(classifiers):
    def traced(classifier):
        def attack(x, y):
            return kax.attacks.FGSM()(classifier, x, y, EPSILON)

        spec = tf.TensorSpec([None, *helpers.SHAPE]), tf.TensorSpec([None], tf.int32)
        graph = tf.function(attack).get_concrete_function(*spec).graph
        kinds = ("Conv2D", "Conv2DBackpropInput")
        return {node.attr["_XlaCompile"].b for node in graph.as_graph_def().node if node.op in kinds}

    plain, compiled = classifiers
    assert traced(plain) == {False}
    assert traced(compiled) == {True}


def test_it_is_said_and_checked(classifiers, model):
    assert "jit_compile" not in repr(classifiers[0])
    assert "jit_compile=True" in repr(classifiers[1])
    with pytest.raises(TypeError, match=r"`jit_compile` must be True or False. Received: jit_compile=1"):
        kax.ImageClassifier(model, jit_compile=1)
