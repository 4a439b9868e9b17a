"""Every view of pages of all kinds of reports, from the disk without a network, and what a browser prints of them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import unicodedata

import numpy as np
import pytest
from browsers import APP, CHROMIUM, IN_A_BROWSER
from figures.made_report import EPSILONS, make_report, with_explainers, without_explainers

from keras_advxai.comparison import Comparison
from keras_advxai.evaluation import Coordinates, EvaluationReport, Measurements
from keras_advxai.measurements.finding import Finding

pytestmark = IN_A_BROWSER

COMMAND = "keras-advxai evaluate model.keras --data 'my photographs'"
NO_TILES = {"wipe": 0, "blink": 0, "side": 0}
LAYERS = {"grad_cam": "last", "grad_cam_first": "first", "grad_cam_middle": "middle"}


def whole():
    """Everything that a report may have."""
    attacks, metrics = ("fgsm", "pgd", "uniform_noise"), ("nissim", "cosine_distance")
    report = make_report(attacks=attacks, metrics=metrics, chance=True, class_names=["cat", "dog"])
    return dataclasses.replace(report, warnings=(Finding("Take care.", id="no-labels", severity="warning"),))


def layered():
    """Heatmaps at three layers."""
    report = with_explainers(make_report(chance=True), dict.fromkeys(LAYERS, "grad_cam"))
    where = {"layers": {name: [layer] for name, layer in LAYERS.items()}}
    depths = {"depths": {name: [depth] for depth, name in enumerate(LAYERS)}}
    return dataclasses.replace(report, provenance={**report.provenance, **where, **depths})


def numbers():
    """Of a regression."""
    coordinates = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    outputs = {"true_values": np.zeros((2, 2)), "predicted_values": np.arange(8).reshape(2, 2, 2)}
    found = Measurements.of(coordinates, label=[0, 1], prediction=[[0, 1], [1, 1]], **outputs)
    return EvaluationReport(found, {"model": "net"})


def compared():
    reports = {}
    for seed, name in enumerate(["first", "second"]):
        report = make_report(seed, chance=True, model=name, heatmap_size=[5, 6])
        arrays = {**report.measurements.arrays, "image_key": np.arange(6, dtype="int32")}
        reports[name] = dataclasses.replace(report, measurements=Measurements(report.measurements.coordinates, arrays))
    return Comparison(reports)


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    made = {
        "whole": whole(),
        "layers": layered(),
        "compared": compared(),
        "accuracy": without_explainers(make_report()),
        "numbers": numbers(),
    }
    pages = {name: str(folder / f"{name}.html") for name in made}
    for name, report in made.items():
        report.to_html(pages[name], **({"command": COMMAND} if name == "whole" else {}))
    prints = {name: str(folder / f"{name}.pdf") for name in ("whole", "compared")}
    asked = json.dumps({"chromium": CHROMIUM, "pages": pages, "prints": prints})
    done = subprocess.run(["node", "tests/views.mjs", asked], cwd=APP, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return made, json.loads(done.stdout), prints


def made_with_pictures(report):
    return isinstance(report, Comparison) or bool(report.examples)


def test_every_view_of_every_kind_of_report_opens(looked):
    made, found, _ = looked
    assert found["problems"] == []
    assert found["violations"] == []
    seen = found["pages"]
    for name in made:
        assert seen[name]["first"]["headline"]
        has_pictures = made_with_pictures(made[name])
        assert seen[name]["compared"] == ({"wipe": 2, "blink": 2, "side": 6} if has_pictures else NO_TILES)
        assert seen[name]["missing"] == 0
        assert bool(seen[name]["missingInDetail"]) != has_pictures  # where there are none, their places say so
        assert {*seen[name]["shown"]["flipped"], *seen[name]["shown"]["kept"]} >= set(seen[name]["first"]["rows"])
    assert seen["compared"]["first"]["run"] == "second"
    assert seen["compared"]["explainers"]["Run"] == 2
    assert "Drift by depth" in seen["layers"]["first"]["cards"]
    assert "Drift by depth" not in seen["whole"]["first"]["cards"]
    assert seen["whole"]["strips"][0].startswith("Through the epsilons of pgd")
    assert not any("Drift" in card for card in seen["accuracy"]["first"]["cards"])
    assert "changes the outputs by 2.000" in seen["numbers"]["first"]["headline"]


def bare(text):
    """A text without spaces, which are guessed from places on paper, and of letters that a font has joined two."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def test_what_is_printed_has_the_verdict_the_figures_samples_findings_and_the_command(looked):
    pypdf = pytest.importorskip("pypdf", reason="needs the extra `test`")
    made, _, prints = looked
    pages = pypdf.PdfReader(prints["whole"]).pages
    assert 2 <= len(pages) <= 5
    texts = [bare(page.extract_text()) for page in pages]
    assert bare("pgd at epsilon 16/255 takes accuracy from") in texts[0]
    assert bare("Share of images that are right; bands: 95 % intervals.") in texts[0]  # and not the beginning of it
    assert all(texts)  # no page is empty
    text = "".join(texts)
    for said in ("Take care.", "image 0", "Clean accuracy", COMMAND):
        assert bare(said) in text
    for attack in ("fgsm", "pgd", "uniform_noise"):
        for epsilon in EPSILONS:
            assert f"{made['whole'].mod(attack, 'grad_cam', epsilon):.3f}" in text
    for hidden in ("Play", "Show all", "Compare"):
        assert bare(hidden) not in text
    assert 2 <= len(pypdf.PdfReader(prints["compared"]).pages) <= 5
