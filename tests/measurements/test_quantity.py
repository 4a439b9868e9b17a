"""Another quantity is one declaration: traced, gathered, chosen, put together, saved and loaded by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from made_measurements import COORDINATES, assert_same, make_measurements

import keras_advxai as kax
from keras_advxai.measurements import QUANTITIES, Measurements, quantity
from keras_advxai.measurements.quantity import NAMED


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


LABELS = ("true_labels", "predicted_labels")
"""What is measured of several labels alone."""


def nested(values: np.ndarray, labels: Sequence[Sequence[str]]) -> Any:
    """Dictionaries by the labels of the first dimensions."""
    if not labels:
        return values
    return {label: nested(part, labels[1:]) for label, part in zip(labels[0], values, strict=True)}


def returned(found: Measurements) -> dict[str, dict[str, Any]]:
    """What the compiled step would have returned, for these measurements to be gathered from it."""
    known = found.coordinates
    measured: dict[str, dict[str, Any]] = {place: {} for place in ("clean", *known.attacks, *known.corruptions)}
    for name, array in found.arrays.items():
        item = QUANTITIES[name]
        along = next((dim for dim in ("condition", "attack", "corruption") if dim in item.dims), None)
        for place, values in measured.items():
            if along is None:
                if place != "clean":
                    continue
                part = array
            elif along == "condition":
                corrupted = place in known.corruptions
                where = (
                    known.corrupted_conditions(place)
                    if corrupted
                    else known.conditions(None if place == "clean" else place)
                )
                part = array[(slice(None),) * item.dims.index(along) + (where,)]
            elif place in known.labels(along):
                part = np.take(array, known.index(along, place), axis=item.dims.index(along))
            else:
                continue
            if "class" in item.dims:
                part = np.moveaxis(part, 0, -1)
            values[item.source or name] = nested(part, [known.labels(dim) for dim in item.dims if dim in NAMED])
    return measured


@pytest.mark.parametrize("several", [False, True], ids=["one class", "several labels"])
def test_each_value_of_a_step_is_gathered_to_its_place(several):
    found = make_measurements(4)
    if several:
        draw = np.random.default_rng(0)
        labels = {name: draw.random(QUANTITIES[name].shape(COORDINATES, 4)) < 0.5 for name in LABELS}
        found = Measurements.of(COORDINATES, **{**found.arrays, **labels})
    assert_same(Measurements.gather(COORDINATES, returned(found)), found)


def test_what_a_step_did_not_measure_is_unknown_or_not_there():
    known = dataclasses.replace(COORDINATES, corruptions=(), severities=())
    found = make_measurements(4, coordinates=known)
    measured = returned(found)
    for attack in known.attacks:
        del measured[attack]["dissimilarity"]["nissim"]["integrated_gradients"]["clean"]  # a costly explainer's
        del measured[attack]["perturbation_norm"]
        measured[attack]["distance"] = None
    gathered = Measurements.gather(known, measured)
    where = {"metric": "nissim", "explainer": "integrated_gradients"}
    assert np.isnan(gathered.at("dissimilarity", target="clean", **where)).all()
    for target, explainer in (("predicted", "integrated_gradients"), ("clean", "grad_cam")):
        at = {"metric": "nissim", "explainer": explainer, "target": target}
        np.testing.assert_array_equal(gathered.at("dissimilarity", **at), found.at("dissimilarity", **at))
    assert np.isnan(gathered.arrays["perturbation_norm"]).all()  # which every report has
    assert set(found.arrays) - set(gathered.arrays) == {"distance", "corrupted_dissimilarity"}
