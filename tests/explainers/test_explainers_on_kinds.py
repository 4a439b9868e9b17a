"""Integrated Gradients, Saliency and LayerCAM on every kind of model, against gradients taken by hand."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from kinds import KINDS, Case

from keras_advxai.explainers import (
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    IntegratedGradients,
    LayerCAM,
    Saliency,
    SmoothGrad,
)
from keras_advxai.testing import unchanged

pytestmark = pytest.mark.sampled(5)

STEPS = 12
SALIENCY, INTEGRATED = Saliency(), IntegratedGradients(steps=STEPS, internal_batch_size=40)
PRECISE = {"mixed_float16": 0.05, "mixed_bfloat16": 0.2}
"""How far the sum over all pixels may be from the one in float32, as a part of it."""
KINK = 0.02
"""How far it may be where rounding carries one unit across its kink: there are some hundred units on an image's way."""


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest) -> Case:
    """A model of each kind."""
    return Case(KINDS[request.param])


@pytest.fixture(scope="module")
def found(case) -> dict[str, np.ndarray]:
    """What each explainer finds, all of them on one pass, so that every kind is traced once."""
    kind, classifier = case.kind, case.classifier
    explainable = kind.layer is not None or "layer" in kind.explain

    def run(inputs: Any) -> dict[str, Any]:
        forward = classifier.forward(inputs)
        images, targets = forward.images, forward.predictions
        maps = {"targets": targets}
        for explainer in (SALIENCY, INTEGRATED, *([LayerCAM(**kind.explain)] if explainable else [])):
            name = type(explainer).__name__
            maps[name] = explainer.attributions(classifier, inputs, targets, forward=forward)
            maps[f"{name} heatmap"] = explainer(classifier, inputs, targets, forward=forward)
        maps["gap"], maps["change"] = INTEGRATED.completeness(classifier, images, targets, forward)
        return maps

    with unchanged(case.model, *case.arrays):
        results = tf.function(run, autograph=False)(keras.tree.map_structure(tf.constant, kind.x))
    return {name: value.numpy() for name, value in results.items()}


@pytest.fixture(scope="module")
def tolerance(case) -> float:
    return next((value for name, value in PRECISE.items() if case.kind is KINDS[name]), 1e-5)


def by_hand(case: Case, images: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scores of the targets, and their gradients to the images."""
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        scores = case.kind.by_hand(case.model, case.with_images(images)).scores
        chosen = tf.gather(scores, targets, batch_dims=1)
    return chosen.numpy(), tape.gradient(chosen, images).numpy()


def check(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    """Equal in the sum over the pixels of each image; one image may have a unit on the other side of a ReLU's kink."""
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    pixels = tuple(range(1, found.ndim))
    errors = np.abs(found - expected).sum(axis=pixels) / np.abs(expected).sum(axis=pixels)
    *others, largest = np.sort(errors)
    assert max(others) <= tolerance
    assert largest <= max(tolerance, KINK)


def test_saliency_is_the_gradient_of_the_score(case, found, tolerance):
    _, expected = by_hand(case, case.images, found["targets"])
    check(found["Saliency"], expected, tolerance)
    channel = 1 if case.kind.channels_first else -1
    largest = np.abs(np.moveaxis(found["Saliency"], channel, -1)).max(axis=-1, keepdims=True)
    top = largest.max(axis=tuple(range(1, largest.ndim)), keepdims=True)
    assert largest.shape == case.map_shape
    np.testing.assert_allclose(found["Saliency heatmap"], largest / top, atol=1e-5)


def test_integrated_gradients_are_the_mean_of_the_gradients_and_add_up(case, found, tolerance):
    targets = found["targets"]
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)
    points = zip(((nodes + 1) / 2).astype("float32"), (weights / 2).astype("float32"), strict=True)
    expected = case.images * sum(weight * by_hand(case, node * case.images, targets)[1] for node, weight in points)
    check(found["IntegratedGradients"], expected, max(tolerance, 1e-4))
    after, before = (by_hand(case, images, targets)[0] for images in (case.images, np.zeros_like(case.images)))
    change, gap = after - before, found["gap"]
    total = found["IntegratedGradients"].reshape(len(gap), -1).sum(axis=1, dtype="float64")
    small = max(tolerance, 1e-4) * np.abs(change).max()
    np.testing.assert_allclose(found["change"], change, atol=small)
    np.testing.assert_allclose(gap, np.abs(total - change), atol=small)
    assert (gap < 0.2 * np.median(np.abs(change))).all()
    assert np.median(gap) < 0.06 * np.median(np.abs(change))
    assert found["IntegratedGradients heatmap"].shape == case.map_shape


def test_layer_cam_is_found_where_grad_cam_is(case, found, tolerance):
    if "LayerCAM" not in found:
        for cls in (GradCAM, LayerCAM, GradCAMPlusPlus, HiResCAM):
            with pytest.raises(ValueError, match=case.kind.refusal):
                cls()(case.classifier, case.kind.x)
        return
    images = tf.constant(case.images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        by_tape = case.kind.by_hand(case.model, case.with_images(images))
        score = tf.gather(by_tape.scores, found["targets"], batch_dims=1)
    gradient = by_tape.as_map(tape.gradient(score, by_tape.activation))
    weighted = by_tape.as_map(by_tape.activation) * tf.nn.relu(gradient)
    expected = tf.nn.relu(tf.reduce_sum(weighted, axis=-1, keepdims=True)).numpy()
    check(found["LayerCAM"].reshape(expected.shape), expected, max(tolerance, 1e-4))
    heatmaps = found["LayerCAM heatmap"]
    assert heatmaps.shape == case.map_shape
    assert np.isfinite(heatmaps).all()
    assert heatmaps.max(axis=tuple(range(1, heatmaps.ndim))).tolist() == [1] * len(heatmaps)


def test_what_grad_cam_refuses_others_explain():
    """A multilayer perceptron has no layer with positions, but its pixels have."""
    case = Case(KINDS["only_pixels"])
    for explainer in (Saliency(), IntegratedGradients(steps=3), SmoothGrad(samples=2)):
        maps = explainer(case.classifier, case.kind.x)
        assert maps.shape == case.map_shape
        assert maps.max((1, 2, 3)).tolist() == [1] * len(maps)
