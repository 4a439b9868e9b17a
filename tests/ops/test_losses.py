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
    if loss != "cross_entropy":
        others[rows, labels] = -np.inf
    if loss in ("log_odds", "cross_entropy"):
        return logsumexp(others) - logits[rows, labels]
    found = others.max(-1) - logits[rows, labels]
    ordered = np.sort(logits)
    return found if loss == "margin" else found / (ordered[:, -1] - ordered[:, -3])


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


@pytest.mark.parametrize("gap", [3.0, 14.0, 16.5, 18.0, 40.0])
def test_up_to_a_gap_of_88_cross_entropy_lowers_the_label_by_what_it_raises_the_others(gap):
    slope = gradient("cross_entropy", np.array([[gap, 0.0, -1.0]], "float32"), np.array([0]))
    odds = np.exp([-gap, -gap - 1.0])
    others = odds / (1 + odds.sum())
    np.testing.assert_allclose(slope, [[-others.sum(), *others]], rtol=2e-6)


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
        ValueError, match=r"one of log_odds, .* dlr. Did you mean 'cross_entropy'. Received: loss='crossentropy'"
    ):
        losses.check_loss("crossentropy")
    with pytest.raises(ValueError, match="Received: loss=3"):
        losses.check_loss(3)


def test_the_margin_is_positive_exactly_where_the_label_is_not_predicted():
    np.testing.assert_array_equal(losses.margin(LOGITS, LABELS) > 0, LOGITS.argmax(-1) != LABELS)


def test_dlr_changes_neither_with_a_factor_nor_with_a_constant():
    plain = losses.dlr(LOGITS, LABELS)
    np.testing.assert_allclose(losses.dlr(1000 * LOGITS + 7, LABELS), plain, rtol=1e-3)
    towards = losses.targeted_dlr(LOGITS, LABELS, (LABELS + 1) % 5)
    np.testing.assert_allclose(losses.targeted_dlr(20 * LOGITS - 3, LABELS, (LABELS + 1) % 5), towards, rtol=1e-3)


def test_dlr_by_hand():
    logits, labels, targets = np.array([[4.0, 1.0, 3.0, 0.0]], "float32"), np.array([0]), np.array([1])
    np.testing.assert_allclose(losses.dlr(logits, labels), [-1 / 3])  # (3 - 4) / (4 - 1)
    np.testing.assert_allclose(losses.targeted_dlr(logits, labels, targets), [-3 / 3.5])  # (1 - 4) / (4 - (1 + 0) / 2)
    np.testing.assert_allclose(losses.targeted_dlr(logits[:, :3], labels, targets), [-3 / 3])


def test_dlr_of_logits_that_are_all_the_same_is_0_and_so_is_its_gradient():
    same = np.zeros((1, 4), "float32")
    np.testing.assert_array_equal(losses.dlr(same, np.array([0])), [0])
    np.testing.assert_array_equal(gradient("dlr", same, np.array([0])), np.zeros((1, 4)))


@pytest.mark.parametrize("call", [losses.dlr, lambda logits, labels: losses.targeted_dlr(logits, labels, labels)])
def test_dlr_of_two_classes_does_not_exist(call):
    with pytest.raises(ValueError, match=r"has 2 classes. Pass loss='margin' or 'log_odds'. Received: loss='dlr'"):
        call(np.zeros((3, 2), "float32"), np.zeros(3, int))


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_towards_a_target_every_loss_rises_where_the_target_gains_and_the_label_loses(loss):
    """Lower the label and raise the target."""
    targets = (LABELS + 1) % 5
    before = np.asarray(losses.TARGETED_LOSSES[loss](LOGITS, LABELS, targets))
    moved = LOGITS.copy()
    moved[np.arange(7), LABELS] -= 0.3
    moved[np.arange(7), targets] += 0.3
    after = np.asarray(losses.TARGETED_LOSSES[loss](moved, LABELS, targets))
    assert (after > before).all()


def test_towards_a_target_the_margin_is_that_over_the_label():
    found = losses.TARGETED_LOSSES["margin"](LOGITS, LABELS, (LABELS + 1) % 5)
    rows = np.arange(7)
    np.testing.assert_allclose(found, LOGITS[rows, (LABELS + 1) % 5] - LOGITS[rows, LABELS], rtol=1e-6)
    for loss in ("log_odds", "cross_entropy"):
        expected = -np.asarray(losses.LOSSES[loss](LOGITS, LABELS))
        np.testing.assert_array_equal(losses.TARGETED_LOSSES[loss](LOGITS, LABELS + 1, LABELS), expected)
