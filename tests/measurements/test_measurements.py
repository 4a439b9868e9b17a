"""What was measured, chosen, put together and asked: by the declarations of the quantities, bit by bit."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from made_measurements import COORDINATES, assert_same, make_measurements

from keras_advxai import metrics
from keras_advxai.measurements import QUANTITIES, Coordinates, Measurements

SMALL = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1, 0.2), classes=2)


def test_what_is_left_out_is_unknown():
    found = Measurements.of(SMALL, label=[0, 1, 1], prediction=[[0, 1, 1], [1, 1, 1], [1, 0, 1]])
    assert np.isnan(found.arrays["confidence"]).all()
    assert not found.arrays["saturated"].any()
    assert "distance" not in found
    assert "corrupted_dissimilarity" not in found  # nor is it in the files of whoever asked for no corruption
    assert (found.at("distance", attack="fgsm") == -1).all()
    assert len(found) == 3


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"prediction": [[0]] * 3}, "Pass `label` and `prediction` at least. Received: prediction"),
        ({"label": [0], "prediction": [[0]] * 2}, r"'prediction' must have the shape \(3, 1\). Received: \(2, 1\)"),
        ({"label": [0], "prediction": [[2]] * 3}, "measurements.prediction` must lie in -1..1. Received: 2"),
        ({"label": [0.9], "prediction": [[0]] * 3}, "'label' must be of int32. Received: float64"),
        ({"label": [0], "prediction": [[0]] * 3, "confidence": [[1.5]] * 3}, "confidence` must lie in 0..1"),
        (
            {"label": [0], "prediction": [[0]] * 3, "nissim": [0]},
            "There is no quantity nissim. There are: name, label, ",
        ),
        (
            {"label": [0, 1], "prediction": [[0, 1]] * 3, "distance": [[-1, 2]]},
            "of all images of an attack",
        ),
    ],
)
def test_what_does_not_fit_is_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        Measurements.of(SMALL, **arrays)


def test_each_dissimilarity_has_a_largest_value_of_its_own():
    @metrics.register(upper=5)
    def up_to_five(original, perturbed):
        return tf.reduce_mean(original - perturbed, axis=(1, 2, 3))

    known = dataclasses.replace(SMALL, explainers=("grad_cam",), metrics=("nissim", "up_to_five"))
    values = np.full(QUANTITIES["dissimilarity"].shape(known, 3), 0.75, "float32")
    values[1] = 4.5
    outcomes = {"label": [0, 1, 1], "prediction": [[0, 1, 1]] * 3}
    found = Measurements.of(known, **outcomes, dissimilarity=values)
    where = {"attack": "fgsm", "explainer": "grad_cam", "epsilon": 0.1}
    assert (found.at("dissimilarity", metric="up_to_five", **where) == 4.5).all()
    with pytest.raises(ValueError, match=r"dissimilarity` must lie in 0..1. Received: 4.5"):
        Measurements.of(known, **outcomes, dissimilarity=values[::-1])


def test_of_a_dissimilarity_that_is_not_known_here_any_value_may_be():
    known = dataclasses.replace(SMALL, explainers=("grad_cam",), metrics=("elsewhere", "nissim"))
    values = np.full(QUANTITIES["dissimilarity"].shape(known, 1), 0.75, "float32")
    values[0] = 1e6
    found = Measurements.of(known, label=[0], prediction=[[0]] * 3, dissimilarity=values)
    assert found.at("dissimilarity", attack="fgsm", explainer="grad_cam", epsilon=0.1) == 1e6


def test_at_finds_every_number_by_its_labels():
    found, known = make_measurements(), COORDINATES
    for name, item in ((name, QUANTITIES[name]) for name in found.arrays):
        for place in np.ndindex(item.shape(known, 1)[:-1]):
            labels = {}
            for dim, index in zip(item.dims[:-1], place, strict=True):
                if dim != "condition":
                    labels[dim] = known.labels(dim)[index]
                elif index >= known.corrupted_conditions().start:
                    name_at, level = divmod(index - known.corrupted_conditions().start, len(known.severities))
                    labels |= {"attack": known.corruptions[name_at], "severity": known.severities[level]}
                elif index:
                    attack, level = divmod(index - 1, len(known.epsilons))
                    labels |= {"attack": known.attacks[attack], "epsilon": known.epsilons[level]}
            np.testing.assert_array_equal(found.at(name, **labels), found.arrays[name][place])
            if "corruption" in item.dims:  # by the words of attacks, too
                labels["attack"] = labels.pop("corruption")
                np.testing.assert_array_equal(found.at("dissimilarity", **labels), found.arrays[name][place])
    corrupted = found.corrupted
    assert corrupted.coordinates == known.corrupted
    np.testing.assert_array_equal(corrupted.at("prediction"), found.at("prediction"))
    np.testing.assert_array_equal(
        corrupted.at("blank", attack="snow", epsilon=1.0, explainer="grad_cam"), found.arrays["blank"][0, -1]
    )
    assert np.isnan(corrupted.at("perturbation_norm")).all()  # severities have no norm
    assert not {"distance", "attack_target", "out_of_bounds", "zero_gradient"} & set(corrupted.arrays)
    np.testing.assert_array_equal(
        found.select([1, 3]).corrupted.at("confidence", attack="fog"), found.at("confidence", attack="fog")[:, [1, 3]]
    )


def test_a_dimension_that_is_not_named_stays_but_for_metric_and_target():
    found = make_measurements()
    assert found.at("dissimilarity").shape == (3, 3, 2, 5)
    np.testing.assert_array_equal(found.at("dissimilarity"), found.arrays["dissimilarity"][0, :, 0])
    assert found.at("prediction", attack="ddn").shape == (2, 5)
    np.testing.assert_array_equal(found.at("prediction"), found.arrays["prediction"][0])
    with pytest.raises(ValueError, match="has no attack 'fgsn'"):
        found.at("prediction", attack="fgsn")
    with pytest.raises(KeyError):
        found.at("nissim")
    for name, labels, received in (
        ("label", {"attack": "fgsm"}, "attack"),
        ("label", {"epsilon": 0.1}, "epsilon"),
        ("prediction", {"epsilon": 0.1}, "epsilon"),
        ("prediction", {"explainer": "grad_cam", "attack": "fgsm", "epsilon": 0.1}, "attack, epsilon, explainer"),
        ("distance", {"attack": "ddn", "epsilon": 0.1}, "attack, epsilon"),
    ):
        with pytest.raises(ValueError, match=f"epsilon is that of an attack. Received: {received}$"):
            found.at(name, **labels)


@pytest.mark.parametrize(
    "images", [slice(1, 4), slice(None, None, -2), [3, 0, 3], np.array([True, False, True, False, True]), []]
)
def test_select(images):
    found = make_measurements()
    chosen = found.select(images)
    for name, array in found.arrays.items():
        np.testing.assert_array_equal(chosen.arrays[name], array[..., images])
        assert chosen.arrays[name].dtype == array.dtype
    assert chosen.coordinates == found.coordinates


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 12), st.data())
def test_put_together_the_parts_are_the_whole_however_it_was_divided(images, data):
    whole = make_measurements(images)
    cuts = sorted(data.draw(st.lists(st.integers(1, images - 1), min_size=1, max_size=3, unique=True)))
    ends = [0, *cuts, images]
    parts = [whole.select(slice(*pair)) for pair in itertools.pairwise(ends)]
    assert_same(Measurements.concat(parts), whole)
    folded = parts[0]
    for part in parts[1:]:
        folded = folded.append(part)
    assert_same(folded, whole)
    behind = parts[-1]
    for part in parts[-2::-1]:
        behind = part.append(behind)
    assert_same(behind, whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attacks": ("ddn", "pgd_targeted", "noise")}, "attacks .*'uniform_noise'.* and .*'noise'"),
        ({"epsilons": (0.1, 0.03)}, r"epsilons \(0.1, 0.02\) and \(0.1, 0.03\)"),
        ({"classes": 4}, "classes 3 and 4"),
        ({"metrics": ("nissim", "cosine_distance")}, "metrics"),
    ],
)
def test_what_was_measured_differently_is_not_put_together(change, message):
    found = make_measurements()
    other = dataclasses.replace(found, coordinates=dataclasses.replace(COORDINATES, **change))
    with pytest.raises(ValueError, match=f"measured alike.*{message}"):
        found.append(other)


def test_nor_what_has_other_quantities():
    found = make_measurements()
    other = Measurements(COORDINATES, {name: array for name, array in found.arrays.items() if name != "distance"})
    with pytest.raises(ValueError, match="In one part alone: distance"):
        found.append(other)
    with pytest.raises(ValueError, match="at least one part"):
        Measurements.concat([])
