"""The results of attacks on explanations, and their tables."""

from __future__ import annotations

import json

import digits
import pytest

from benchmarks import explanation_attacks, explanation_table
from benchmarks.harness import RESULTS

ROW = {
    "model": "digits, plain",
    "norm": "linf",
    "epsilon": 0.1,
    "explainer": "Grad-CAM",
    "images": 8,
    "mod": {"uniform_noise": 0.02, "sign_noise": 0.03, "fgsm": 0.05, "pgd": 0.04, "explanation_pgd": 0.11},
    "flipped": {"uniform_noise": 0, "sign_noise": 1, "fgsm": 5, "pgd": 7, "explanation_pgd": 0},
}
ENVIRONMENT = {"processor": "Some CPU", "cores": 4, "system": "Linux x86_64", "versions": {"python": "3.11.7"}}


def test_what_is_told():
    others = [{**ROW, "norm": "l2"}, {**ROW, "model": "faces"}, {**ROW, "model": "faces", "epsilon": 0.05}]
    report = {"environment": ENVIRONMENT, "rows": [ROW, *others]}
    mods = "| digits, plain, L-infinity 0.1 | Grad-CAM | 0.020 | 0.030 | 0.050 | 0.040 | **0.110** |"
    lines = explanation_table.render(report).splitlines()
    assert f"{mods} 5.5 times | 5 of 8 | 7 of 8 | 0 of 8 |" in lines
    assert [line.split(" | ")[0] for line in explanation_table.summary(report).splitlines()[2:]] == [
        "| digits, plain, L-infinity 0.1", "| faces, L-infinity 0.05"
    ]  # fmt: skip
    assert mods in explanation_table.summary(report).splitlines()


def test_the_results_are_complete_and_every_prediction_stayed():
    report = json.loads((RESULTS / "explanation_attacks.json").read_text(encoding="utf-8"))
    budgets = len(explanation_attacks.MODELS) * len(digits.EPSILONS) + len(explanation_attacks.FACES_EPSILONS)
    assert len(report["rows"]) == budgets * len(explanation_attacks.EXPLAINERS)
    for row in report["rows"]:
        assert set(row["mod"]) == set(explanation_attacks.ATTACKS)
        assert row["flipped"]["explanation_pgd"] == 0
        assert row["mod"]["explanation_pgd"] == max(row["mod"].values())


def test_an_attack_is_known_by_the_begin_of_its_name():
    assert explanation_attacks.short("explanation_pgd_saliency_l2") == "explanation_pgd"
    assert explanation_attacks.short("uniform_noise_l2") == "uniform_noise"
    with pytest.raises(StopIteration):
        explanation_attacks.short("square")
