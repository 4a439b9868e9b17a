"""Reading trusts nothing: whatever was changed in a file is refused in one way, or read as it stands there."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from made_measurements import assert_same, make_report
from mutations import Mutation, mutations

from keras_advxai import EvaluationReport, figures
from keras_advxai.measurements import QUANTITIES
from keras_advxai.tensorboard import dashboards, summaries
from keras_advxai.tensorboard.names import runs_by_epsilon

NAMES_SOMETHING = re.compile(r"`[\w.]+`|^The (text|file|entry|header) ")


def exercise(report: EvaluationReport) -> None:
    """Whatever can be asked of a report; what it does not have it says by `ValueError`."""
    assert str(report)
    again = EvaluationReport.from_json(report.to_json())
    assert_same(again.measurements, EvaluationReport.from_dict(report.to_dict()).measurements)
    assert again.provenance == json.loads(json.dumps(report.provenance))
    assert again.warnings == report.warnings
    assert len(report.rows) >= len(report.attacks)
    assert len(list(report.samples)) == len(report.measurements)
    assert figures.drift(report) is not None
    summaries.clean_scalars(report)
    summaries.final_scalars(report)
    assert dashboards.layout(report) is not None
    assert dashboards.experiment(report, {}) is not None
    assert len(runs_by_epsilon(report.epsilons)) == len(set(report.epsilons))
    for attack in report.attacks:
        assert len(report.minimum_perturbation(attack)) == len(report.measurements)
        report.median_perturbation(attack)
        for epsilon in report.epsilons:
            _ask(report, attack, epsilon)
    with contextlib.suppress(ValueError):
        assert report.settings


def _ask(report: EvaluationReport, attack: str, epsilon: float) -> None:
    summaries.attack_scalars(report, epsilon)
    assert 0 <= report.accuracy(attack, epsilon) <= 1
    assert 0 <= report.flip_rate(attack, epsilon) <= 1
    assert 0 <= report.robust_accuracy(epsilon, attack=attack) <= 1
    for question in (report.targeted_success_rate, report.attack_success_rate, report.targeted_interval):
        with contextlib.suppress(ValueError):
            question(attack, epsilon)
    with contextlib.suppress(ValueError):
        assert str(report.compare_scores(attack, epsilon))
        assert report.compare_scores(attack, epsilon).to_json()
    with contextlib.suppress(ValueError):
        assert str(report.depth_profile(attack))
    for explainer in report.explainers:
        with contextlib.suppress(ValueError):
            report.completeness_gap(explainer, attack, epsilon)
        for metric in report.metrics:
            mod = report.mod(attack, explainer, epsilon, metric=metric)
            low, high = report.mod_interval(attack, explainer, epsilon, metric=metric)
            assert math.isnan(mod) or low - 1e-9 <= high
            report.dissimilarity_std(attack, explainer, epsilon, metric=metric)


def assert_says(report: EvaluationReport, told: dict[str, Any]) -> None:
    """The report says what stands in the file, and that lies within its range."""
    stored, known = told["measurements"], report.measurements.coordinates
    for key in ("attacks", "explainers", "metrics", "targets", "epsilons"):
        assert list(getattr(known, key)) == list(stored["coordinates"][key]), key
    assert known.classes == stored["coordinates"]["classes"]
    assert len(report.measurements) == stored["images"]
    assert set(report.measurements.arrays) == set(stored["quantities"])
    for name, value in stored["quantities"].items():
        item, array = QUANTITIES[name], report.measurements.arrays[name]
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(array, value, err_msg=name)
        else:
            read = np.array(value, "float64" if item.dtype == "float64" else "O").reshape(array.shape)
            plain = np.where(np.equal(read, None), item.null, read).astype(item.dtype)
            np.testing.assert_array_equal(array, plain, err_msg=name)
    for name in ("label", "prediction"):
        assert ((report.measurements.arrays[name] >= 0) & (report.measurements.arrays[name] < known.classes)).all()
    for name in ("confidence", "dissimilarity", "score_nissim"):
        values = report.measurements.arrays.get(name, np.zeros(0))
        assert ((values >= -1e-5) & (values <= 1 + 1e-5) | np.isnan(values)).all() or name == "dissimilarity"
    for key, value in told["provenance"].items():
        assert report.provenance[key] == value, key
    assert [finding.to_dict() for finding in report.warnings] == [
        {key: item[key] for key in ("id", "severity", "text")} for item in told["warnings"]
    ]


def read(mutation: Mutation, folder: Any, thorough: bool) -> str:
    """Whether a changed file is refused, or right; anything else is a failure."""
    path = folder / "report"
    path.write_bytes(mutation.content)
    said = None
    try:
        report = EvaluationReport.load(path) if mutation.compact else EvaluationReport.from_json(path)
    except ValueError as error:
        said = str(error)
    if said is not None:
        assert NAMES_SOMETHING.search(said), said
        assert len(said) < 2000
        return "refused"
    assert mutation.told is not None
    assert_says(report, mutation.told)
    if thorough:
        exercise(report)
    return "right"


def count(number: int, folder: Any, seed: int = 0) -> Counter[str]:
    """How many of some mutations are refused, and how many are right; of every fifth of these everything is asked."""
    report = make_report()
    report.save(folder / "compact")
    found: Counter[str] = Counter()
    for index, mutation in enumerate(mutations(report, (folder / "compact").read_bytes(), number, seed)):
        try:
            found[read(mutation, folder, thorough=found["right"] % 5 == 0)] += 1
        except Exception as error:
            error.add_note(f"mutation {index}: {mutation.kind}")
            raise
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph .* missing from:UserWarning")
@pytest.mark.filterwarnings("ignore:No artists with labels found:UserWarning")
def test_changed_files_are_refused_or_right(tmp_path):
    found = count(120, tmp_path)
    assert found["refused"] > 70
    assert found["right"] > 10


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph .* missing from:UserWarning")
@pytest.mark.filterwarnings("ignore:No artists with labels found:UserWarning")
def test_two_thousand_changed_files_are_refused_or_right(tmp_path):
    found = count(2000, tmp_path, seed=1)
    assert found["refused"] > 700
    assert found["right"] > 200
