"""Integrated Gradients by alibi: alibi called directly, ours, and the formula in float64. Run by `make test-alibi`."""

from __future__ import annotations

import gc
import weakref

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from kinds import KINDS, Case

import keras_advxai as kax
from keras_advxai.contrib import AlibiIntegratedGradients
from keras_advxai.explainers import IntegratedGradients
from keras_advxai.testing import check_explainer, unchanged

METHODS = ["gausslegendre", "left", "right", "middle", "trapezoid"]


def close(found, expected, rtol=1e-4) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
@pytest.mark.parametrize("score", ["logit", "probability"])
def test_the_contract(score, head, build, few):
    check_explainer(AlibiIntegratedGradients(steps=4, score=score), build(head), few[0])


@pytest.mark.parametrize("method", METHODS)
def test_it_is_alibi_called_directly(method, build, few):
    x, y = few
    explainer = AlibiIntegratedGradients(steps=6, method=method)  # imports alibi without the warnings at its import
    from alibi.explainers import IntegratedGradients as Direct

    model = build("linear")
    direct = Direct(model, method=explainer.method, n_steps=6, internal_batch_size=8)
    expected = direct.explain(np.array(x), baselines=np.zeros_like(x), target=y).attributions[0]
    close(explainer.attributions(model, x, y), expected, 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_ours_on_every_kind_of_model(kind):
    case = Case(KINDS[kind])
    with unchanged(case.model, *case.arrays):
        found = AlibiIntegratedGradients(steps=8).attributions(case.classifier, case.kind.x)
    close(found, IntegratedGradients(steps=8).attributions(case.classifier, case.kind.x))


@pytest.mark.parametrize(
    "settings",
    [{"baseline": "white"}, {"baseline": "blur"}, {"steps": 3}, {"method": "left"}, {"score": "probability"}],
)
def test_every_option_changes_both_in_the_same_way(settings, build, few):
    """In image space, through a preprocessing that is not linear."""
    x, y = 2 * few[0] - 1, few[1]
    classifier = kax.ImageClassifier(build(), bounds=(-1, 1), preprocess=lambda images: ((images + 1) / 2) ** 2)
    settings = {"steps": 16, **settings}
    found = AlibiIntegratedGradients(**settings).attributions(classifier, x, y)
    close(found, IntegratedGradients(**settings).attributions(classifier, x, y))
    assert np.abs(found - AlibiIntegratedGradients(steps=16).attributions(classifier, x, y)).max() > 1e-5
    close(AlibiIntegratedGradients(internal_batch_size=5, **settings).attributions(classifier, x, y), found, 1e-5)


def deep(x) -> tuple[keras.Model, np.ndarray]:
    """A network of twelve random convolutions, and its attributions of class 1 in float64."""
    layers = [keras.layers.Conv2D(8, 3, padding="same", activation="relu") for _ in range(12)]
    model = keras.Sequential([keras.Input(x.shape[1:]), *layers, keras.layers.Flatten(), keras.layers.Dense(3)])
    kernels = [tf.cast(layer.kernel.value, tf.float64) for layer in model.layers if hasattr(layer, "kernel")]
    nodes, parts = np.polynomial.legendre.leggauss(32)
    total = np.zeros(x.shape)
    for node, part in zip((nodes + 1) / 2, parts / 2, strict=True):
        point = hidden = tf.constant(x.astype("float64") * node)
        with tf.GradientTape() as tape:
            tape.watch(point)
            for kernel in kernels[:-1]:
                hidden = tf.nn.relu(tf.nn.conv2d(hidden, kernel, 1, "SAME"))
            score = (tf.reshape(hidden, (len(x), -1)) @ kernels[-1])[:, 1]
        total += part * tape.gradient(score, point).numpy()
    return model, total * x


def test_on_a_deep_network_float64_is_the_judge():
    """In float32 the two may differ from each other by more than from the formula in float64; neither is right."""
    x = helpers.random_images(2, (12, 12, 3))
    model, expected = deep(x)
    for explainer in (AlibiIntegratedGradients(), IntegratedGradients()):
        found = explainer.attributions(model, x, 1)
        assert np.linalg.norm(found - expected) < 1e-2 * np.linalg.norm(expected)


def test_an_evaluation_mixes_it_with_ours(model, few):
    explainers = [kax.explainers.GradCAM(), IntegratedGradients(steps=8), AlibiIntegratedGradients(steps=8)]
    report = kax.evaluate(model, few, explainers=explainers, epsilons=(0.02, 0.05), progress=False)
    first, second = (report.mod("fgsm", explainer.name, 0.05) for explainer in explainers[1:])
    assert first == pytest.approx(second, abs=1e-4)


def test_weights_are_read_as_they_are_and_models_are_freed(build, few):
    x, y = few
    model = build()
    explainer = AlibiIntegratedGradients(steps=4)
    before = explainer.attributions(model, x, y)
    model.get_layer("conv2").kernel.assign(model.get_layer("conv2").kernel / 2)
    after = explainer.attributions(model, x, y)
    assert np.abs(after - before).max() > 1e-3
    close(after, IntegratedGradients(steps=4).attributions(model, x, y))
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize(
    ("settings", "error"),
    [({"steps": 0}, ValueError), ({"method": "simpson"}, ValueError), ({"baseline": "pink"}, ValueError)],
)
def test_bad_arguments(settings, error):
    with pytest.raises(error, match=next(iter(settings))):
        AlibiIntegratedGradients(**settings)


def test_it_is_found_by_name():
    assert kax.explainers.get("alibi_integrated_gradients") == AlibiIntegratedGradients()
