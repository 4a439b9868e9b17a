"""Run by `test_replicas.py` in a process of its own, since devices are made before TensorFlow is used."""

from __future__ import annotations

import sys
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from small_models import SeededNoise, labelled_images, normed_cnn

import keras_advxai as kax

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
STRATEGY = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
X, Y = labelled_images(23)
X[4] = 0  # the first of a batch, and its heatmap is blank
SETTINGS: dict[str, Any] = {"batch_size": 4, "epsilons": (0.01, 0.1), "progress": False}


class Placed(keras.layers.Layer):
    """Passes its input on, and counts for which devices it is traced."""

    def __init__(self) -> None:
        super().__init__(name="placed")
        self.seen = SimpleNamespace(traced=Counter())  # Keras makes an attribute that is a dictionary one of its own

    def call(self, x: Any) -> Any:
        x = tf.identity(x)
        if not tf.executing_eagerly():
            self.seen.traced[x.device[-5:]] += 1
        return x


def pair(*first: type[keras.layers.Layer], size: int | None = 8) -> tuple[keras.Model, keras.Model]:
    """The same model on one device and on two."""
    with STRATEGY.scope():
        mirrored = normed_cnn(*(kind() for kind in first), size=size, convolutions=2)
    return normed_cnn(*(kind() for kind in first), size=size, convolutions=2), mirrored


def check_same(one: kax.EvaluationReport, two: kax.EvaluationReport) -> None:
    assert one.measurements.arrays.keys() == two.measurements.arrays.keys()
    for name, values in one.measurements.arrays.items():
        np.testing.assert_allclose(two.measurements.arrays[name], values, rtol=0, atol=1e-6, err_msg=name)
    assert one.provenance == two.provenance
    for before, after in zip(one.warnings, two.warnings, strict=True):
        assert before == after, (before, after)
    assert [item.index for item in one.examples] == [item.index for item in two.examples]
    for before, after in zip(one.examples, two.examples, strict=True):
        np.testing.assert_allclose(before.adversarial_heatmap, after.adversarial_heatmap, atol=1e-6)


def batches_of_every_kind() -> None:
    one, two = pair(Placed)
    settings = {**SETTINGS, "metrics": ("nissim", "rank_distance"), "attacks": ("fgsm", "pgd")}
    check_same(kax.evaluate(one, (X, Y), **settings), kax.evaluate(two, (X, Y), **settings))
    traced = two.get_layer("placed").seen.traced
    assert traced["CPU:1"] >= 2, traced  # the clean pass and the adversarial one
    before = dict(traced)
    # 23 images: six batches in three rounds, of which the last has three images; and other numbers of them.
    for count in (1, 3, 4, 7, 20):
        check_same(
            kax.evaluate(one, (X[:count], Y[:count]), **settings), kax.evaluate(two, (X[:count], Y[:count]), **settings)
        )
    for size in (1, 5, 32):
        settings = {**settings, "batch_size": size}
        check_same(kax.evaluate(one, (X, Y), **settings), kax.evaluate(two, (X, Y), **settings))
    assert dict(two.get_layer("placed").seen.traced) == before  # one trace serves them all
    check_same(kax.evaluate(one, X, **SETTINGS), kax.evaluate(two, X, **SETTINGS))  # without labels
    accuracy = {**SETTINGS, "explainers": (), "attacks": "pgd"}
    check_same(kax.evaluate(one, (X, Y), **accuracy), kax.evaluate(two, (X, Y), **accuracy))


def random_models() -> None:
    one, two = pair(SeededNoise)
    settings = {**SETTINGS, "attacks": ("fgsm", "pgd"), "explainers": ("grad_cam", "integrated_gradients")}
    found = kax.evaluate(two, (X, Y), **settings)
    check_same(kax.evaluate(one, (X, Y), **settings), found)
    check_same(kax.evaluate(two, (X, Y), **settings), found)
    other = kax.evaluate(two, (X, Y), **{**settings, "seed": 1})
    assert not np.array_equal(other.measurements.at("confidence"), found.measurements.at("confidence"))


def given_targets_and_streams() -> None:
    one, two = pair(size=None)
    targets = {**SETTINGS, "attacks": kax.attacks.PGD(targeted=True), "attack_targets": (Y + 1) % 3}
    check_same(kax.evaluate(one, (X, Y), **targets), kax.evaluate(two, (X, Y), **targets))

    class Sizes(keras.utils.PyDataset):
        """Seven batches of two images, of which the third and fourth are larger."""

        def __len__(self) -> int:
            return 7

        def __getitem__(self, index: int) -> Any:
            x = X[2 * index : 2 * index + 2]
            return (np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))) if index in (2, 3) else x), Y[2 * index : 2 * index + 2]

    check_same(kax.evaluate(one, Sizes(), **SETTINGS), kax.evaluate(two, Sizes(), **SETTINGS))


def scopes() -> None:
    """A model from outside of the scope inside of it, and the other way round, and as a wrapper."""
    one, two = pair()
    expected = kax.evaluate(one, (X, Y), **SETTINGS)
    with STRATEGY.scope():
        check_same(expected, kax.evaluate(two, (X, Y), **SETTINGS))
        check_same(expected, kax.evaluate(one, (X, Y), **SETTINGS))
    check_same(expected, kax.ExplainableModel(two).evaluate_robustness((X, Y), **SETTINGS))


def callbacks() -> None:
    """The same curves, from a callback; neither traces nor memory grow with the epochs."""
    histories = [trained(model) for model in pair(Placed)]
    assert histories[0].keys() == histories[1].keys()
    for key, values in histories[0].items():
        np.testing.assert_allclose(histories[1][key], values, atol=1e-5, err_msg=key)


def trained(model: keras.Model) -> dict[str, list[float]]:
    keras.utils.set_random_seed(0)
    model.get_layer("norm").trainable = False  # each replica would normalise by its own half of a batch
    model.compile("sgd", "sparse_categorical_crossentropy")
    seen, counts = model.get_layer("placed").seen, []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: counts.append(dict(seen.traced)))
    settings = {key: value for key, value in SETTINGS.items() if key != "progress"}
    evaluation = kax.callbacks.AdversarialEvaluation((X, Y), max_samples=10, **settings)
    found = model.fit(X[:20], Y[:20], epochs=4, batch_size=10, verbose=0, callbacks=[evaluation, note])
    assert counts[0] == counts[-1], counts
    return found.history


def metrics() -> None:
    """Each replica adds up its own half: read together, they are what one device finds."""
    maps = np.random.default_rng(0).random((2, 8, 9, 9, 1)).astype("float32")
    alone = kax.metrics.MOD()
    alone.update_state(*maps)
    with STRATEGY.scope():
        spread = kax.metrics.MOD()
    run = tf.function(lambda pairs: STRATEGY.run(spread.update_state, args=pairs))
    for pairs in STRATEGY.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices(tuple(maps)).batch(4)):
        run(pairs)  # twice: what was added before counts once
    np.testing.assert_allclose(spread.result(), alone.result(), rtol=1e-6)


tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # half of the time
CASES = (batches_of_every_kind, random_models, given_targets_and_streams, scopes, callbacks, metrics)
for case in [case for case in CASES if case.__name__ in sys.argv] or CASES:
    begin = time.perf_counter()
    case()
    sys.stdout.write(f"{case.__name__} {time.perf_counter() - begin:.1f} s\n")
