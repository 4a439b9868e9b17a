"""Bootstrap intervals, against what theory says of them."""

from __future__ import annotations

import numpy as np
import pytest

from keras_advxai.measurements import statistics


def values(images: int = 400) -> np.ndarray:
    generator = np.random.default_rng(3)
    return np.stack([generator.uniform(0, 0.2, images), generator.uniform(0.2, 0.6, images)])


def test_the_interval_of_a_mean_is_close_to_the_normal_one():
    nissim = values()
    mods = statistics.bootstrap_mods(nissim, seed=0, resamples=4000)
    intervals = statistics.mod_intervals(mods)
    error = nissim.std(axis=1) / np.sqrt(nissim.shape[1])
    np.testing.assert_allclose(intervals[:, 0], nissim.mean(1) - 1.96 * error, atol=0.1 * error.max())
    np.testing.assert_allclose(intervals[:, 1], nissim.mean(1) + 1.96 * error, atol=0.1 * error.max())


def test_epsilons_are_resampled_together():
    nissim = values(30)
    shifted = np.stack([nissim[0], nissim[0] + 0.25])
    mods = statistics.bootstrap_mods(shifted, seed=0)
    np.testing.assert_allclose(mods[:, 1] - mods[:, 0], 0.25, atol=1e-12)
    low, high = statistics.vid_interval(mods)
    np.testing.assert_allclose([low, high], 0.125, atol=1e-12)


def test_the_seed_decides_and_the_chunks_do_not(monkeypatch):
    nissim = values(50)
    whole = statistics.bootstrap_mods(nissim, seed=5)
    assert not np.array_equal(whole, statistics.bootstrap_mods(nissim, seed=6))
    monkeypatch.setattr(statistics, "_ENTRIES_AT_A_TIME", 700)
    np.testing.assert_array_equal(whole, statistics.bootstrap_mods(nissim, seed=5))


def test_of_few_images_there_are_few_means():
    assert set(statistics.bootstrap_means(np.array([0.0, 1.0]), seed=0).tolist()) == {0.0, 0.5, 1.0}
    assert set(statistics.bootstrap_means(np.array([[0.25], [0.75]]), seed=0)[1].tolist()) == {0.75}


def test_left_out_pairs_do_not_count():
    nissim = values(60)
    nissim[:, :10] = np.nan
    mods = statistics.bootstrap_mods(nissim, seed=0)
    assert np.isfinite(mods).all()
    np.testing.assert_allclose(mods.mean(0), nissim[:, 10:].mean(1), atol=0.01)


def test_without_any_pair_everything_is_unknown():
    mods = statistics.bootstrap_mods(np.full((2, 5), np.nan), seed=0)
    assert np.isnan(statistics.mod_intervals(mods)).all()
    assert np.isnan(statistics.vid_interval(mods)).all()


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize(("count", "total"), [(1, 10), (3, 10), (9, 10), (61, 128)])
def test_an_interval_of_a_sum_of_shares_lies_between_those_of_counts(count, total, level):
    """Wilson's formula is one of real numbers, which SciPy has for whole ones."""
    almost = statistics.wilson_interval(count + 1e-9, total, level)
    assert almost == pytest.approx(statistics.wilson_interval(count, total, level), abs=1e-8)
    half = statistics.wilson_interval(count - 0.5, total, level)
    below, above = (statistics.wilson_interval(count - less, total, level) for less in (1, 0))
    assert all(low < middle < high for low, middle, high in zip(below, half, above, strict=True))
