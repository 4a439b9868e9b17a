"""Who judges adversarial images, what is told of a library that fails, and the tables."""

from __future__ import annotations

import json

import digits
import helpers
import numpy as np
import pytest

from benchmarks import robustness, robustness_table, table
from benchmarks.attackers import Task
from benchmarks.harness import RESULTS
from benchmarks.processes import ROOT

TIMES = {"median": 12.5, "min": 12.0, "max": 13.0}
REPORT = {
    "environment": {"processor": "Some CPU", "cores": 4, "system": "Linux x86_64", "versions": {"python": "3.11.7"}},
    "images": 8,
    "steps": 10,
    "step_sizes": {"pgd": 0.25},
    "epsilons": {"linf": 0.1},
    "clean": {"plain": 8},
    "rows": [
        {
            "model": "plain",
            "norm": "linf",
            "attack": "pgd",
            "robust": {"keras-advxai": 2, "cleverhans": 3, "CleverHans(...)": 2, "ART": 4},
            "invalid": {"keras-advxai": 0, "cleverhans": 0, "CleverHans(...)": 0, "ART": 1},
            "errors": {"Foolbox": "ValueError: no"},
        }
    ],
    "pgd": [
        {
            "model": "plain",
            "norm": "linf",
            "ratios": {"keras-advxai": {"wall": {"median": 0.5, "min": 0.4, "max": 0.6}, "cpu": TIMES}},
        }
    ],
    "full": [
        {
            "model": "plain",
            "norm": "linf",
            "robust": {"standard": 2, "AutoAttack": 1},
            "only": {"standard": 1, "AutoAttack": 0},
            "ratio": TIMES,
        }
    ],
}


@pytest.fixture
def task() -> Task:
    """Two pixels: the brighter one is the class."""
    model = helpers.linear_model(np.eye(2), (1, 2, 1))
    x = np.array([[0.4, 0.6], [0.6, 0.4], [0.4, 0.6]], "float32").reshape(3, 1, 2, 1)
    return Task(model, x, np.array([1, 0, 0]), "linf", 0.15)


def test_the_model_and_not_the_library_says_what_is_robust(task):
    flipped = task.x[:, :, ::-1]
    moved = np.float32([[0.5, 0.45], [0.5, 0.45], [0.5, 0.45]]).reshape(task.x.shape)
    assert [flags.tolist() for flags in robustness.judged(moved, task)] == [[False, True, False], [False] * 3]
    # Beyond the budget, the first two count as standing. The third was misclassified from the beginning.
    assert [flags.tolist() for flags in robustness.judged(flipped, task)] == [[True, True, False], [True] * 3]
    assert robustness.judged(np.full_like(task.x, np.nan), task)[1].all()


def test_a_library_that_fails_is_told_in_a_line(task):
    def fail() -> np.ndarray:
        raise RuntimeError("not for TensorFlow\nsee elsewhere")

    assert robustness.attempt(fail, task) == "RuntimeError: not for TensorFlow"
    assert isinstance(robustness.attempt(lambda: task.x, task), tuple)


def test_what_is_told():
    lines = robustness_table.render(REPORT).splitlines()
    assert "| plain | PGD, L-infinity | **0.250** | 0.375 | **0.250** | error | 0.500 |" in lines
    assert "Images out of budget or bounds, which do not count as successes: ART 1." in lines
    assert "- Foolbox, PGD in L-infinity: `ValueError: no`" in lines
    standard = "| plain | L-infinity | 0.250 | 0.125 | 1 | 0 | 12.50 (12.00 to 13.00) |"
    assert standard in lines
    assert any(line.startswith("| plain | L-infinity | keras-advxai / cleverhans | 0.50") for line in lines)
    assert standard in robustness_table.summary(REPORT).splitlines()


def test_both_pages_have_what_the_results_give():
    for page, name in (("howto/attacks.md", "robustness_summary"), ("benchmarks.md", "robustness")):
        page = ROOT / "docs" / page
        text = page.read_text(encoding="utf-8")
        assert f"<!-- results: {name} -->" in text
        assert table.updated(text) == text, "run: python -m benchmarks.table"


def test_the_results_are_complete_and_nobody_is_ahead():
    report = json.loads((RESULTS / "robustness.json").read_text(encoding="utf-8"))
    assert report["images"] >= 128
    assert len(report["rows"]) == len(robustness.MODELS) * len(digits.EPSILONS) * len(robustness.METHODS)
    for row in report["rows"]:
        assert row["invalid"]["keras-advxai"] == 0
        if row["attack"] in ("fgsm", "pgd"):
            assert not set(row["errors"]) - {"Foolbox", "ART", "cleverhans"}
            assert row["robust"]["keras-advxai"] == min(row["robust"].values())
    assert len(report["full"]) == len(robustness.TIMED) * len(digits.EPSILONS)
    for row in report["full"]:
        assert row["robust"]["standard"] <= row["robust"]["AutoAttack"] + 1
