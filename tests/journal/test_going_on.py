"""An evaluation that was stopped after any of its batches goes on, and the report is the same bit by bit."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import random_images
from stopping import Counting, Source, StopError, assert_same_report

import keras_advxai as kax
from keras_advxai.execution.step import Step
from keras_advxai.journal import JournalError

SIZES = [4, 4, 1, 5]
SHAPE = (10, 10, 1)
pytestmark = pytest.mark.filterwarnings("ignore:.*blank")


@pytest.fixture(scope="module")
def net():
    """With statistics that are not initial, and dropout that is always on."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    stack = [
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.GlobalAveragePooling2D(name="mean"),
        layers.Dense(3, name="head"),
    ]
    model = keras.Sequential([keras.Input(SHAPE), *stack], name="net")
    norm = model.get_layer("norm")
    norm.moving_mean.assign([0.1, 0.2, 0.3, 0.4])
    return model


@pytest.fixture(scope="module")
def data():
    x = random_images(sum(SIZES), SHAPE)
    return x, np.arange(len(x)) % 3


def stopped(model, x, y, path, batch, **settings):
    """An evaluation that is stopped at a batch."""
    with pytest.raises((kax.EvaluationError, StopError)):
        kax.evaluate(model, Source(x, y, SIZES, batch), journal=path, progress=False, **settings)


SETTINGS = {
    "usual": {"epsilons": (0.02, 0.1)},
    "random": {
        "epsilons": (0.05, 0.1),
        "attacks": [kax.attacks.PGD(steps=2, seed=3), "uniform_noise"],
        "explainers": ["grad_cam", kax.explainers.SmoothGrad(samples=2)],
        "metrics": ("nissim", "cosine_distance"),
        "seed": 7,
    },
    "targeted": {
        "epsilons": (0.1,),
        "attacks": [kax.attacks.FGSM(targeted=True)],
        "attack_targets": "random",
        "target": "clean",
    },
    "accuracy": {"epsilons": (0.1, 0.2), "explainers": (), "attacks": ["fgsm", kax.attacks.DDN(steps=3)]},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SETTINGS)
def test_after_each_batch(net, data, tmp_path, kind):
    x, y = data
    whole = kax.evaluate(net, Source(x, y, SIZES), progress=False, **SETTINGS[kind])
    for batch in range(len(SIZES) + 1):
        path = tmp_path / f"{batch}.journal"
        if batch < len(SIZES):
            stopped(net, x, y, path, batch, **SETTINGS[kind])
        found = kax.evaluate(net, Source(x, y, SIZES), journal=path, progress=False, **SETTINGS[kind])
        assert_same_report(found, whole)
    again = kax.evaluate(net, Source(x, y, SIZES), journal=path, progress=False, **SETTINGS[kind])
    assert_same_report(again, whole)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regression", "several labels", "without labels"])
def test_models_of_other_kinds(tmp_path, kind):
    x = random_images(6, SHAPE)
    layers = keras.layers
    stack = [layers.Conv2D(2, 3, activation="relu", name="conv"), layers.GlobalAveragePooling2D()]
    head = layers.Dense(3, activation="sigmoid" if kind == "several labels" else None)
    model = keras.Sequential([keras.Input(SHAPE), *stack, head])
    y, settings = {
        "regression": (x[:, 0, :3, 0] * 9 - 4, {"task": "regression"}),
        "several labels": ((x[:, 0, :3, 0] > 0.5).astype(int), {"labels": "multi"}),
        "without labels": (None, {"explainers": kax.explainers.IntegratedGradients(steps=2)}),
    }[kind]
    settings = {"epsilons": (0.1,), "progress": False, **settings}
    data = x if y is None else (x, y)
    whole = kax.evaluate(model, data, batch_size=3, **settings)
    for _ in range(2):
        assert_same_report(kax.evaluate(model, data, batch_size=3, journal=tmp_path / "j", **settings), whole)


def test_what_was_measured_is_not_measured_again(net, data, tmp_path):
    x, y = data
    settings = {"epsilons": (0.1,), "attacks": [Counting()], "noise_control": False, "progress": False}
    Counting.runs = 0
    whole = kax.evaluate(net, Source(x, y, SIZES), **settings)
    assert Counting.runs == 4
    with pytest.raises(kax.EvaluationError):
        kax.evaluate(net, Source(x, y, SIZES, 3), journal=tmp_path / "journal", **settings)
    assert Counting.runs == 4 + 3
    assert_same_report(kax.evaluate(net, Source(x, y, SIZES), journal=tmp_path / "journal", **settings), whole)
    assert Counting.runs == 4 + 3 + 1 + 1  # the last batch that it had, for its last heatmaps, and the one that is left
    assert_same_report(kax.evaluate(net, Source(x, y, SIZES), journal=tmp_path / "journal", **settings), whole)
    assert Counting.runs == 4 + 3 + 1 + 1  # a finished one runs nothing


@pytest.mark.parametrize("kind", ["arrays", "dataset", "without_labels"])
def test_every_kind_of_data(net, data, tmp_path, kind, monkeypatch):
    x, y = data
    given = {
        "arrays": (x, y),
        "dataset": tf.data.Dataset.from_tensor_slices((x, y)).batch(4),
        "without_labels": tf.data.Dataset.from_tensor_slices(x).batch(4).filter(lambda x: True),
    }[kind]
    settings = {"epsilons": (0.1,), "batch_size": 4, "progress": False}
    whole = kax.evaluate(net, given, **settings)
    measure, done = Step.__call__, []

    def fail(*args, **kwargs):
        if len(done) == 2:
            raise StopError
        done.append(1)
        return measure(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(Step, "__call__", fail)
        with pytest.raises(kax.EvaluationError, match="Batch 2 of the data failed, after 2 "):
            kax.evaluate(net, given, journal=tmp_path / "journal", **settings)
    assert_same_report(kax.evaluate(net, given, journal=tmp_path / "journal", **settings), whole)


@pytest.mark.slow
def test_the_audit_runs_again(net, data, tmp_path):
    x, y = data
    settings = {"epsilons": (0.1,), "explainers": (), "checks": "all", "progress": False}
    whole = kax.evaluate(net, Source(x, y, SIZES), **settings)
    with pytest.raises(kax.EvaluationError):
        kax.evaluate(net, Source(x, y, SIZES, 3), journal=tmp_path / "journal", **settings)
    for _ in range(2):
        assert_same_report(kax.evaluate(net, Source(x, y, SIZES), journal=tmp_path / "journal", **settings), whole)


@pytest.mark.slow
def test_images_of_several_sizes_and_what_a_model_takes_beside_them(tmp_path):
    layers = keras.layers
    images, beside = layers.Input((None, None, 1), name="images"), layers.Input((1,), name="beside")
    features = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 3, activation="relu", name="conv")(images))
    model = keras.Model([images, beside], layers.Dense(2)(layers.Concatenate()([features, beside])))

    class Sizes(keras.utils.PyDataset):
        def __init__(self, shift=0.0, fails_at=None):
            super().__init__()
            self.shift, self.fails_at = shift, fails_at

        def __len__(self):
            return 3

        def __getitem__(self, index):
            if index == self.fails_at:
                raise StopError
            side = 9 + index
            beside = np.full((2, 1), index + self.shift, "float32")
            return {"images": random_images(2, (side, side, 1), index), "beside": beside}, np.array([0, 1])

    settings = {"input": "images", "epsilons": (0.1,), "progress": False}
    whole = kax.evaluate(model, Sizes(), **settings)
    assert any(finding.id == "several-sizes" for finding in whole.warnings)
    with pytest.raises(kax.EvaluationError):
        kax.evaluate(model, Sizes(fails_at=2), journal=tmp_path / "journal", **settings)
    with pytest.raises(JournalError, match="Batch 0 of the data is not the one"):
        kax.evaluate(model, Sizes(shift=0.1), journal=tmp_path / "journal", **settings)
    assert_same_report(kax.evaluate(model, Sizes(), journal=tmp_path / "journal", **settings), whole)


@pytest.mark.slow
def test_the_bar_begins_where_it_goes_on(net, data, tmp_path, capsys):
    x, y = data
    settings = {"epsilons": (0.1,), "explainers": (), "batch_size": 4}
    kax.evaluate(net, (x, y), journal=tmp_path / "journal", **settings)
    capsys.readouterr()
    kax.evaluate(net, (x, y), journal=tmp_path / "journal", **settings)
    assert "14/14" in capsys.readouterr().err.split("\r")[1]


@pytest.mark.slow
def test_the_wrapper_and_the_comparison_of_scores_take_it_too(net, data, tmp_path):
    x, y = data
    model = kax.ExplainableModel(net)
    settings = {"epsilons": (0.1,), "explainers": (), "progress": False}
    whole = model.evaluate_robustness((x, y), journal=tmp_path / "first", **settings)
    assert_same_report(model.evaluate_robustness((x, y), journal=tmp_path / "first", **settings), whole)
    settings = {"explainers": "grad_cam", "progress": False}
    one = kax.compare_scores(net, x, journal=tmp_path / "second", **settings)
    other = kax.compare_scores(net, x, journal=tmp_path / "second", **settings)
    assert (tmp_path / "second").stat().st_size > 1000
    assert one.to_json() == other.to_json()
