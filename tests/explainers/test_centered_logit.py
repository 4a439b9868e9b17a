"""The score that does not count what all logits have in common."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.contrib import TFKerasVis
from keras_advxai.explainers import (
    BlankHeatmapWarning,
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    IntegratedGradients,
    LayerCAM,
    Saliency,
    SmoothGrad,
)

SHAPE = (6, 6, 2)
X = np.random.default_rng(0).random((4, *SHAPE), dtype="float32")
LABELS = np.array([0, 1, 2, 0])
WEIGHTS = np.array([[-1.0, -3.0, -2.5], [-4.0, -1.5, -1.0]], "float32")
"""Of two channels to three classes: all of them evidence against each class."""
CENTERED = WEIGHTS - WEIGHTS.mean(1, keepdims=True)
CENTERED_SCORE = "centered_logit"


def channels(weights=WEIGHTS, head="softmax") -> keras.Model:
    """Grad-CAM's explained layer is the image itself, whose channels are weighted for each class."""
    inputs = keras.Input(SHAPE)
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(weights.shape[1], activation=head)(x))
    model.set_weights([np.eye(2, dtype="float32").reshape(1, 1, 2, 2), weights, np.zeros(weights.shape[1], "float32")])
    return model


@pytest.fixture(scope="module")
def net():
    return channels()


def expected(weights, labels=LABELS) -> np.ndarray:
    maps = np.maximum(np.einsum("bhwk,kb->bhw", X, weights[:, labels]), 0)[..., None]
    return maps / maps.max((1, 2, 3), keepdims=True)


def test_grad_cam_in_closed_form(net):
    found = GradCAM(score=CENTERED_SCORE)(net, X, LABELS)
    np.testing.assert_allclose(found, expected(CENTERED), atol=1e-5)


def test_where_the_logit_is_blank_it_is_not_and_the_warning_says_so(net):
    with pytest.warns(BlankHeatmapWarning, match=r"zero everywhere\. .*score='centered_logit' does not"):
        assert not GradCAM()(net, X, LABELS).any()
    assert (GradCAM(score=CENTERED_SCORE)(net, X, LABELS).max((1, 2, 3)) == 1).all()


ADVICE = "The logit counts what is evidence against all classes alike: score='centered_logit' does not"
HEADS = {
    "softmax": (WEIGHTS, "softmax", {}, f"{ADVICE}, nor does score='probability'."),
    "logits": (WEIGHTS, None, {}, f"{ADVICE}, nor does score='probability'."),
    "two classes": (WEIGHTS[:, :2], "softmax", {}, f"{ADVICE}, nor does score='probability'."),
    "a sigmoid for each class": (WEIGHTS, "sigmoid", {"labels": "single"}, f"{ADVICE}."),
    "several labels": (WEIGHTS, "sigmoid", {"labels": "multi"}, ""),
    "several labels of logits": (WEIGHTS, None, {"labels": "multi"}, ""),
    "one sigmoid unit": (WEIGHTS[:, :1], "sigmoid", {}, ""),
    "one logit": (WEIGHTS[:, :1], None, {"from_logits": True}, ""),
    "probabilities": (WEIGHTS, "softmax", {"from_logits": False}, f"{ADVICE}, nor does score='probability'."),
    "normalised": (WEIGHTS, keras.activations.softplus, {"from_logits": False}, ""),
    "regression": (WEIGHTS, None, {"task": "regression"}, ""),
}


@pytest.mark.parametrize("head", HEADS)
def test_the_warning_names_scores_that_this_model_takes_and_that_are_not_blank_alike(head):
    weights, activation, said, advice = HEADS[head]
    classifier = kax.ImageClassifier(channels(weights, activation), **said)
    explained = 1 if weights.shape[1] == 1 and classifier.binary else 0
    with pytest.warns(BlankHeatmapWarning) as caught:
        # Of one unit, class 1 is what all channels speak against.
        assert not GradCAM()(classifier, X, explained).any()
    assert str(caught[0].message).endswith(f"zero everywhere.{advice and ' '}{advice}")
    offered = [score for score in (CENTERED_SCORE, "probability") if f"score='{score}'" in advice]
    for score in set(classifier.kind.scores) - {"logit", *offered}:
        if head == "normalised":  # where each probability has a scale of its own, nothing is known of the others
            continue
        with pytest.warns(BlankHeatmapWarning):
            assert not GradCAM(score=score)(classifier, X, explained).any()
    assert CENTERED_SCORE not in offered or GradCAM(score=CENTERED_SCORE)(classifier, X, explained).any()


def test_the_finding_says_nothing_of_other_scores_of_one_sigmoid_unit():
    settings = {"attacks": "uniform_noise", "epsilons": (0.1,), "target": "label", "progress": False}
    report = kax.evaluate(channels(WEIGHTS[:, :1], "sigmoid"), (X, np.ones(4, int)), explainers=GradCAM(), **settings)
    found = [str(finding) for finding in report.warnings if finding.id == "blank-heatmaps"]
    assert len(found) == 1
    assert found[0].endswith("these images are left out of its MOD and VID.")


@pytest.mark.parametrize("explainer", [GradCAM, GradCAMPlusPlus, LayerCAM, HiResCAM, Saliency])
def test_what_is_added_to_all_logits_changes_nothing(explainer, net):
    shifted = channels(WEIGHTS + np.array([[5.0], [-2.0]], "float32"))
    one, other = (explainer(score=CENTERED_SCORE)(model, X, LABELS) for model in (net, shifted))
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_of_two_classes_it_is_the_log_odds():
    two = channels(WEIGHTS[:, :2])
    labels = LABELS % 2
    slopes = WEIGHTS[:, labels] - WEIGHTS[:, 1 - labels]
    np.testing.assert_allclose(
        Saliency(score=CENTERED_SCORE).attributions(two, X, labels),
        np.broadcast_to(slopes.T[:, None, None] / 36 / 2, X.shape),
        rtol=1e-4,
    )


@pytest.mark.parametrize("label", [0, 1])
def test_of_one_sigmoid_unit_it_is_the_logit(label):
    one = channels(np.array([[1.0], [-2.0]], "float32"), "sigmoid")
    logit, centered = (GradCAM(score=score)(one, X, label) for score in ("logit", CENTERED_SCORE))
    np.testing.assert_allclose(centered, logit, atol=1e-6)
    assert logit.any()


@pytest.mark.slow
def test_integrated_gradients_add_up_to_its_change(net):
    explainer = IntegratedGradients(steps=3, score=CENTERED_SCORE)
    found = explainer.attributions(net, X, LABELS)
    slopes = CENTERED[:, LABELS].T[:, None, None] / 36
    np.testing.assert_allclose(found, X * slopes, atol=1e-6)  # the model is linear, and the baseline black
    np.testing.assert_allclose(explainer.completeness_gap(net, X, LABELS), 0, atol=1e-6)
    report = kax.evaluate(net, (X, LABELS), explainers=explainer, target="label", epsilons=(0.1,), progress=False)
    change = report.measurements.at("score_change", explainer=explainer)
    np.testing.assert_allclose(change, (X * slopes).sum((1, 2, 3)), atol=1e-5)


def test_an_eager_pass_and_a_smoothed_explainer_know_it(net):
    explainer = GradCAM(score=CENTERED_SCORE)
    classifier = kax.ImageClassifier(net)
    found = explainer(classifier, X, LABELS, forward=classifier.forward(X))
    np.testing.assert_allclose(found, expected(CENTERED), atol=1e-5)
    smoothed = SmoothGrad(explainer=GradCAM(), samples=2, noise=0.0).with_score(CENTERED_SCORE)
    assert smoothed.score == CENTERED_SCORE
    np.testing.assert_allclose(smoothed(net, X, LABELS), expected(CENTERED), atol=1e-4)


@pytest.mark.parametrize("method", ["gradcam", "saliency"])
def test_tf_keras_vis_explains_it_too(method, net):
    own = {"gradcam": GradCAM, "saliency": Saliency}[method](score=CENTERED_SCORE)
    theirs = TFKerasVis(method, score=CENTERED_SCORE)(net, X, LABELS)
    if method == "gradcam":
        np.testing.assert_allclose(theirs, own(net, X, LABELS), atol=1e-4)
    else:  # the largest channel instead of their sum
        largest = np.abs(CENTERED[:, LABELS]).max(0) > 0
        assert (theirs.max((1, 2, 3)) > 0).tolist() == largest.tolist()


def test_its_names_and_other_scores():
    assert GradCAM(score=CENTERED_SCORE).name == "grad_cam_centered_logit"
    assert GradCAM().with_score(CENTERED_SCORE) == GradCAM(score=CENTERED_SCORE)
    with pytest.raises(ValueError, match="must be one of logit, probability, centered_logit"):
        GradCAM(score="log")


@pytest.mark.slow
def test_an_evaluation_names_the_way_out_and_compares_the_same_pairs(net):
    explainers = [GradCAM(score=score) for score in ("logit", "probability", CENTERED_SCORE)]
    report = kax.evaluate(net, (X, LABELS), explainers=explainers, target="label", epsilons=(0.1,), progress=False)
    blank = [finding for finding in report.warnings if finding.id == "blank-heatmaps"]
    assert len(blank) == 1
    assert "4 of 4 clean heatmaps of grad_cam are blank" in blank[0]
    assert "score='centered_logit' does not, nor does score='probability'." in blank[0]
    assert report.provenance["score_pairs"] == {"grad_cam": "grad_cam_probability"}
    assert report.measurements.arrays["score_zero_gradient"].shape[0] == 2
    assert report.blank_rate(None, "grad_cam_centered_logit") == 0
    assert kax.EvaluationReport.from_json(report.to_json()).settings == report.settings


@pytest.mark.slow
def test_compare_scores_takes_the_two_ends_of_the_softmax(net):
    comparison = kax.compare_scores(net, (X, LABELS), explainers=GradCAM(score=CENTERED_SCORE), progress=False)
    assert comparison.pairs == {"grad_cam": "grad_cam_probability"}
