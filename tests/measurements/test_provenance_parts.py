"""What a report of one part of the data, or of a part that was measured before an error, says of that part."""

from __future__ import annotations

from typing import Any

import pytest
from made_measurements import make_measurements, make_report

from keras_advxai import EvaluationReport
from keras_advxai.measurements.part import MOMENTS

PART: dict[str, Any] = {
    "shard": [0, 2],
    "batches": [0, 2],
    "of_batches": 4,
    "first": 0,
    "of_images": None,
    "hashes": ["aa", "bb"],
    "weights_sha256": "cc",
    "shapes": [[6, 6, 1]],
    "has_sample_weights": False,
    "unsure_logits": True,
    "visible_end": None,
    "ways_out": {"grad_cam": "probability"},
    "random": [],
    "non_finite_weights": [],
    "arriving": {"layer": "bn", **{key: [0.5, None] for key in MOMENTS}},
    "other_range": ["[0, 255]", 32, 3, 30, 2, 31, 0.5],
    "audit": [{"id": "more-steps", "severity": "note", "text": "More."}],
}
OF_SOME = {
    "own_prediction": "Net.predict_step",
    "own_evaluation": "Net.test_step",
    "own_threshold": 0.9,
    "unmerged": ["a", "b"],
    "passed_over": ["a"],
    "mixing_layer": "",
    "stateful": ["lstm"],
    "answer": {"logits": [0.5, -1.0], "rounding": 0.001, "shape": [4, 4, 1]},
}
PARTIAL = {"images": 5, "of": None, "batch": 1, "batches": 4, "reason": "The disk is full."}


@pytest.mark.parametrize("more", [{}, OF_SOME, *({key: value} for key, value in OF_SOME.items())], ids=str)
def test_what_is_known_of_a_part_comes_back(more):
    report = make_report(part={**PART, **more})
    assert report.provenance["part"] == {**PART, **more}
    assert EvaluationReport.from_json(report.to_json()) == report
    assert make_report(part=None).provenance["part"] is None


@pytest.mark.parametrize("name", PART)
def test_nothing_of_it_may_be_missing(name):
    with pytest.raises(ValueError, match=r"`provenance\.part` must"):
        make_report(part={key: value for key, value in PART.items() if key != name})


@pytest.mark.parametrize(
    "wrong",
    [
        {"shard": [2, 2]},
        {"shard": [0, 2, 3]},
        {"shard": 2},
        {"batches": [-1, 2]},
        {"of_batches": -1},
        {"first": True},
        {"of_images": "many"},
        {"hashes": "aa"},
        {"weights_sha256": None},
        {"shapes": [[6, 6.0, 1]]},
        {"has_sample_weights": 0},
        {"visible_end": 3},
        {"visible_end": "\ud800"},
        {"ways_out": ["grad_cam"]},
        {"arriving": "bn"},
        {"arriving": {**PART["arriving"], "layer": None}},
        {"arriving": {**PART["arriving"], MOMENTS[0]: [0.5]}},
        {"arriving": {**PART["arriving"], MOMENTS[0]: [1, None]}},
        {"arriving": {"layer": "bn"}},
        {"other_range": "[0, 1]."},  # a text of seven characters
        {"other_range": PART["other_range"][:-1]},
        {"other_range": [*PART["other_range"][:-2], 0.5]},
        {"other_range": [*PART["other_range"], 1]},
        {"other_range": [*PART["other_range"][:-1], 1.5]},
        {"other_range": [*PART["other_range"][:-1], 1]},
        {"other_range": ["[0, 255]", 0, *PART["other_range"][2:]]},
        {"audit": [{"id": "more-steps"}]},
        {"own_threshold": "0.9"},
        {"own_threshold": float("nan")},
        {"own_prediction": None},
        {"stateful": "lstm"},
        {"answer": [0.5]},
        {"answer": {"logits": [0.5]}},
        {"answer": {"logits": ["0.5"], "rounding": 0.001, "shape": [4, 4, 1]}},
        {"answer": {"logits": [0.5], "rounding": None, "shape": [4, 4, 1]}},
        {"answer": {"logits": [0.5], "rounding": 0.001, "shape": [4, 4.0, 1]}},
        {"answer": {"logits": [0.5], "rounding": 0.001, "shape": 4}},
        {"colour": "red"},
    ],
    ids=str,
)
def test_what_it_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=r"`provenance\.part` must"):
        make_report(part={**PART, **wrong})
    with pytest.raises(ValueError, match=r"`provenance\.part` must"):
        make_report(part=[*PART])


def test_a_partial_report_says_where_and_why_it_stopped():
    assert make_report(partial=PARTIAL).provenance["partial"] == PARTIAL
    wrong: list[Any] = [{key: value for key, value in PARTIAL.items() if key != name} for name in PARTIAL]
    wrong += [{**PARTIAL, "images": -1}, {**PARTIAL, "of": "many"}, {**PARTIAL, "reason": 3}, {**PARTIAL, "why": ""}]
    for given in (*wrong, [], 3, [*PARTIAL]):
        with pytest.raises(ValueError, match=r"`provenance\.partial` must"):
            make_report(partial=given)


def test_what_older_reports_do_not_say_has_the_value_that_it_had():
    found = EvaluationReport(make_measurements(), {"model": "net"}).provenance
    expected = {
        "bounds": [0.0, 1.0],
        "preprocess": None,
        "reduce": None,
        "task": "classification",
        "fold_batch_norm": False,
        "jit_compile": False,
        "head": "softmax",
        "class_names": [],
        "attack_targets": None,
        "seed": 0,
        "part": None,
        "partial": None,
    }
    assert {name: found[name] for name in expected} == expected


def test_a_target_of_another_report_is_refused_with_the_first_of_this_one():
    with pytest.raises(ValueError, match=r"`provenance\.target` must .*: the first of their targets is 'predicted'\."):
        make_report(target="clean")
