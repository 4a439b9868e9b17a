"""The page of HTML: one file that asks for nothing, and in which names are nothing but text."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from figures.made_report import make_report
from PIL import Image

from keras_advxai.comparison import Comparison
from keras_advxai.measurements.finding import Finding
from keras_advxai.reporting.html import to_html

NASTY = '</script><script>alert(1)</script><img src="http://x.example/y" onerror=alert(2)>{{ 7 * 7 }}'


class Page(HTMLParser):
    """The elements of a page, and the text in each script and style."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.blocks, self.inside = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag if tag in ("script", "style") else None
        if self.inside:
            self.blocks.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside:
            tag, attrs, text = self.blocks[-1]
            self.blocks[-1] = (tag, attrs, text + data)

    def block(self, name):
        return next(text for _, attrs, text in self.blocks if attrs.get("id") == name)


def named(report, name):
    examples = tuple(dataclasses.replace(item, name=name) for item in report.examples)
    finding = Finding(name, id=name, severity="warning")
    return dataclasses.replace(report, examples=examples, warnings=(finding,))


@pytest.fixture(scope="module")
def page():
    report = named(make_report(chance=True, model=NASTY, class_names=[NASTY, "b"]), NASTY)
    return Page(report.to_html(command=f"keras-advxai evaluate --data '{NASTY}'"))


def test_it_asks_for_nothing_and_runs_nothing_but_its_own(page):
    (policy,) = (attrs["content"] for tag, attrs in page.elements if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    kinds = [attrs.get("type") for tag, attrs, _ in page.blocks if tag == "script"]
    assert sorted(kinds) == ["application/json", "application/json", "module"]
    for tag, attrs, text in page.blocks:
        if attrs.get("type") != "application/json":
            known = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{known}'" in policy, f"the {tag} would not run"
    for tag, attrs in page.elements:
        assert tag not in ("img", "iframe", "object", "embed", "base", "form")
        assert not any(name.startswith("on") or name == "style" for name in attrs)
        links = [attrs[name] for name in ("src", "href") if name in attrs]
        assert links in ([], ["data:,"])


def test_its_data_are_those_of_the_report(page):
    content = json.loads(gzip.decompress(base64.b64decode(page.block("advxai-data"))))
    (run,) = content["runs"]
    assert run["name"] == NASTY
    assert run["steps"][0]["overview"]["about"]["class_names"][0] == NASTY
    assert run["steps"][0]["overview"]["provenance"]["command"].endswith(f"{NASTY}'")
    pictures = json.loads(page.block("advxai-pictures"))
    where = run["steps"][0]["details"]["pictures"]
    original = np.asarray(Image.open(io.BytesIO(base64.b64decode(pictures[where["images"]["keys"][0]]))))
    expected = np.round(255 * np.linspace(0, 1, 30, dtype="float32").reshape(5, 6)).astype("uint8")
    np.testing.assert_array_equal(original[:5, :6], expected)


def test_without_scripts_the_words_and_figures_are_there():
    report = make_report(chance=True, model="net & co")
    text = report.to_html()
    words = text[text.index("<noscript>") : text.index("</noscript>")]
    assert "net &amp; co" in words
    assert "fgsm at epsilon 16/255 takes accuracy from" in words
    assert f"<td>{report.accuracy('fgsm', 8 / 255) * 100:.1f} %</td>" in words
    assert f"<td>{report.mod('fgsm', 'grad_cam', 8 / 255):.3f}</td>" in words


def test_it_is_written_whole_and_is_the_same_each_time(tmp_path):
    report = make_report()
    path = tmp_path / "report.html"
    text = report.to_html(path)
    assert path.read_text("utf-8") == text == report.to_html()
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError, match="no report"):
        to_html({})


def test_the_page_of_a_comparison_has_all_models():
    keys = {"image_key": np.arange(6)}
    made = [make_report(seed, model=name, heatmap_size=[5, 6]) for seed, name in enumerate("ab")]
    reports = []
    for item in made:
        arrays = {**item.measurements.arrays, "image_key": keys["image_key"].astype("int32")}
        reports.append(dataclasses.replace(item, measurements=dataclasses.replace(item.measurements, arrays=arrays)))
    text = Comparison({"first": reports[0], "second": [reports[1], reports[1]]}).to_html()
    content = json.loads(gzip.decompress(base64.b64decode(Page(text).block("advxai-data"))))
    assert [run["name"] for run in content["runs"]] == ["first", "second, run 1", "second, run 2"]
    assert re.search("<h2>second, run 2</h2>", text)
