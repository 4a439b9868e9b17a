"""Losses and their gradients against float64 numpy, on confident models too."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.ops import losses

LOGITS = np.random.default_rng(0).normal(0, 3, (7, 5)).astype("float32")
LABELS = np.array([0, 1, 2, 3, 4, 0, 1])


def logsumexp(x: np.ndarray) -> np.ndarray:
    top = x.max(-1, keepdims=True)
    return np.log(np.exp(x - top).sum(-1)) + top[..., 0]


def expected(loss: str, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    logits = logits.astype("float64")
    rows = np.arange(len(labels))
    others = logits.copy()
    if loss == "log_odds":
        others[rows, labels] = -np.inf
    return logsumexp(others) - logits[rows, labels]


def gradient(loss: str, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    x = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = losses.LOSSES[loss](x, labels)
    return tape.gradient(value, x).numpy()


@pytest.mark.parametrize("scale", [1, 10, 1000])
@pytest.mark.parametrize("loss", losses.LOSSES)
def test_values(loss, scale):
    found = losses.LOSSES[loss](LOGITS * np.float32(scale), LABELS)
    assert found.shape == (7,)
    np.testing.assert_allclose(found, expected(loss, LOGITS * np.float32(scale), LABELS), rtol=1e-5, atol=1e-5)


def test_log_odds_is_positive_where_the_others_outweigh_the_label():
    """Its exponential is the odds (1 - p) / p."""
    p = np.exp(LOGITS.astype("float64"))
    p = (p / p.sum(-1, keepdims=True))[np.arange(7), LABELS]
    found = np.asarray(losses.log_odds(LOGITS, LABELS))
    np.testing.assert_allclose(np.exp(found), (1 - p) / p, rtol=1e-4)
    np.testing.assert_array_equal(found > 0, p < 0.5)


def test_cross_entropy_is_that_of_keras():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
    np.testing.assert_allclose(losses.cross_entropy(LOGITS, LABELS), loss(LABELS, LOGITS), rtol=1e-6)


def test_the_gradient_of_log_odds_is_that_of_cross_entropy_divided_by_1_minus_p():
    slope = gradient("cross_entropy", LOGITS, LABELS)
    rest = -slope[np.arange(7), LABELS]  # 1 - p of the label
    np.testing.assert_allclose(gradient("log_odds", LOGITS, LABELS), slope / rest[:, None], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("gap", [20.0, 100.0, 1e4])
def test_log_odds_keeps_its_gradient_where_cross_entropy_has_none(gap):
    logits = np.array([[gap, 0.0, -1.0]], "float32")
    if gap > 88:
        np.testing.assert_array_equal(gradient("cross_entropy", logits, np.array([0])), 0)
    share = np.exp([0.0, -1.0]) / np.exp([0.0, -1.0]).sum()
    np.testing.assert_allclose(gradient("log_odds", logits, np.array([0])), [[-1, *share]], rtol=1e-6)


def test_of_two_classes_log_odds_is_the_difference():
    logits = np.array([[3.0, 1.0], [5e8, -5e8]], "float32")
    np.testing.assert_allclose(losses.log_odds(logits, np.array([0, 1])), [-2, 1e9], rtol=1e-6)
    np.testing.assert_array_equal(gradient("log_odds", logits, np.array([0, 1])), [[-1, 1], [1, -1]])


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_labels_of_any_integer_type(dtype):
    for loss in losses.LOSSES.values():
        np.testing.assert_array_equal(loss(LOGITS, LABELS.astype(dtype)), loss(LOGITS, LABELS))


def test_names():
    assert losses.check_loss("log_odds") == "log_odds"
    with pytest.raises(
        ValueError, match=r"one of log_odds, cross_entropy. Did you mean 'cross_entropy'. Received: loss='crossentropy'"
    ):
        losses.check_loss("crossentropy")
    with pytest.raises(ValueError, match="Received: loss=3"):
        losses.check_loss(3)
