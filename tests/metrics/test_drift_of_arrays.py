"""MOD and VID of arrays, by hand."""

from __future__ import annotations

import numpy as np

from keras_advxai.metrics import mod, vid


def test_mod_of_arrays():
    values = np.array([[0.25, 0.75, np.nan], [np.nan, np.nan, np.nan], [0.5, 0.5, 0.5]])
    np.testing.assert_array_equal(mod(values), [0.5, np.nan, 0.5])
    np.testing.assert_array_equal(mod(values[:, :2], axis=0), [0.375, 0.625])
    assert mod(values[0]) == 0.5
    assert np.isnan(mod(values[1]))
    assert np.isnan(mod(np.zeros(0)))


def test_vid_of_arrays():
    mods = np.array([[[0.0, 0.5], [0.25, 0.25]], [[np.nan, 0.5], [1.0, 0.0]]])
    np.testing.assert_array_equal(vid(mods), [[0.25, 0.0], [np.nan, 0.5]])
    assert vid(mods[0, 0]) == 0.25
    assert np.isnan([vid([0.5]), vid([])]).all()
    np.testing.assert_array_equal(vid(mods[..., :1]), np.full((2, 2), np.nan))
