"""What a report says of how it was measured, by itself and against the measurements."""

from __future__ import annotations

import pytest
from made_measurements import make_measurements, make_report

from keras_advxai import EvaluationReport
from keras_advxai.measurements import Coordinates, Measurements

CONFIG = make_report().to_dict()


def test_what_is_said_of_explainers_that_are_not_there_is_left_out():
    report = make_report(layers={"grad_cam": ["conv"], "saliency": []}, depths={}, norms={"ddn": "l2", "square": "l2"})
    assert report.provenance["layers"] == {"grad_cam": ["conv"]}
    assert report.provenance["norms"] == {"ddn": "l2"}
    assert EvaluationReport.from_json(report.to_json()) == report


def test_what_is_left_out_has_its_usual_value():
    provenance = EvaluationReport(make_measurements(), {"model": "net"}).provenance
    assert provenance["target"] == "predicted"
    assert provenance["labels"] == "given"
    assert provenance["norms"] == provenance["layers"] == {}


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("model", 3),
        ("model", "\ud800"),
        ("bounds", [1, 0]),
        ("bounds", [0, 10**400]),
        ("bounds", [0, float("nan")]),
        ("bounds", [0]),
        ("bounds", [0, 1, 2]),
        ("bounds", [1, 1]),
        ("bounds", ["0", "1"]),
        ("bounds", [False, True]),
        ("bounds", {0: 1, 1: 2}),
        ("bounds", None),
        ("preprocess", 3),
        ("reduce", ["mean"]),
        ("task", "detection"),
        ("fold_batch_norm", 1),
        ("jit_compile", None),
        ("class_names", "cat"),
        ("class_names", ["cat", 1]),
        ("labels", "guessed"),
        ("ssim", None),
        ("data_sha256", 0),
        ("source", 0),
        ("head", "cubic"),
        ("target", "clean"),
        ("target", ["predicted"]),
        ("norms", {"square": "linf"}),
        ("norms", {"ddn": "l3"}),
        ("aims", {"square": "label"}),
        ("layers", {"saliency": []}),
        ("layers", {"grad_cam": "conv"}),
        ("depths", {"grad_cam": []}),
        ("depths", {"grad_cam": [True]}),
        ("score_pairs", {"grad_cam": "saliency"}),
        ("score_pairs", {"grad_cam": "grad_cam"}),
        ("attack_targets", 3),
        ("attack_targets", 0),
        ("attack_targets", "nearest"),
        ("heatmap_size", [1, 2, 3, 4]),
        ("seed", -1),
        ("seed", 2**63),
        ("seed", 1.0),
        ("seed", True),
        ("settings", {"epsilons": [float("inf")]}),
        ("settings", {"attacks": object()}),
        ("settings", {1: 2}),
        ("settings", {"seed": 5}),
        ("settings", {"target": "clean"}),
        ("settings", {"epsilons": [0.3]}),
        ("settings", {"epsilons": 0.3}),
        ("settings", {"metrics": [["nissim"]]}),
        ("versions", {"numpy": 2}),
    ],
)
def test_an_entry_that_is_wrong_is_named(entry, value):
    with pytest.raises(ValueError, match=f"`provenance.{entry}` must"):
        EvaluationReport.from_dict({**CONFIG, "provenance": {**CONFIG["provenance"], entry: value}})


@pytest.mark.parametrize("seed", [0, 127, 2**32, 2**63 - 1])
def test_a_seed_is_any_whole_number_of_64_bits(seed):
    assert EvaluationReport(make_measurements(), {"model": "net", "seed": seed}).provenance["seed"] == seed


@pytest.mark.parametrize(
    ("norms", "epsilons", "fits"),
    [
        (("linf", "linf"), (0.1, 1.0), True),
        (("linf", "linf"), (0.1, 1.5), False),
        (("l2", "l2"), (0.1, 1.5), True),
        (("linf", "l2"), (0.1, 1.5), True),  # both are measured at all of the epsilons
    ],
)
def test_in_linf_alone_no_epsilon_is_wider_than_the_bounds(norms, epsilons, fits):
    known = Coordinates(("one", "other"), (), ("nissim",), ("predicted",), epsilons, classes=2)
    found = Measurements.of(known, label=[0], prediction=[[0]] * 5)
    provenance = {"norms": dict(zip(known.attacks, norms, strict=True))}
    if fits:
        assert EvaluationReport(found, provenance).epsilons == epsilons
        return
    with pytest.raises(
        ValueError, match=r"`provenance\.norms` must agree .* an epsilon is at most 1, the width of the"
    ):
        EvaluationReport(found, provenance)


@pytest.mark.parametrize("rule", ["least_likely", "runner_up", "random", "given", 0, 2, None])
def test_targets_are_a_rule_a_class_or_nothing(rule):
    found = make_measurements()
    targets = found.arrays["attack_target"].copy()
    targets[targets >= 0] = rule if isinstance(rule, int) else 1
    found = Measurements.of(found.coordinates, **{**found.arrays, "attack_target": targets})
    report = EvaluationReport(found, {"model": "net", "attack_targets": rule})
    assert report.provenance["attack_targets"] == rule
    if isinstance(rule, int):
        with pytest.raises(ValueError, match="a targeted attack was to reach another class than 1"):
            EvaluationReport(found, {"model": "net", "attack_targets": 1})


def test_an_entry_that_does_not_belong_there_is_named():
    with pytest.raises(ValueError, match=r"`provenance` has no entry 'colour'. It has: model, bounds"):
        make_report(colour="red")
