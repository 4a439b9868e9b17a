"""The page of HTML, from the disk and without a network, in a browser without a window."""

from __future__ import annotations

import dataclasses
import json
import subprocess

import numpy as np
import pytest
from browsers import APP, CHROMIUM, IN_A_BROWSER
from figures.made_report import make_example

from keras_advxai.evaluation import Coordinates, EvaluationReport, Measurements
from keras_advxai.viewer.own_size import enlarged

pytestmark = IN_A_BROWSER

IMAGES = 2000
PICTURED = 24
EPSILONS = (2 / 255, 8 / 255)
NASTY = "<img src=x onerror='window.injected=1'><script>window.injected=2</script>"


def made_report():
    """2,000 images, of which every third flips at the larger epsilon; names with markup."""
    generator = np.random.default_rng(0)
    attacks, explainers = ("fgsm", "pgd", "uniform_noise"), ("grad_cam", "integrated_gradients")
    known = Coordinates(attacks, explainers, ("nissim",), ("predicted",), EPSILONS, classes=2)
    prediction = np.zeros((known.size("condition"), IMAGES), int)
    prediction[[2, 4], ::3] = 1
    moved = generator.uniform(0, 0.5, (1, 2, 1, 3, 2, IMAGES))
    found = Measurements.of(
        known,
        label=np.zeros(IMAGES, int),
        prediction=prediction,
        confidence=generator.uniform(0.5, 1, prediction.shape),
        dissimilarity=moved,
        chance_dissimilarity=np.full((1, 2, IMAGES), 0.4),
        name=[f"{NASTY} {place}.png" for place in range(IMAGES)],
    )
    images = generator.integers(0, 256, (PICTURED, 24, 24, 1)) / 255
    maps = enlarged(generator.random((2 * PICTURED, 4, 4)), (24, 24))
    examples = tuple(
        make_example(
            index=index,
            attack=attack,
            explainer=explainer,
            epsilon=epsilon,
            image=images[index],
            adversarial=np.clip(images[index] + epsilon, 0, 1),
            heatmap=maps[index] / maps.max(),
            adversarial_heatmap=maps[PICTURED + index] / maps.max(),
        )
        for index in range(PICTURED)
        for attack in attacks
        for explainer in explainers
        for epsilon in EPSILONS
    )
    source = {"model": NASTY, "aims": {"uniform_noise": "noise"}, "class_names": ["cat", NASTY]}
    return dataclasses.replace(EvaluationReport(found, source), examples=examples), moved


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    report, moved = made_report()
    path = tmp_path_factory.mktemp("page") / "report.html"
    report.to_html(path)
    done = subprocess.run(
        ["node", "tests/browser.mjs", CHROMIUM, str(path)], cwd=APP, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return report, moved, json.loads(done.stdout)


def title(index):
    return f"{NASTY} {index}.png"


def test_the_page_shows_what_was_measured_and_runs_nothing_else(looked):
    report, moved, found = looked
    assert found["problems"] == []
    assert found["scripts"] is None
    assert found["headline"] == "fgsm at epsilon 8/255 takes accuracy from 100.0 % to 66.6 %"
    assert found["cards"][:3] == [
        "Accuracy by epsilon",
        "Drift of explanations by epsilon",
        "How far single images move",
    ]
    assert found["rowInSight"]
    order = np.argsort(-moved[0, 0, 0, 0, 1, :PICTURED], kind="stable")
    assert found["rows"][:3] == [title(index) for index in order[:3]]
    example = report.select(attack="fgsm", explainer="grad_cam", epsilon=8 / 255)[order[0]]
    assert found["original"]["row"] == title(order[0])
    assert found["original"]["pixels"] == np.round(255 * example.image).ravel().astype(int).tolist()


def test_every_control_changes_what_it_should(looked):
    _, moved, found = looked
    assert found["smaller"] == "fgsm at epsilon 2/255 leaves accuracy at 100.0 %"
    assert found["otherAttack"] == "pgd at epsilon 2/255 leaves accuracy at 100.0 %"
    assert found["otherExplainer"] == "integrated_gradients"
    order = np.argsort(-moved[0, 1, 0, 1, 0, :PICTURED], kind="stable")
    assert len(found["kept"]) > 2
    assert found["kept"][:3] == [title(index) for index in order[:3]]
    assert found["inOrder"][:3] == [title(index) for index in range(3)]
    assert found["tilesOfBlink"] == 2
    for part in ("attack=pgd", "explainer=integrated_gradients", "filter=kept", "sort=index", "view=blink", "epsilon="):
        assert part in found["hash"]
    assert found["isRestored"]
    assert f"epsilon={EPSILONS[0]:.6g}"[:13] in found["afterClick"]
    assert "low=" in found["brushed"]["hash"]
    assert not found["brushed"]["count"].startswith("2,000 of")


def test_with_the_keyboard_alone_for_everybody_and_on_paper(looked):
    _, moved, found = looked
    order = np.argsort(-moved[0, 0, 0, 0, 1, :PICTURED], kind="stable")
    assert found["focused"] == found["opened"] == title(order[1])
    assert found["strips"] == ["Through the epsilons of fgsm", "Explainers, at epsilon 8/255"]
    assert found["csv"].count("\r\n") == 2 + 3 * 2
    assert found["isClosed"]
    assert found["theme"] == "dark"
    assert found["violations"] == []
    assert found["pdf"]["head"] == "%PDF-"
    assert 2 <= found["pdf"]["pages"] <= 8


def test_two_thousand_samples_scroll(looked):
    frames = looked[2]["frames"]
    assert frames["count"] < 120  # what is out of sight is not there
    assert frames["median"] - frames["idle"] < 100, frames  # milliseconds; a busy machine is slow at rest, too
