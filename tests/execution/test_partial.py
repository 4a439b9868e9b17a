"""A batch that fails leaves what was measured before, marked as partial."""

from __future__ import annotations

import dataclasses
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import random_images

import keras_advxai as kax
from keras_advxai.audit import CHECKS
from keras_advxai.evaluation import EvaluationReport

SHAPE = (6, 6, 1)
SETTINGS = {"epsilons": (0.1, 0.2), "explainers": (), "progress": False}


class Data(keras.utils.PyDataset):
    """Batches of three, of which one fails in some way."""

    def __init__(self, fails_at=None, way=None, count=5):
        super().__init__()
        self.x, self.y = random_images(3 * count, SHAPE), np.arange(3 * count) % 3
        self.fails_at, self.way, self.count = fails_at, way, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        chosen = slice(3 * index, 3 * index + 3)
        x, y = np.array(self.x[chosen]), self.y[chosen]
        if index == self.fails_at:
            if isinstance(self.way, BaseException):
                raise self.way
            if self.way == "NaN":
                x[1, 2, 2] = np.nan
            if self.way == "label":
                y = y + 7
            if self.way == "shape":
                x = x[:, :, :3]
        return x, y


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(1)
    layers = keras.layers
    stack = [layers.Conv2D(2, 3, activation="relu", name="conv"), layers.Flatten(), layers.Dense(3)]
    return keras.Sequential([keras.Input(SHAPE), *stack], name="net")


@pytest.fixture(scope="module")
def first(net):
    """The report of the first three batches alone."""
    return kax.evaluate(net, Data(count=3), **SETTINGS)


def assert_is_of_the_first(report, first, reason):
    for name, array in first.measurements.arrays.items():
        np.testing.assert_array_equal(report.measurements.arrays[name], array, err_msg=name)
    assert report.provenance["data_sha256"] == first.provenance["data_sha256"]
    known = report.provenance["partial"]
    assert {**known, "reason": ""} == {"images": 9, "of": None, "batch": 3, "batches": 5, "reason": ""}
    assert reason in known["reason"]
    finding = report.warnings[0]
    assert (finding.id, finding.severity) == ("partial", "error")
    assert "stopped after 9 images, at batch 3 of the data (after 3 of 5 batches; " in finding
    assert report.warnings[1:] == first.warnings
    assert str(report).splitlines()[1].startswith("PARTIAL: 9 images, up to batch 3, which failed: ")
    assert first.provenance["partial"] is None
    assert "PARTIAL" not in str(first)


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (OSError("No such file: 'cat.png'"), "No such file: 'cat.png'"),
        (KeyError("label"), "label"),
        (MemoryError(), ""),
        ("NaN", "batch 3 of the data"),
        ("label", "the labels of batch 3 of the data"),
        ("shape", "batch 3 of the data"),
    ],
)
def test_what_was_measured_before(net, first, way, said):
    with pytest.raises(
        kax.EvaluationError, match=r"^Batch 3 of the data failed, after 3 of 5 batches with 9 images: "
    ) as e:
        kax.evaluate(net, Data(3, way), **SETTINGS)
    assert said in str(e.value)
    assert str(e.value.__cause__) in str(e.value)
    assert isinstance(e.value, ValueError)
    if isinstance(way, BaseException):
        assert e.value.__cause__ is way
    assert_is_of_the_first(e.value.report, first, said)
    assert_is_of_the_first(kax.evaluate(net, Data(3, way), on_error="partial", **SETTINGS), first, said)


def test_a_generator_that_raises(net, first):
    """TensorFlow tells of it in a hundred lines, with paths and tracebacks."""
    data = Data(3, OSError("No such file"))
    signature = (tf.TensorSpec((None, *SHAPE)), tf.TensorSpec((None,), tf.int64))
    stream = tf.data.Dataset.from_generator(lambda: (data[i] for i in range(5)), output_signature=signature)
    with pytest.raises(
        kax.EvaluationError, match=r"(?s)^Batch 3 of the data failed, after 3 batches .*No such file"
    ) as e:
        kax.evaluate(net, stream, **SETTINGS)
    known = e.value.report.provenance["partial"]
    assert known["batches"] is None
    assert len(known["reason"]) < 400
    np.testing.assert_array_equal(e.value.report.measurements.at("prediction"), first.measurements.at("prediction"))


def test_an_attack_that_fails_on_some_images_of_arrays(net):
    class Picky(kax.attacks.Attack):
        def perturb(self, model, x, y, epsilon, forward):
            with tf.control_dependencies([tf.debugging.assert_less(tf.reduce_max(x), 2.0, "too bright")]):
                return tf.identity(x)

    data = Data()
    x = np.array(data.x)
    x[7] = 3
    wide = kax.ImageClassifier(net, bounds=(0, 4))
    settings = {**SETTINGS, "attacks": [Picky()], "batch_size": 3}
    found = kax.evaluate(wide, (x, data.y), on_error="partial", **settings)
    assert len(found.measurements) == 6
    assert found.provenance["partial"]["of"] == 15
    assert (
        "after 6 of 15 images, at batch 2 of the data (after 2 of 5 batches; InvalidArgumentError: "
        in found.warnings[0]
    )


def test_what_fails_before_anything_was_measured_is_raised_as_it_is(net):
    for on_error in ("raise", "partial"):
        with pytest.raises(OSError, match=r"^No such file$"):
            kax.evaluate(net, Data(0, OSError("No such file")), on_error=on_error, **SETTINGS)
    with pytest.raises(ValueError, match="must be one of raise, partial"):
        kax.evaluate(net, Data(), on_error="ignore", **SETTINGS)


def test_an_interruption_has_the_report_too(net, first):
    with pytest.raises(KeyboardInterrupt) as e:
        kax.evaluate(net, Data(3, KeyboardInterrupt()), on_error="partial", **SETTINGS)
    assert_is_of_the_first(e.value.report, first, "KeyboardInterrupt")


def test_files_keep_it_and_what_else_stands_there_is_refused(net, tmp_path):
    report = kax.evaluate(net, Data(3, OSError("No \0 \ud800 file\nmore")), on_error="partial", **SETTINGS)
    assert "\0" not in report.provenance["partial"]["reason"]
    report.save(tmp_path / "report.npz")
    for again in (EvaluationReport.load(tmp_path / "report.npz"), EvaluationReport.from_json(report.to_json())):
        assert again.provenance == report.provenance
        assert again.warnings == report.warnings
        assert str(again) == str(report)
    config = report.to_dict()
    for wrong in ({}, {**config["provenance"]["partial"], "images": -1}, "partial", {"images": 9}):
        with pytest.raises(ValueError, match=r"`provenance.partial` must be where and why it stopped, or nothing"):
            EvaluationReport.from_dict({**config, "provenance": {**config["provenance"], "partial": wrong}})


def test_the_error_goes_from_process_to_process(net):
    with pytest.raises(kax.EvaluationError) as e:
        kax.evaluate(net, Data(3, OSError("No such file")), **SETTINGS)
    again = pickle.loads(pickle.dumps(e.value))
    assert str(again) == str(e.value)
    assert again.report == e.value.report


class Narrow(kax.attacks.FGSM):
    """An attack that is not made for the budgets that an audit tries."""

    def perturb(self, model, x, y, epsilon, forward):
        with tf.control_dependencies([tf.debugging.assert_greater(tf.reduce_min(epsilon), 0.05, "too little")]):
            return super().perturb(model, x, y, tf.identity(epsilon), forward)


@pytest.mark.slow
def test_an_audit_that_fails_does_not_take_the_report_with_it(net):
    settings = {**SETTINGS, "attacks": Narrow()}
    whole = kax.evaluate(net, Data(), **settings)
    with pytest.raises(kax.EvaluationError, match=r"^The audit, checks='all', failed: [\s\S]*too little") as e:
        kax.evaluate(net, Data(), checks="all", **settings)
    assert e.value.report.rows == whole.rows
    found = kax.evaluate(net, Data(), checks="all", on_error="partial", **settings)
    assert found.rows == whole.rows
    assert (found.warnings[0].id, found.warnings[0].severity) == ("partial", "error")


def test_a_check_of_an_audit_that_fails_does_not_take_the_others_findings_with_it(net, monkeypatch):
    """Those that come behind it, too; a cause that could not be looked at is no reason to be silent."""

    def failing(seen):
        raise MemoryError("too large")

    ways = {name: lambda seen: "Something." for name in CHECKS.all}
    ways |= {"random-model": lambda seen: None, "other-predictions": failing}
    made = {name: dataclasses.replace(CHECKS.all[name], run=run) for name, run in ways.items()}
    monkeypatch.setattr(CHECKS, "all", made)
    expected = [name for name in made if name not in ("random-model", "other-predictions")]
    assert len(expected) > 5
    with pytest.raises(kax.EvaluationError, match=r"the check other-predictions: too large\n.*other checks") as e:
        kax.evaluate(net, Data(), checks="all", **SETTINGS)
    assert [finding.id for finding in e.value.report.warnings][: len(expected)] == expected
    found = kax.evaluate(net, Data(), checks="all", on_error="partial", **SETTINGS)
    assert [finding.id for finding in found.warnings][: len(expected) + 1] == ["partial", *expected]


@pytest.mark.slow
def test_a_partial_report_is_audited_on_what_was_measured(net):
    found = kax.evaluate(net, Data(3, "NaN"), checks="all", on_error="partial", **SETTINGS)
    alone = kax.evaluate(net, Data(count=3), checks="all", **SETTINGS)
    assert found.warnings[-len(alone.warnings) :] == alone.warnings or {*alone.warnings} < {*found.warnings}
    assert {finding.id for finding in found.warnings} == {"partial"} | {finding.id for finding in alone.warnings}
