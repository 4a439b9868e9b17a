"""Another quantity is one declaration: traced, gathered, chosen, put together, saved and loaded by it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf
from made_measurements import assert_same

import keras_advxai as kax
from keras_advxai.measurements import QUANTITIES, Measurements, quantity


@pytest.fixture
def brightness() -> Iterator[str]:
    """A quantity that is declared for as long as a test runs."""

    @quantity("condition", "image", dtype="float32", limits=(0, 1))
    def brightness(seen):
        """The mean of the pixels."""
        return tf.reduce_mean(seen.images, axis=(1, 2, 3))

    yield "brightness"
    del QUANTITIES["brightness"]


def test_a_quantity_is_one_declaration(brightness, build, few, tmp_path):
    x, y = few
    settings = {"attacks": "fgsm", "explainers": (), "epsilons": (0.1, 0.2), "noise_control": False}
    report = kax.evaluate(build(), (x, y), batch_size=4, **settings)
    found = report.measurements
    assert QUANTITIES[brightness].doc == "The mean of the pixels."
    np.testing.assert_allclose(found.at(brightness), x.mean(axis=(1, 2, 3)), rtol=1e-5)
    apart = np.abs(found.at(brightness, attack="fgsm", epsilon=0.2) - found.at(brightness))
    assert (apart > 0).any()
    assert (apart <= 0.2 + 1e-6).all()
    assert report.samples[0][brightness].keys() == {"clean", "fgsm"}
    np.testing.assert_array_equal(found.select([2]).at(brightness), found.at(brightness)[2:3])
    assert_same(Measurements.concat([found.select(slice(2)), found.select(slice(2, None))]), found)
    report.save(tmp_path / "report.npz")
    assert_same(kax.EvaluationReport.load(tmp_path / "report.npz").measurements, found)
    assert_same(kax.EvaluationReport.from_json(report.to_json()).measurements, found)
    assert kax.EvaluationReport.from_json(report.to_json()).settings == report.settings
    wrong = report.to_dict()
    wrong["measurements"]["quantities"][brightness][0][0] = 1.5
    with pytest.raises(ValueError, match=r"`measurements.brightness` must lie in 0..1. Received: 1.5"):
        kax.EvaluationReport.from_dict(wrong)


def test_afterwards_there_is_none_of_that_name():
    assert "brightness" not in QUANTITIES
