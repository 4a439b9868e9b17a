"""What is sent to other machines, and what is found there, without an engine between."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import keras
import pytest
import tensorflow as tf
from small_models import labelled_images, normed_cnn

import keras_advxai as kax
from keras_advxai.data.fingerprint import BatchHashes
from keras_advxai.distributed.job import Job, divided, measure_shard

X, Y = labelled_images(23)
SETTINGS: dict[str, Any] = {"batch_size": 4, "epsilons": (0.02, 0.1), "progress": False}


class OneAfterAnother:
    """A runner without machines: everything is pickled as if it went to some."""

    def __init__(self, shards: int = 3) -> None:
        self.shards = shards
        self.told: list[int] = []

    def parts(self, evaluator, batches, hashes, progress, title, journal):
        job = pickle.dumps(Job.of(evaluator, ("keras_advxai",)))
        for shard in divided(evaluator, batches, self.shards, journal):
            shared = None if shard.cut else batches.source
            found = measure_shard(pickle.loads(job), pickle.loads(pickle.dumps(shard)), shared, self.told.append)
            batches.has_labels = found.has_labels
            if isinstance(hashes, BatchHashes):
                hashes.batches += found.hashes
            yield from pickle.loads(pickle.dumps(found)).parts


@pytest.fixture(scope="module")
def model():
    return normed_cnn()


@pytest.fixture(scope="module")
def whole(model):
    return kax.evaluate(model, (X, Y), **SETTINGS)


@pytest.mark.slow
@pytest.mark.parametrize("shards", [1, 3, 50])
def test_the_report_is_that_of_one_process(model, whole, shards):
    runner = OneAfterAnother(shards)
    found = kax.evaluate(model, (X, Y), runner=runner, **SETTINGS)
    assert found.to_json() == whole.to_json()
    assert str(found) == str(whole)
    assert [item.index for item in found.examples] == [item.index for item in whole.examples]
    assert runner.told == {1: [4, 8, 12, 16, 20, 23], 3: [4, 8, 4, 8, 4, 7], 50: [4, 4, 4, 4, 4, 3]}[shards]


@pytest.mark.slow
def test_settings_functions_and_targets_arrive(model):
    settings = {
        **SETTINGS,
        "preprocess": halved,
        "bounds": (0, 2),
        "attacks": kax.attacks.PGD(targeted=True, steps=2),
        "attack_targets": (Y + 1) % 3,
        "steps": 5,
        "checks": "all",
        "names": [f"{index} ä.png" for index in range(len(X))],
    }
    expected = kax.evaluate(model, (2 * X, Y), **settings)
    for data in ((2 * X, Y), lambda: (2 * X, Y)):
        found = kax.evaluate(model, data, runner=OneAfterAnother(), **settings)
        assert found.to_json() == expected.to_json()
        assert [sample["name"] for sample in found.samples] == settings["names"][:20]
    without = {**SETTINGS, "explainers": ()}
    assert kax.evaluate(model, X, runner=OneAfterAnother(), **without) == kax.evaluate(model, X, **without)


def halved(images):
    return images / 2


def test_a_wrapper_divides_its_evaluation_too(model):
    wrapped, data = kax.ExplainableModel(model, preprocess=halved, bounds=(0, 2)), (2 * X, Y)
    settings = {**SETTINGS, "explainers": (), "epsilons": (0.1,), "noise_control": False}
    expected = wrapped.evaluate_robustness(data, **settings)
    runner = OneAfterAnother()
    assert wrapped.evaluate_robustness(data, runner=runner, **settings).to_json() == expected.to_json()
    assert runner.told == [4, 8, 4, 8, 4, 7]
    parts = [wrapped.evaluate_robustness(data, shard=(index, 3), **settings) for index in range(3)]
    assert [len(part.measurements) for part in parts] == [8, 8, 7]
    assert kax.EvaluationReport.merge(parts).to_json() == expected.to_json()
    with pytest.raises(ValueError, match="Leave out `shard`, or the runner"):
        wrapped.evaluate_robustness(data, shard=(0, 3), runner=runner, **settings)


def test_scores_are_compared_by_a_runner_too(model):
    class Reached:
        def parts(self, evaluator, *others):
            raise LookupError(str(len(evaluator.plan.explainers)))

    with pytest.raises(LookupError, match="2"):  # one for each score
        kax.compare_scores(model, (X, Y), explainers="grad_cam", runner=Reached(), progress=False)


def test_datasets_are_made_on_the_machines(model, whole):
    def data():
        return tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)

    found = kax.evaluate(model, data, runner=OneAfterAnother(), **SETTINGS)
    by_hand = kax.EvaluationReport.merge(kax.evaluate(model, data, shard=(i, 3), **SETTINGS) for i in range(3))
    assert found.to_json() == by_hand.to_json()
    assert found.measurements.at("confidence").tobytes() == whole.measurements.at("confidence").tobytes()
    with pytest.raises(TypeError, match=r"cannot be sent to other machines\. Pass a function that makes it"):
        kax.evaluate(model, data(), runner=OneAfterAnother(), **SETTINGS)


@pytest.mark.slow
def test_each_shard_has_a_journal_from_which_it_goes_on(model, whole, tmp_path):
    class Stopped(OneAfterAnother):
        def parts(self, *given):
            for number, part in enumerate(super().parts(*given)):
                if number == 3:
                    raise KeyboardInterrupt
                yield part

    with pytest.raises(KeyboardInterrupt):
        kax.evaluate(model, (X, Y), runner=Stopped(), journal=tmp_path, **SETTINGS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["001-of-003.journal", "002-of-003.journal"]
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    found = kax.evaluate(model, (X, Y), runner=OneAfterAnother(), journal=tmp_path, **SETTINGS)
    assert found.to_json() == whole.to_json()
    files = sorted(tmp_path.iterdir())
    assert [path.stat().st_size for path in files[:2]] == sizes  # nothing was measured again
    assert [path.name for path in files] == [f"00{number}-of-003.journal" for number in (1, 2, 3)]


@keras.saving.register_keras_serializable(package="test_job")
class Own(keras.layers.Layer):
    def call(self, x):
        return x


def test_what_cannot_be_sent_is_refused(model, monkeypatch):
    class Unsaved(keras.layers.Layer):
        def __init__(self, needed):
            super().__init__()

        def call(self, x):
            return x

    def own_distance(one, other):
        return tf.reduce_mean(tf.abs(one - other), axis=(1, 2, 3))

    with pytest.raises(ValueError, match=r"settings cannot be sent.*own_distance"):
        kax.evaluate(model, (X, Y), runner=OneAfterAnother(), metrics=own_distance, **SETTINGS)
    layers = [keras.Input((8, 8, 1)), Unsaved(1), keras.layers.Flatten(), keras.layers.Dense(3)]
    with pytest.raises(
        ValueError, match=r"cannot be sent to other machines, since Keras cannot save it|cannot be load"
    ):
        kax.evaluate(keras.Sequential(layers), (X, Y), runner=OneAfterAnother(), explainers=(), **SETTINGS)
    with pytest.raises(TypeError, match=r"Argument `runner` must be one of keras_advxai\.distributed"):
        kax.evaluate(model, (X, Y), runner="ray", **SETTINGS)
    with pytest.raises(TypeError, match="Argument `runner` must be one of"):
        kax.evaluate(model, (X, Y), runner=kax.distributed.RayRunner, **SETTINGS)
    with pytest.raises(ValueError, match="A runner evaluates all shards"):
        kax.evaluate(model, (X, Y), runner=OneAfterAnother(), shard=(0, 2), **SETTINGS)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"RayRunner needs Ray: pip install 'keras-advxai\[ray\]'"):
        kax.evaluate(model, (X, Y), runner=kax.distributed.RayRunner(shards=2), **SETTINGS)
    unknown = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4).filter(lambda x, y: True)
    with pytest.raises(ValueError, match=r"needs to know how many batches"):
        kax.evaluate(model, lambda: unknown, runner=OneAfterAnother(), **SETTINGS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shards": 0}, "Argument `shards` must be"),
        ({"shards": 2, "retries": -1}, "Argument `retries` must be"),
        ({"shards": 2, "resources": {"GPU": "1"}}, "Argument `resources` must be numbers by Ray's names"),
        ({"shards": 2, "resources": {"GPU": -1}}, "Argument `resources` must be numbers by Ray's names"),
    ],
)
def test_the_runner_checks_its_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        kax.distributed.RayRunner(**arguments)
