"""What the viewer is told of a report: the report's own figures, in words and as plain values."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from figures.made_report import ATTACKS, EPSILONS, IMAGES, make_report, without_explainers

from keras_advxai.evaluation import Coordinates, EvaluationReport, Measurements
from keras_advxai.measurements.finding import Finding
from keras_advxai.viewer.document import document
from keras_advxai.viewer.numbers import MOST_IMAGES
from keras_advxai.viewer.plain import plain, to_json

NASTY = "</script><img src=x onerror=alert(1)>\x00\ud800 " + "x" * 10_000


@pytest.fixture(scope="module")
def report():
    return make_report(chance=True, class_names=["cat", "dog"])


def close(found, expected):
    numbers = [math.nan if value is None else value for value in found]  # where it is not known
    np.testing.assert_allclose(numbers, np.ravel(expected), rtol=1e-4)


def test_figures_are_the_reports_own(report):
    shown = document(report).overview["figures"]
    assert shown["images"] == IMAGES
    assert shown["clean"]["accuracy"] == pytest.approx(report.clean_accuracy, rel=1e-5)
    for attack in ATTACKS:
        close(shown["attacks"][attack]["accuracy"], [report.accuracy(attack, epsilon) for epsilon in EPSILONS])
        drift = shown["drift"]["nissim"]["grad_cam"]
        close([drift["chance"]], [0.25])
        of = drift["attacks"][attack]
        close(of["mod"], [report.mod(attack, "grad_cam", epsilon) for epsilon in EPSILONS])
        ends = [report.mod_interval(attack, "grad_cam", epsilon) for epsilon in EPSILONS]
        close([*of["mod_low"], *of["mod_high"]], [*(low for low, _ in ends), *(high for _, high in ends)])
        close(of["mod_kept"], [report.mod(attack, "grad_cam", epsilon, split="kept") for epsilon in EPSILONS])
        close([of["vid"]], [report.vid(attack, "grad_cam")])
        # All of its clean heatmaps are blank.
        assert shown["drift"]["nissim"]["integrated_gradients"]["attacks"][attack]["mod"] == [None, None]


def test_samples_are_what_was_measured(report):
    samples = document(report).details["samples"]
    found = report.measurements
    assert samples["index"] == list(range(IMAGES))
    assert samples["name"] is None
    assert samples["of"] == IMAGES
    assert samples["label"] == found.at("label").tolist()
    assert samples["prediction"] == found.at("prediction").tolist()
    for attack in ATTACKS:
        for level, epsilon in enumerate(EPSILONS):
            said = found.at("prediction", attack=attack, epsilon=epsilon)
            assert samples["predictions"][attack][level] == said.tolist()
            assert samples["flipped"][attack][level] == (said != found.at("prediction")).astype(int).tolist()
            moved = samples["dissimilarity"]["nissim"]["grad_cam"][attack][level]
            close(moved, report.dissimilarity(attack, "grad_cam", epsilon))


def test_the_words_say_how_much_is_lost_and_how_far_heatmaps_move_between_noise_and_chance():
    coordinates = Coordinates(("fgsm", "noise"), ("cam",), ("nissim",), ("predicted",), (0.1,), classes=2)
    moved = np.array([[[0.3, 0.1, 0.3, 0.3]], [[0.05, 0.05, 0.05, 0.05]]])[None, None, None]
    found = Measurements.of(
        coordinates,
        label=[0, 0, 1, 1],
        prediction=[[0, 0, 1, 1], [1, 0, 1, 0], [0, 0, 1, 1]],
        dissimilarity=moved,
        chance_dissimilarity=[[[math.nan, 0.45, 0.45, 0.45]]],
    )
    known = {"model": "net", "aims": {"noise": "noise"}}
    said = document(EvaluationReport(found, known)).overview["verdict"]
    assert said["accuracy"]["fgsm"][0][0] == "fgsm at epsilon 0.1 takes accuracy from 100.0 % to 50.0 %"
    assert said["accuracy"]["noise"][0][0] == "noise at epsilon 0.1 leaves accuracy at 100.0 %"
    # (0.25 - 0.05) / (0.45 - 0.05); of the two images that are kept, one moves by more than 0.225.
    assert said["drift"]["nissim"]["cam"]["fgsm"] == [
        "Heatmaps of cam move by 0.250 (NISSIM, 0 where they stay); random noise of the same size moves them by 0.050 "
        "and heatmaps of different images are 0.450 apart, so this is 50 % of the way from noise to chance. Look at 1 "
        "of the 2 images that keep their prediction: theirs move by more than 0.225, half of chance. Under noise, 0 of "
        "4 do."
    ]
    assert said["worth"].startswith("The checks have found nothing")
    warned = EvaluationReport(found, known, (Finding("Take care.", id="no-labels", severity="warning"),))
    overview = document(warned).overview
    assert overview["verdict"]["worth"] == "Read these numbers with care: 1 warning, see below."
    assert "labels" in overview["findings"][0]["explanation"]
    assert "file:" not in json.dumps(overview)
    moved[0, 0, 0, 1] = 0.25  # the attack moves no more than the noise
    found = Measurements.of(coordinates, **{**found.arrays, "dissimilarity": moved})
    assert "so this is no more than noise (its 95 % interval, " in _said(found, known)
    moved[0, 0, 0, 1] = [0.01, 0.01, 0.01, 0.45]  # an interval of noise that reaches up to that of the attack
    found = Measurements.of(coordinates, **{**found.arrays, "dissimilarity": moved})
    assert "from noise to chance, though the 95 % intervals of the two overlap. Look at 1" in _said(found, known)
    assert "half of chance. Under noise, 1 of 4 do." in _said(found, known)
    moved[0, 0, 0, 1] = 0.5  # noise moves as far as chance
    found = Measurements.of(coordinates, **{**found.arrays, "dissimilarity": moved})
    assert "apart. At this epsilon noise itself moves heatmaps as far as chance. Look at" in _said(found, known)
    found = Measurements.of(
        Coordinates(("fgsm", "noise"), ("cam",), ("nissim",), ("predicted",), (0.1, 0.2), classes=2),
        label=[0, 0, 1, 1],
        prediction=np.array([[0, 0, 1, 1], [1, 0, 1, 0], [1, 0, 1, 0], [0, 0, 1, 1], [0, 0, 1, 1]]),
        dissimilarity=np.repeat(moved, 2, axis=4),
        chance_dissimilarity=[[[math.nan, 0.45, 0.45, 0.45]]],
    )
    words = document(EvaluationReport(found, known)).overview["verdict"]["drift"]
    smaller, larger = words["nissim"]["cam"]["fgsm"]
    assert "look at a smaller one" not in smaller
    assert "as far as chance; look at a smaller one." in larger


def _said(found, known):
    return document(EvaluationReport(found, known)).overview["verdict"]["drift"]["nissim"]["cam"]["fgsm"][0]


def test_reports_of_other_kinds_have_documents():
    plainest = document(without_explainers(make_report()))
    assert plainest.details["pictures"] is None
    assert plainest.overview["figures"]["drift"] == {}
    coordinates = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    numbers = Measurements.of(
        coordinates,
        label=[0, 1],
        prediction=[[0, 1], [1, 1]],
        true_values=np.zeros((2, 2)),
        predicted_values=np.arange(8).reshape(2, 2, 2),
    )
    shown = document(EvaluationReport(numbers, {"model": "net"})).overview
    assert shown["about"]["task"] == "regression"
    assert shown["figures"]["attacks"]["fgsm"]["accuracy"] == [None]
    assert shown["verdict"]["accuracy"]["fgsm"][0][0] == "fgsm at epsilon 0.1 changes the outputs by 2.000 on average"


def test_of_many_images_some_are_listed_and_the_figures_are_of_all():
    coordinates = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    images = 3 * MOST_IMAGES
    found = Measurements.of(
        coordinates, label=np.zeros(images, int), prediction=np.stack([np.zeros(images, int), np.arange(images) % 2])
    )
    made = document(EvaluationReport(found, {"model": "net"}))
    samples = made.details["samples"]
    assert samples["of"] == images == made.overview["figures"]["images"]
    assert len(samples["index"]) == MOST_IMAGES
    assert samples["index"][-1] == images - 1
    assert samples["predictions"]["fgsm"][0] == [index % 2 for index in samples["index"]]


def test_json_holds_no_nan_no_half_characters_and_nothing_that_ends_a_script():
    text = to_json(plain({NASTY: [math.nan, math.inf, np.float32(1.5), np.int64(3), (True, None), NASTY]}))
    assert "<" not in text
    assert "NaN" not in text
    assert "Infinity" not in text
    text.encode("utf-8")
    (values,) = json.loads(text).values()
    assert values[:4] == [None, None, 1.5, 3]
    assert values[5].startswith("</script>")
    assert len(values[5]) == len(NASTY)
    with pytest.raises(ValueError, match="JSON"):
        to_json({"a": math.nan})


def test_every_value_of_a_document_is_plain():
    made = document(make_report(class_names=["</script><b>", "b"], chance=True))
    text = to_json({"overview": made.overview, "details": made.details})
    assert json.loads(text)["overview"]["about"]["class_names"][0].startswith("</script>")
    assert not re.search(r"NaN|Infinity|</", text)
