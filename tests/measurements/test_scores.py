"""The softmax question: heatmaps of the logit against heatmaps of the probability."""

from __future__ import annotations

import json
import math

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.evaluation.plan import score_pairs
from keras_advxai.explainers import GradCAM, IntegratedGradients, Saliency, SmoothGrad
from keras_advxai.measurements import render
from keras_advxai.measurements.scores import ScoredImages

STEPS = 8
EXPLAINERS = [GradCAM(), IntegratedGradients(steps=STEPS)]
NAMES = tuple(item.name for item in EXPLAINERS)


@pytest.fixture(scope="module")
def saturated(build):
    """The trained model with logits 60 times as large: its predictions are the same, its probabilities 0 and 1."""
    model = build()
    head = model.get_layer("head")
    head.set_weights([60 * weight for weight in head.get_weights()])
    return model


@pytest.fixture(scope="module")
def comparison(faces_model, test_faces):
    return kax.compare_scores(faces_model, test_faces, explainers=EXPLAINERS, epsilon=0.05, progress=False)


@pytest.mark.slow
def test_it_is_nissim_between_the_two_heatmaps(comparison, faces_model, test_faces):
    x, y = test_faces
    adversarial = kax.attacks.FGSM()(faces_model, x, y, epsilon=0.05)
    for images, found in ((x, comparison.original), (adversarial, comparison.adversarial)):
        for explainer in EXPLAINERS:
            maps = [explainer.with_score(score)(faces_model, images) for score in ("logit", "probability")]
            np.testing.assert_allclose(found.nissim[explainer.name], kax.metrics.nissim(*maps), atol=2e-4)
        probabilities = faces_model.predict(images, verbose=0).max(axis=-1)
        np.testing.assert_allclose(found.confidence, probabilities, atol=1e-6)
        np.testing.assert_allclose(1 / (1 + np.exp(-found.log_odds)), probabilities, atol=1e-6)
    assert comparison.pairs == dict(
        zip(NAMES, (item.with_score("probability").name for item in EXPLAINERS), strict=True)
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* heatmaps of .* are blank")
def test_in_a_saturated_model_the_probability_goes_blank_and_the_logit_does_not(saturated, test_faces):
    found = kax.compare_scores(saturated, test_faces, explainers=EXPLAINERS, epsilon=0.02, progress=False)
    certain = found.original.log_odds > 100
    assert certain.sum() > 25
    assert found.original.zero_gradient[certain].all()
    assert found.original.blank_probability["grad_cam"][certain].all()
    assert not found.original.zero_gradient_logit.any()
    for explainer in NAMES:
        assert not found.original.blank_logit[explainer].any()
    assert found.original.blank["grad_cam"].sum() == found.original.blank_probability["grad_cam"].sum()
    x = test_faces[0][certain]
    assert GradCAM()(saturated, x).max(axis=(1, 2)).min() == 1
    assert not GradCAM(score="probability")(saturated, x).any()
    (note,) = [note for note in found.warnings if "of grad_cam_probability are blank" in note]
    assert note.startswith(f"{found.original.blank_probability['grad_cam'].sum()} of 50")


def headed(gap, activation):
    """A linear model of two pixels, of sixteen, whose class 0 leads by `gap` on black images; of one unit, class 1."""
    units = 1 if activation == "sigmoid" else 2
    head = keras.layers.Dense(units, activation=activation)
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), head])
    weights = np.zeros((16, 2))
    weights[0, 0], weights[1, 1] = 3, 1
    head.set_weights([weights[:, :units], np.array([gap, 0.0][:units])])
    return model


@pytest.mark.filterwarnings("ignore:.* heatmaps of .* are blank")
@pytest.mark.parametrize(("gap", "saturated", "zero"), [(10, False, False), (20, True, False), (110, True, True)])
def test_behind_a_softmax_the_own_part_is_lost_at_17_and_the_rest_at_87(gap, saturated, zero):
    model, x = headed(gap, "softmax"), np.zeros((1, 4, 4, 1), "float32")
    found = kax.compare_scores(model, x, explainers="saliency", epsilon=0.0, progress=False).original
    assert (bool(found.saturated[0]), bool(found.zero_gradient[0])) == (saturated, zero)
    assert not found.zero_gradient_logit[0]
    gradient = Saliency(score="probability").attributions(model, x, targets=0).ravel()[:2]
    share = np.exp(-np.float64(gap))
    exact = share * np.array([3.0, -1.0]) / (1 + share) ** 2
    if not saturated:
        np.testing.assert_allclose(gradient, exact, rtol=1e-2)
    elif not zero:
        np.testing.assert_allclose(gradient, [0, exact[1]], rtol=1e-2)


@pytest.mark.filterwarnings("ignore:.* heatmaps of .* are blank")
@pytest.mark.parametrize(("gap", "gone"), [(14, False), (18, True)])
def test_behind_one_sigmoid_unit_all_is_lost_at_17(gap, gone):
    model, x = headed(gap, "sigmoid"), np.zeros((1, 4, 4, 1), "float32")
    found = kax.compare_scores(model, x, explainers="saliency", epsilon=0.0, progress=False).original
    assert bool(found.saturated[0]) == bool(found.zero_gradient[0]) == gone
    assert bool(found.blank_probability["saliency"][0]) == gone


@pytest.mark.slow
def test_an_evaluation_with_pairs_holds_the_same_comparison(comparison, faces_model, test_faces):
    both = [item.with_score(score) for item in EXPLAINERS for score in ("probability", "logit")]
    report = kax.evaluate(
        faces_model, test_faces, explainers=[Saliency(), *both], epsilons=(0.01, 0.05), progress=False
    )
    same = report.compare_scores("fgsm", 0.05)
    for name in NAMES:
        np.testing.assert_allclose(same.adversarial.nissim[name], comparison.adversarial.nissim[name], atol=1e-5)
    assert report.compare_scores().epsilon == 0.05
    assert report.compare_scores("uniform_noise", 0.01).attack == "uniform_noise"
    again = kax.EvaluationReport.from_json(report.to_json())
    assert str(again.compare_scores()) == str(report.compare_scores())


def test_the_table_is_by_confidence(comparison):
    text = str(comparison)
    assert "under fgsm at epsilon 0.05" in text
    assert "VID" not in text
    for name in (*NAMES, "below 90 %", "all", "zero,", "saturated"):
        assert name in text
    rows = [line.split() for line in text.splitlines() if line.startswith("    all")]
    assert [row[1] for row in rows] == ["50"] * 6
    assert float(rows[0][2]) == pytest.approx(comparison.original.nissim["grad_cam"].mean(), abs=5e-4)
    assert repr(comparison).startswith("ScoreComparison(50 images")


def test_it_is_saved_as_json(comparison, tmp_path):
    text = comparison.to_json(tmp_path / "scores.json")
    found = json.loads((tmp_path / "scores.json").read_text())
    assert json.loads(text) == found
    assert found["original"]["nissim"]["grad_cam"] == comparison.original.nissim["grad_cam"].tolist()


def test_the_examples_are_those_of_both_scores(comparison):
    names = {example.explainer for example in comparison.examples}
    assert names == {*comparison.pairs, *comparison.pairs.values()}


def test_pairs_differ_in_their_score_only():
    smooth = SmoothGrad(explainer=GradCAM(), samples=2)
    found = score_pairs([GradCAM(), GradCAM(layer="a", score="probability"), smooth, smooth.with_score("probability")])
    assert found == {smooth.name: smooth.with_score("probability").name}
    assert smooth.with_score("probability").explainer == GradCAM(score="probability")
    assert smooth.with_score("logit") == smooth


class NoScore(kax.explainers.Explainer):
    def __init__(self) -> None:
        super().__init__()

    def attribute(self, model, x, targets, forward):
        return forward.images


@pytest.mark.slow
def test_bad_calls(faces_model, test_faces):
    with pytest.raises(ValueError, match=r"whose score can be chosen is needed. Received: NoScore"):
        kax.compare_scores(faces_model, test_faces, explainers=NoScore())
    with pytest.raises(ValueError, match="at least one explainer"):
        kax.compare_scores(faces_model, test_faces, explainers=())
    with pytest.raises(TypeError, match=r"a single `epsilon`\. Received: epsilons=0\.1"):
        kax.compare_scores(faces_model, test_faces, epsilons=0.1)
    with pytest.raises(TypeError, match="`attack` must be one attack"):
        kax.compare_scores(faces_model, test_faces, attack=["fgsm", "uniform_noise"])
    with pytest.raises(ValueError, match="`epsilon` must be a number"):
        kax.compare_scores(faces_model, test_faces, epsilon=(0.1, 0.2))
    report = kax.evaluate(faces_model, test_faces, explainers=[NoScore(), GradCAM()], progress=False)
    with pytest.raises(ValueError, match=r"no explainers in pairs .* It has: no_score, grad_cam"):
        report.compare_scores()


def test_an_image_is_in_the_row_of_its_confidence():
    """Log-odds of 9 are a confidence of 90 %, of 999 one of 99.9 %, and of infinity one of 1."""
    edges = {"below 90 %": math.log(9), "90 to 99.9 %": math.log(999), "99.9 to 99.9999 %": math.log(999_999)}
    odds = [value for edge in edges.values() for value in (edge - 0.01, edge, edge + 0.01)] + [math.inf, math.nan]
    images = ScoredImages(np.array(odds), {}, {}, {}, *(np.zeros(len(odds), bool) for _ in range(2)))
    found = {name: int(inside.sum()) for name, inside in render._groups(images)}
    assert found == {
        "below 90 %": 1,
        "90 to 99.9 %": 3,
        "99.9 to 99.9999 %": 3,
        "above": 3,
        "output not finite": 1,
        "all": len(odds),
    }
