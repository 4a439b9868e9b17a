"""MOD and VID of every dissimilarity, and of a function of your own."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.metrics import ALL_OBJECTS, MOD, VID, rank_distance


@pytest.mark.parametrize("metric", ALL_OBJECTS, ids=lambda metric: metric.name)
def test_mod_and_vid_of_any_dissimilarity(metric):
    clean, adversarial = np.random.default_rng(0).random((2, 6, 8, 8, 1))
    clean[3] = 0
    mean, spread = MOD(metric=metric), VID((0.1, 0.2), metric=metric.name)
    tf.function(mean.update_state)(clean, adversarial)
    spread.update_state(clean, clean, 0.1)
    spread.update_state(clean, adversarial, 0.2)
    values = np.delete(metric(clean, adversarial), 3)
    assert float(mean.result()) == pytest.approx(values.mean(), rel=1e-12)
    assert float(mean.std) == pytest.approx(values.std(), rel=1e-9)
    assert float(spread.result()) == pytest.approx(values.mean() / 2, rel=1e-12)
    assert float(mean.blank_count) == 1


def test_a_function_of_ones_own_works_and_has_to_be_declared_to_be_saved():
    def change(heatmaps, others):
        return tf.reduce_mean(tf.abs(heatmaps - others), axis=(1, 2, 3))

    metric = MOD(metric=change)
    metric.update_state(np.ones((1, 8, 8, 1)), np.full((1, 8, 8, 1), 0.75))
    assert float(metric.result()) == 0.25
    with pytest.raises(ValueError, match="Decorate"):
        metric.get_config()
    with pytest.raises(ValueError, match="Unknown dissimilarity 'rank'"):
        MOD(metric="rank")
    assert MOD(metric=rank_distance).get_config()["metric"] == "rank_distance"
