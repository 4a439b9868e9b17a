"""What the viewer is told of corruptions, which have severities for epsilons, and of further targets."""

from __future__ import annotations

import dataclasses
import io
import math

import numpy as np
import pytest
from figures.made_report import make_example, make_report
from PIL import Image

from keras_advxai.evaluation import Coordinates, EvaluationReport, Measurements
from keras_advxai.viewer.document import document
from keras_advxai.viewer.own_size import enlarged

EPSILONS, SEVERITIES, IMAGES = (0.1, 0.2), (1, 3, 5), 4
LEVELS = {"fgsm": EPSILONS, "noise": EPSILONS, "fog": SEVERITIES}


def close(found, expected):
    np.testing.assert_allclose([math.nan if value is None else value for value in found], expected, rtol=1e-4)


@pytest.fixture(scope="module")
def report():
    """Four images under two attacks at two epsilons, and under fog at three severities; two with pictures."""
    generator = np.random.default_rng(0)
    known = Coordinates(
        ("fgsm", "noise"),
        ("cam",),
        ("nissim",),
        ("predicted", "clean"),
        EPSILONS,
        classes=2,
        corruptions=("fog",),
        severities=SEVERITIES,
    )
    prediction = generator.integers(0, 2, (known.size("condition"), IMAGES))
    found = Measurements.of(
        known,
        label=[0, 0, 1, 1],
        prediction=prediction,
        confidence=generator.uniform(0.5, 1, prediction.shape),
        dissimilarity=generator.uniform(0, 0.5, (1, 1, 2, 2, 2, IMAGES)),
        corrupted_dissimilarity=generator.uniform(0, 0.5, (1, 1, 2, 1, 3, IMAGES)),
        chance_dissimilarity=np.full((1, 1, IMAGES), 0.4),
    )
    images = generator.integers(0, 256, (2, 12, 12, 1)) / 255
    clean = [item / item.max() for item in enlarged(generator.random((2, 3, 3)), (12, 12))]
    examples = []
    for index in (0, 2):
        for attack, levels in LEVELS.items():
            for level in levels:
                heatmap = enlarged(generator.random((1, 3, 3)), (12, 12))[0]
                is_corrupted = attack == "fog"
                examples.append(
                    make_example(
                        attack=attack,
                        explainer="cam",
                        epsilon=math.nan if is_corrupted else level,
                        severity=level if is_corrupted else None,
                        index=index,
                        image=images[index // 2],
                        adversarial=np.clip(
                            images[index // 2] + level / 50 * generator.uniform(-1, 1, (12, 12, 1)), 0, 1
                        ),
                        heatmap=clean[index // 2],
                        adversarial_heatmap=heatmap / heatmap.max(),
                    )
                )
    source = {"model": "net", "aims": {"noise": "noise"}}
    return dataclasses.replace(EvaluationReport(found, source), examples=tuple(examples))


def test_corruptions_are_chosen_where_attacks_are_and_have_severities(report):
    about = document(report).overview["about"]
    assert [(item["name"], item["aim"], item["noise"]) for item in about["attacks"]] == [
        ("fgsm", "label", "noise"),
        ("noise", "noise", None),
        ("fog", "corruption", None),
    ]
    assert about["severities"] == [{"value": level, "text": str(level)} for level in SEVERITIES]
    assert document(make_report()).overview["about"]["severities"] == []
    lines = dict(document(report).overview["provenance"]["lines"])
    assert lines["corruptions"] == "fog; severities 1, 3, 5"


def test_figures_of_corruptions_are_the_reports_own(report):
    shown = document(report).overview["figures"]
    close(shown["attacks"]["fog"]["accuracy"], [report.accuracy("fog", severity=level) for level in SEVERITIES])
    ends = [report.accuracy_interval("fog", severity=level) for level in SEVERITIES]
    close(shown["attacks"]["fog"]["low"], [low for low, _ in ends])
    assert shown["attacks"]["fog"]["budget_used"] == [None] * 3
    assert set(shown["attacks"]) == set(LEVELS)
    of = shown["drift"]["nissim"]["cam"]["attacks"]["fog"]
    close(of["mod"], [report.mod("fog", "cam", severity=level) for level in SEVERITIES])
    close(of["mod_high"], [report.corrupted.mod_interval("fog", "cam", level)[1] for level in SEVERITIES])
    close([of["vid"]], [report.vid("fog", "cam")])


def test_figures_of_another_target_are_the_reports_own(report):
    shown = document(report).overview["figures"]["drift"]["nissim"]["cam"]["targets"]
    assert list(shown) == ["clean"]
    for attack, levels in LEVELS.items():
        scale = "severity" if attack == "fog" else "epsilon"
        for split, key in ((None, "mod"), ("flipped", "mod_flipped"), ("kept", "mod_kept")):
            asked = [report.mod(attack, "cam", **{scale: level}, target="clean", split=split) for level in levels]
            close(shown["clean"][attack][key], asked)
    # Of costly explainers, one target was measured; the report's own is not listed again.
    other = document(make_report()).overview["figures"]["drift"]["nissim"]
    assert [list(other[name]["targets"]) for name in ("grad_cam", "integrated_gradients")] == [["clean"], []]


def test_samples_under_corruptions_are_what_was_measured(report):
    samples = document(report).details["samples"]
    found = report.measurements
    for place, level in enumerate(SEVERITIES):
        said = found.at("prediction", attack="fog", severity=level)
        assert samples["predictions"]["fog"][place] == said.tolist()
        assert samples["flipped"]["fog"][place] == (said != found.at("prediction")).astype(int).tolist()
        moved = samples["dissimilarity"]["nissim"]["cam"]["fog"][place]
        close(moved, report.dissimilarity("fog", "cam", severity=level))
        moved = samples["targets"]["clean"]["nissim"]["cam"]["fog"][place]
        close(moved, report.dissimilarity("fog", "cam", severity=level, target="clean"))
    assert [len(samples["confidences"][name]) for name in LEVELS] == [2, 2, 3]


def test_words_name_the_severity(report):
    said = document(report).overview["verdict"]
    assert [line.split(" ")[:4] for line, _ in said["accuracy"]["fog"]] == [
        ["fog", "at", "severity", text] for text in "135"
    ]
    assert said["accuracy"]["fgsm"][0][0].startswith("fgsm at epsilon 0.1 ")
    moved = report.mod("fog", "cam", severity=5)
    assert said["drift"]["nissim"]["cam"]["fog"][2].startswith(
        f"Heatmaps of cam move by {moved:.3f} (NISSIM, 0 where they stay); heatmaps of different images are 0.400 apart"
    )


def test_pictures_of_corruptions_are_got_back(report):
    made = document(report)
    where = made.details["pictures"]
    maps = where["heatmaps"]["cam"]
    assert maps["conditions"] == 1 + 2 + 2 + 3
    assert [len(where["attacks"][name]) for name in LEVELS] == [2, 2, 3]
    sheet = np.asarray(Image.open(io.BytesIO(made.pictures[maps["keys"][0]]))) / 255 * maps["scale"]
    for place, index in enumerate(where["indices"]):
        for level, severity in enumerate(SEVERITIES):
            (example,) = (item for item in report.examples if (item.index, item.severity) == (index, severity))
            row, column = divmod(place * 8 + 5 + level, maps["columns"])
            small = sheet[3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
            shown = enlarged(small[None], (12, 12))[0]
            np.testing.assert_allclose(shown, example.adversarial_heatmap, atol=maps["scale"] / 255)


def test_of_what_has_to_be_left_out_no_attack_has_all(report):
    whole = document(report)
    largest = [whole.details["pictures"]["attacks"][attack][-1]["keys"] for attack in ("fgsm", "fog")]
    room = sum(len(whole.pictures[key]) for keys in largest for key in keys)
    few = document(report, most_bytes=room).details["pictures"]["attacks"]
    kept = {attack: [item is not None for item in levels] for attack, levels in few.items()}
    assert kept == {"fgsm": [False, True], "noise": [False, False], "fog": [False, False, True]}


def test_without_scripts_the_severities_are_there(report):
    text = report.to_html()
    words = text[text.index("<noscript>") : text.index("</noscript>")]
    assert "<th>epsilon or severity</th>" in words
    assert f"<tr><td>fog</td><td>5</td><td>{100 * report.accuracy('fog', severity=5):.1f} %</td>" in words
    assert "fog at severity 5" in words
