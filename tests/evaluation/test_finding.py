"""Findings: sentences with a name and a severity."""

from __future__ import annotations

import copy
import pathlib
import pickle
import re

import pytest

from keras_advxai.evaluation import attack_checks, checks, gradient_checks, model_checks, rerun_checks
from keras_advxai.evaluation.finding import Finding

ROOT = pathlib.Path(__file__).parents[2]


def test_it_is_its_sentence():
    found = Finding("Mind the gap.", id="gap", severity="error")
    assert found == "Mind the gap."
    assert "the gap" in found
    assert (found.id, found.severity, found.link) == ("gap", "error", "docs/checks.md#gap")


def test_it_survives_being_saved_and_copied():
    found = Finding("Mind the gap.", id="gap", severity="warning")
    for other in (Finding.from_dict(found.to_dict()), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert (other, other.id, other.severity) == (found, "gap", "warning")


def test_an_unknown_severity():
    with pytest.raises(ValueError, match="one of error, warning, note"):
        Finding("x", id="x", severity="fatal")


def test_every_check_is_explained_under_its_name():
    modules = (checks, attack_checks, model_checks, gradient_checks, rerun_checks)
    sources = [pathlib.Path(module.__file__).read_text("utf-8") for module in modules]
    names = set(re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)+|completeness)"', "".join(sources)))
    headings = set(re.findall(r"^## ([a-z0-9-]+)$", (ROOT / "docs" / "checks.md").read_text("utf-8"), re.MULTILINE))
    assert len(names) > 26
    assert names == headings
