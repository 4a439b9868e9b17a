"""The digits are trained on once for all processes of a session, and a process that fails leaves the others to it."""

from __future__ import annotations

import digits
import numpy as np
import pytest


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    seen: list[str] = []

    def train(kind: str) -> list[np.ndarray]:
        seen.append(kind)
        return [np.arange(3.0), np.ones((2, 2))]

    monkeypatch.setattr(digits, "train", train)
    return seen


def test_the_images_are_digits_in_the_unit_range():
    (x, y), (more, labels) = digits.data()
    assert x.shape == (1400, *digits.SHAPE)
    assert more.shape == (256, *digits.SHAPE)
    assert x.dtype == more.dtype == np.float32
    assert x.min() >= 0
    assert x.max() <= 1
    assert set(y) == set(labels) == set(range(10))


def test_weights_are_trained_once_for_a_folder(tmp_path, calls):
    first, second = digits.trained("plain", tmp_path), digits.trained("plain", tmp_path)
    assert calls == ["plain"]
    for before, after in zip(first, second, strict=True):
        np.testing.assert_array_equal(before, after)
    assert [path.name for path in tmp_path.iterdir()] == ["plain.npz"]


def test_who_waits_too_long_says_for_what(tmp_path, calls):
    (tmp_path / "plain.lock").mkdir()
    with pytest.raises(TimeoutError, match=r"plain\.lock for 0\.2 seconds"):
        digits.trained("plain", tmp_path, patience=0.2)
    assert calls == []


def test_a_training_that_fails_leaves_no_lock(tmp_path, monkeypatch):
    def train(kind: str) -> list[np.ndarray]:
        raise ArithmeticError(kind)

    monkeypatch.setattr(digits, "train", train)
    with pytest.raises(ArithmeticError):
        digits.trained("plain", tmp_path)
    assert list(tmp_path.iterdir()) == []
