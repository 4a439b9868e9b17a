"""A report, and what is asked of it, in files and notebooks."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import pathlib
import sys

import pytest
from made_measurements import make_report

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tables"))

from latex_reader import read_tables

from keras_advxai.evaluation import Measurements

NASTY = "50 % of_a&b $x$ #1 {y} \\ ~ ^ <b> é 中"


@pytest.fixture(scope="module")
def report():
    return make_report(model=NASTY, layers={"grad_cam": [NASTY], "grad_cam_probability": ["conv"]}, depths={})


def test_the_rows_as_csv(report, tmp_path):
    text = report.to_csv(tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text(encoding="utf-8") == text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(report.rows) == 60
    for row, expected in zip(rows, report.rows, strict=True):
        for key, value in dataclasses.asdict(expected).items():
            missing = value is None or (isinstance(value, float) and math.isnan(value))
            assert row[key] == ("" if missing else str(value)), key


def test_a_row_as_plain_values_has_a_severity_where_it_is_of_a_corruption(report):
    fields = {field.name for field in dataclasses.fields(report.rows[0])}
    for row in report.rows:
        values = row.to_dict()
        assert fields - set(values) == (set() if row.attack in report.corruptions else {"severity"})
        assert values.get("severity") == row.severity
        for key, value in values.items():
            own = getattr(row, key)
            assert value == (None if isinstance(own, float) and not math.isfinite(own) else own), key


def test_markdown_latex_and_html_have_the_tables_that_are_printed(report, tmp_path):
    printed = str(report)
    latex, markdown = report.to_latex(tmp_path / "report.tex"), report.to_markdown(tmp_path / "report.md")
    assert (tmp_path / "report.tex").read_text(encoding="utf-8") == latex
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == markdown
    tables = read_tables(latex)
    assert len(tables) == 2 * len(report.explainers) * len(report.metrics) == 12
    assert markdown.count("|:---|") == 12
    html = report._repr_html_()
    assert html.count("<table>") == 12
    assert "<b>" not in html.replace("<p><b>", "")  # a name is no markup
    words = " ".join(printed.split())
    for title, rows in tables:
        for row in rows[1:]:  # line by line: the numbers that are printed, in their order
            assert " ".join(filter(None, row)) in words
        assert title.replace("e\u0301", "é") in words
    for form in (latex, markdown, html):
        assert "Mind the gap." in form


def test_profiles_and_comparisons_too(report):
    profile = report.depth_profile("ddn", ["grad_cam_probability"])
    (table,) = read_tables(profile.to_latex())
    assert table[0] == "MOD by layer, ddn"
    assert table[1][0] == ["layer", "0.1", "0.02", "VID", "chance"]
    assert "<caption>MOD by layer, ddn</caption>" in profile._repr_html_()
    comparison = report.compare_scores("ddn", 0.1)
    assert len(read_tables(comparison.to_latex())) == comparison.to_markdown().count("|:---|") == 4
    assert str(comparison).startswith(NASTY)
    names = report.measurements.at("name").tolist()
    assert comparison.names.tolist() == json.loads(comparison.to_json())["names"] == names
    arrays = {name: array for name, array in report.measurements.arrays.items() if name != "name"}
    unnamed = Measurements(report.measurements.coordinates, arrays)
    other = dataclasses.replace(report, measurements=unnamed).compare_scores("ddn", 0.1)
    assert other.names is None
    assert "names" not in json.loads(other.to_json())
