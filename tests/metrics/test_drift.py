"""MOD and VID: hand-computed numbers, blank references, weights, shards, serialisation and graphs."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.metrics import MOD, VID, mod, nissim, vid

ZEROS, ONES = np.zeros((1, 8, 8, 1)), np.ones((1, 8, 8, 1))
FAR = 0.5 / 1.0001  # NISSIM of ones against zeros
EPSILONS = (1 / 255, 2 / 255, 8 / 255)


def pairs(batch: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Heatmaps of which the adversarial ones differ more from image to image."""
    rng = np.random.default_rng(seed)
    clean = rng.random((batch, 8, 8, 1))
    share = np.linspace(0, 1, batch).reshape(-1, 1, 1, 1)
    return clean, (1 - share) * clean + share * rng.random((batch, 8, 8, 1))


def merged(into: keras.Metric, *shards: keras.Metric) -> keras.Metric:
    for shard in shards:
        for variable, other in zip(into.variables, shard.variables, strict=True):
            variable.assign_add(other)
    return into


def state(metric: keras.Metric) -> list[list[float]]:
    return [np.asarray(variable).tolist() for variable in metric.variables]


def test_mod_by_hand():
    metric = MOD()
    metric.update_state(np.concatenate([ONES, ONES, ONES, ONES]), np.concatenate([ONES, ZEROS, ZEROS, ZEROS]))
    assert float(metric.result()) == pytest.approx(0.75 * FAR, rel=1e-12)
    assert float(metric.std) == pytest.approx(FAR * np.sqrt(3) / 4, rel=1e-12)
    assert metric.result().dtype == metric.std.dtype == tf.float64
    assert state(metric) == [4, pytest.approx(3 * FAR), pytest.approx(3 * FAR**2), 0]


def test_mod_is_the_mean_and_std_of_nissim_over_batches():
    clean, adversarial = pairs()
    metric = MOD()
    for rows in (slice(0, 4), slice(4, 6)):
        metric.update_state(clean[rows], adversarial[rows])
    values = nissim(clean, adversarial)
    assert float(metric.result()) == pytest.approx(values.mean(), rel=1e-14)
    assert float(metric.std) == pytest.approx(values.std(), rel=1e-12)
    assert values.std() > 0.1


def test_blank_references_are_left_out_and_counted():
    metric = MOD()
    metric.update_state(np.concatenate([ONES, ZEROS, ZEROS]), np.concatenate([ZEROS, ZEROS, ONES]))
    assert float(metric.result()) == pytest.approx(FAR, rel=1e-12)
    assert float(metric.blank_count) == 2
    assert float(metric.count) == 1


def test_without_data_nan():
    metric = MOD()
    assert np.isnan(metric.result())
    assert np.isnan(metric.std)
    assert float(metric.blank_count) == 0
    metric.update_state(ZEROS, ONES)
    assert np.isnan(metric.result())
    assert float(metric.blank_count) == 1
    metric.update_state(ONES[:0], ONES[:0])
    assert np.isnan(metric.result())


@pytest.mark.slow
def test_std_of_equal_values_is_never_nan():
    """Rounding may make the difference of the two sums negative."""
    clean, adversarial = pairs(2)
    for repeats in range(1, 12):
        metric = MOD()
        metric.update_state(np.repeat(clean[1:], repeats, 0), np.repeat(adversarial[1:], repeats, 0))
        assert 0 <= float(metric.std) < 1e-7


def test_weights():
    clean, adversarial = pairs(4)
    clean[2] = 0
    weights = np.array([2.0, 0.0, 3.0, 0.5])
    metric = MOD()
    metric.update_state(clean, adversarial, sample_weight=weights)
    values = nissim(clean, adversarial)
    assert float(metric.result()) == pytest.approx((2 * values[0] + 0.5 * values[3]) / 2.5, rel=1e-14)
    assert float(metric.count) == 2.5
    assert float(metric.blank_count) == 3
    doubled = MOD()
    doubled.update_state(clean, adversarial, sample_weight=2)
    assert float(doubled.count) == 6


def test_a_pair_of_weight_zero_does_not_matter_even_if_it_is_nan():
    """Padding in a compiled step, where values are not checked."""
    metric = MOD()
    update = tf.function(metric.update_state)
    update(np.concatenate([ONES, np.nan * ONES]), np.concatenate([ZEROS, ONES]), np.array([1.0, 0.0]))
    assert float(metric.result()) == pytest.approx(FAR, rel=1e-12)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 1.0], r"scalar or have the shape \(batch,\)"),
        ([[1.0]], "scalar"),
        ([-1.0], "finite"),
        ([np.nan], "finite"),
    ],
)
def test_wrong_weights(weights, message):
    with pytest.raises(ValueError, match=f"`sample_weight` must.*{message}.*Received"):
        MOD().update_state(ONES, ZEROS, sample_weight=np.array(weights))


@pytest.mark.parametrize(
    "weights",
    [1j, np.array([1 + 1j]), "one", [object()], [[1.0], [1.0, 2.0]], tf.ragged.constant([[1.0], [1.0, 2.0]])],
    ids=["complex", "array of complex", "text", "objects", "rows", "ragged"],
)
def test_weights_that_are_no_numbers_are_refused(weights):
    metric = MOD()
    with pytest.raises(ValueError, match=r"`sample_weight` must be numbers\. Received: "):
        metric.update_state(ONES, ZEROS, sample_weight=weights)
    assert float(metric.count) == 0


def test_maps_are_checked():
    with pytest.raises(ValueError, match="normalise"):
        MOD().update_state(255 * ONES, ONES)
    with pytest.raises(ValueError, match="same shape"):
        VID(EPSILONS).update_state(ONES, np.concatenate([ONES, ONES]), epsilon=1 / 255)


@pytest.mark.parametrize("convert", [np.asarray, tf.constant, lambda x: x[..., 0], lambda x: x.astype("float32")])
def test_kinds_of_input(convert):
    metric = MOD()
    metric.update_state(convert(ONES), convert(ZEROS))
    assert float(metric.result()) == pytest.approx(FAR, rel=1e-12)
    assert float(metric(convert(ONES), convert(ONES))) == pytest.approx(FAR / 2, rel=1e-12)


@pytest.mark.parametrize("positions", [(30,), (4, 9, 10)], ids=str)
def test_signals_and_volumes(positions):
    clean, adversarial = np.random.default_rng(0).random((2, 5, *positions, 1))
    clean[3] = 0
    metric = MOD()
    tf.function(metric.update_state)(clean, adversarial)
    assert float(metric.result()) == pytest.approx(np.delete(nissim(clean, adversarial), 3).mean(), rel=1e-12)
    assert float(metric.blank_count) == 1


def test_vid_by_hand():
    """MODs 0, F / 2 and F have the mean F / 2 and the spread F / sqrt(6)."""
    metric = VID(EPSILONS)
    two = np.concatenate([ONES, ONES])
    metric.update_state(two, two, epsilon=1 / 255)
    metric.update_state(two, np.concatenate([ONES, ZEROS]), epsilon=2 / 255)
    assert np.isnan(metric.result())
    metric.update_state(two, 0 * two, epsilon=8 / 255)
    metric.update_state(ZEROS, ONES, epsilon=8 / 255)
    assert float(metric.result()) == pytest.approx(FAR / np.sqrt(6), rel=1e-12)
    np.testing.assert_allclose(metric.mods, [0, FAR / 2, FAR], rtol=1e-12)
    np.testing.assert_allclose(metric.std, [0, FAR / 2, 0], rtol=1e-12, atol=1e-7)
    np.testing.assert_array_equal(metric.blank_count, [0, 0, 1])
    assert metric.result().dtype == tf.float64


def test_vid_is_a_spread_over_epsilons_not_over_images():
    clean, adversarial = pairs()
    metric = VID((0.1, 0.2))
    for epsilon in metric.epsilons:
        metric.update_state(clean, adversarial, epsilon)
    assert float(metric.result()) == 0
    assert np.all(metric.std.numpy() > 0.1)


def test_vid_does_not_depend_on_the_order_or_the_number_of_batches():
    clean, adversarial = pairs()
    metric = VID((0.1, 0.2))
    metric.update_state(clean[:1], adversarial[:1], 0.1)
    metric.update_state(clean[4:], adversarial[4:], 0.2)
    metric.update_state(clean[1:4], adversarial[1:4], 0.1)
    values = nissim(clean, adversarial)
    assert float(metric.result()) == pytest.approx(abs(values[:4].mean() - values[4:].mean()) / 2, rel=1e-13)


def test_a_nan_stays_in_its_level():
    metric = VID((0.1, 0.2))
    update = tf.function(metric.update_state)
    update(ONES, np.nan * ONES, 0.1)
    update(ONES, ZEROS, 0.2)
    np.testing.assert_allclose(metric.mods, [np.nan, FAR], rtol=1e-12)


@pytest.mark.parametrize("epsilon", [2 / 255, np.float32(2 / 255), np.array(2 / 255), tf.constant(2 / 255)])
def test_epsilon_is_found_among_the_levels(epsilon):
    metric = VID(EPSILONS)
    metric.update_state(ONES, ZEROS, epsilon)
    np.testing.assert_array_equal(metric.count, [0, 1, 0])


def test_unknown_epsilon():
    with pytest.raises(ValueError, match=r"must be one of \(0.1, 0.2\). Received: epsilon=0.3"):
        VID((0.1, 0.2)).update_state(ONES, ZEROS, 0.3)
    traced = tf.function(VID((0.1, 0.2)).update_state)
    with pytest.raises(ValueError, match="known when"):
        traced(ONES, ZEROS, tf.constant(0.1))


@pytest.mark.parametrize("epsilons", [(), (0.1, 0.1), (0.1, 0.2, np.float32(0.1)), (-0.1, 0.1), (8, 16), (0.1, np.nan)])
def test_wrong_epsilons(epsilons):
    with pytest.raises(ValueError, match=r"Argument `epsilons` must .*Received: epsilons="):
        VID(epsilons)


def test_a_single_epsilon_warns_once_and_is_nan():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        metric = VID((0.1,))
        metric.update_state(ONES, ZEROS, 0.1)
        results = [float(metric.result()), float(metric.result())]
        metric.reset_state()
    assert np.isnan(results).all()
    assert [warning.category for warning in caught] == [UserWarning]
    assert caught[0].filename == __file__
    assert "two or more" in str(caught[0].message)


@pytest.mark.parametrize("make", [MOD, lambda: VID((0.1, 0.2))])
def test_shards_add_up_exactly(make):
    """The same batches in the same order, once into one metric and once into two."""
    clean, adversarial = pairs(8)
    weights = np.array([0.5, 1, 2, 0.25, 4, 1, 0.75, 8])
    rows = [slice(0, 3), slice(3, 8)]
    levels = [{}] if make is MOD else [{"epsilon": 0.1}, {"epsilon": 0.2}]
    whole, shards = make(), [make(), make()]
    for level in levels:
        for shard, part in zip(shards, rows, strict=True):
            for metric in (whole, shard):
                metric.update_state(clean[part], adversarial[part], sample_weight=weights[part], **level)
    assert state(merged(make(), *shards)) == state(whole)
    assert np.asarray(merged(make(), *shards).result()) == np.asarray(whole.result())


def test_shards_of_dyadic_sums_are_the_metric_over_all_data():
    """Sums of multiples of 1/8 are exact in any order, and so is what follows from them."""
    values, shards, whole = [0.125, 0.375, 0.25, 0.5, 0.0], [MOD(), MOD()], MOD()
    for i, value in enumerate(values):
        for metric in (whole, shards[i % 2]):
            for variable, term in zip(metric.variables, (1, value, value**2, 0), strict=True):
                variable.assign_add(term)
    total = merged(MOD(), *shards)
    assert state(total) == state(whole) == [5, 1.25, sum(v * v for v in values), 0]
    assert float(total.result()) == 0.25
    assert float(total.std) == float(whole.std) == pytest.approx(np.std(values), rel=1e-14)


@pytest.mark.parametrize("metric", [MOD(name="drift", metric="center_shift"), VID(EPSILONS), MOD(dtype="float32")])
def test_serialisation(metric):
    config = keras.saving.serialize_keras_object(metric)
    again = keras.saving.deserialize_keras_object(config)
    assert config["registered_name"] == f"keras_advxai>{type(metric).__name__}"
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    assert type(metric).from_config(metric.get_config()).get_config() == metric.get_config()
    assert again.metric == metric.metric
    assert keras.saving.serialize_keras_object(again) == config


def test_dtype_is_that_of_the_result():
    metric = MOD(dtype="float32")
    metric.update_state(ONES, ZEROS)
    assert metric.result().dtype == tf.float32
    assert {variable.dtype for variable in metric.variables} == {"float64"}


def test_reset():
    for metric, level in ((MOD(), {}), (VID((0.1, 0.2)), {"epsilon": 0.1})):
        fresh = state(metric)
        metric.update_state(ONES, ZEROS, **level)
        assert state(metric) != fresh
        metric.reset_state()
        assert state(metric) == fresh


def test_inside_a_function():
    clean, adversarial = pairs()
    mean, spread = MOD(), VID((0.1, 0.2))

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 1), "float64")] * 2)
    def step(clean, adversarial):
        mean.update_state(clean, adversarial)
        for share, epsilon in enumerate(spread.epsilons):
            spread.update_state(clean, adversarial if share else clean, epsilon)
        return mean.result(), mean.std, spread.result()

    step(clean[:4], adversarial[:4])
    values, results = nissim(clean, adversarial), step(clean[4:], adversarial[4:])
    np.testing.assert_allclose(results, [values.mean(), values.std(), values.mean() / 2], rtol=1e-12)
    assert step.experimental_get_tracing_count() == 1


def test_state_keeps_its_precision_in_a_half_precision_layer():
    clean, adversarial = pairs()

    class Measured(keras.layers.Layer):
        def __init__(self):
            super().__init__(dtype="mixed_float16")
            self.metric = MOD()

        def call(self, inputs):
            self.metric.update_state(clean, adversarial)
            return inputs

    layer = Measured()
    for _ in range(2):
        layer(np.ones((1, 2)))
    assert float(layer.metric.result()) == pytest.approx(nissim(clean, adversarial).mean(), rel=1e-13)


def test_stateless():
    metric = MOD()
    variables = metric.stateless_update_state([tf.zeros((), "float64")] * 4, ONES, ZEROS)
    assert float(metric.stateless_result(variables)) == pytest.approx(FAR, rel=1e-12)
    assert np.isnan(metric.result())


@pytest.mark.slow
def test_arrays_and_metrics_agree():
    values, metric = [], VID(EPSILONS)
    for seed, epsilon in enumerate(EPSILONS):
        clean, adversarial = pairs(3, seed)
        metric.update_state(clean, adversarial, epsilon)
        values.append(nissim(clean, adversarial))
    assert float(metric.result()) == pytest.approx(float(vid(mod(np.array(values)))), rel=1e-12)
