"""How much is computed in the compiled step of an evaluation, counted in convolutions of its graph. No clock.

The model has n = 3. A loop's body counts once, and a function once for each place that calls it.
"""

from __future__ import annotations

import helpers
import numpy as np
import pytest
import tensorflow as tf
from helpers import counted_operations

import keras_advxai as kax
from keras_advxai.evaluation.measure import Measure
from keras_advxai.evaluation.plan import MeasurementPlan
from keras_advxai.measurements import drift

N = 3
FGSM, PGD, GRAD_CAM = kax.attacks.FGSM(), kax.attacks.PGD(keep="last"), kax.explainers.GradCAM()
NISSIM = (kax.metrics.get("nissim"),)
EVERY_LAYER = tuple(kax.explainers.GradCAM(layer=name) for name in ("conv1", "conv2", "conv3"))
IG = kax.explainers.IntegratedGradients(steps=5)


@pytest.mark.parametrize("epsilons", [1, 5])
@pytest.mark.parametrize(
    ("attack", "explainers", "forward", "backward", "passes", "once"),
    [
        # one pass over the clean images and one gradient; one pass for each epsilon
        (FGSM, (GRAD_CAM,), 2 * N, N, N, N),
        # the gradients at all layers are those of one backward pass, which ends at the first of them
        (FGSM, EVERY_LAYER, 2 * N, N + 2 * (N - 1), N, N + N - 1),
        # the first step goes along the gradient of the clean pass; then a pass and a gradient in each step
        (PGD, (GRAD_CAM,), 3 * N, 2 * N, N, N),
        # before and after the attack: a gradient for points on the paths, and a pass over the baselines
        (FGSM, (IG,), 6 * N, 3 * N, 2 * N, N),
    ],
    ids=["fgsm", "every layer", "pgd", "integrated gradients"],
)
def test_convolutions_of_the_step(model, attack, explainers, forward, backward, passes, once, epsilons):
    classifier = kax.ImageClassifier(model)
    step = Measure(MeasurementPlan((attack,), explainers, NISSIM, "predicted"))

    def run(x, y):
        return step(classifier, x, y, tf.constant([0.01 * (1 + level) for level in range(epsilons)]), tf.constant(0))

    traced = tf.function(run, autograph=False)
    specs = tf.TensorSpec([None, *helpers.SHAPE]), tf.TensorSpec([None], tf.int32)
    everywhere = counted_operations(traced, *specs)
    assert everywhere["Conv2D"] == forward
    assert everywhere["Conv2DBackpropInput"] == backward
    assert everywhere["Conv2DBackpropFilter"] == 0
    outside = counted_operations(traced, *specs, inside=False)
    assert outside["Conv2D"] == passes
    assert outside["Conv2DBackpropInput"] == once


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attack", "explainer"),
    [
        (kax.attacks.MIFGSM(steps=2), kax.explainers.SmoothGrad(samples=2)),
        (kax.attacks.DDN(steps=2), kax.explainers.LayerCAM(layer="conv2")),
    ],
    ids=["mifgsm", "ddn"],
)
def test_a_short_last_batch_and_a_second_evaluation_take_no_further_trace(model, test_faces, attack, explainer):
    traced = []

    def preprocess(images):
        traced.append(images.shape)
        return images

    classifier = kax.ImageClassifier(model, preprocess=preprocess)
    x, y = (array[:10] for array in test_faces)
    settings = {"attacks": [attack], "explainers": [explainer], "epsilons": (1.0,), "progress": False}
    kax.evaluate(classifier, (x[:4], y[:4]), batch_size=4, **settings)
    before = len(traced)
    report = kax.evaluate(classifier, (x, y), batch_size=4, **settings)
    assert len(traced) == before
    assert len(report.measurements.at("label")) == 10


@pytest.mark.slow
def test_all_attacks_share_one_trace_of_what_comes_after_them(model, few):
    traced = []

    class Looking(kax.explainers.Explainer):
        def attribute(self, model, x, targets, forward):
            traced.append(x.shape)
            return forward.images

    for attacks in (["fgsm"], ["fgsm", "pgd", "sign_noise"]):
        before = len(traced)
        kax.evaluate(model, few, attacks=attacks, explainers=[Looking()], epsilons=(0.1,), progress=False)
        assert len(traced) - before == 2  # before the attacks, and after them


@pytest.mark.slow
def test_only_the_images_for_pictures_come_back_with_their_heatmaps(model, few):
    classifier = kax.ImageClassifier(model)
    step = Measure(MeasurementPlan((FGSM,), (GRAD_CAM,), NISSIM, "predicted"))
    x, y = tf.constant(few[0]), tf.constant(few[1])
    for keep in (0, 2):
        found = classifier.compiled(step, step, x, y, tf.constant([0.01, 0.1]), tf.constant(keep))
        del found["clean"]["last"]  # one heatmap, for the next batch
        sizes = {tuple(item.shape) for item in tf.nest.flatten(found) if np.prod(item.shape) > 2 * len(x)}
        assert sizes == (set() if keep == 0 else {(keep, *helpers.SHAPE), (2, keep, *helpers.SHAPE)})


def test_intervals_are_computed_when_they_are_asked_for(model, few, monkeypatch):
    drawn = []
    resampled = drift.resampled
    monkeypatch.setattr(drift, "resampled", lambda *given: drawn.append(given[1]) or resampled(*given))
    report = kax.evaluate(model, few, attacks=("fgsm",), epsilons=(0.01, 0.02), images=0, progress=False)
    assert report.mod("fgsm", "grad_cam", 0.02) >= 0
    assert not drawn
    assert report.rows[0].mod_low <= report.rows[0].mod
    assert drawn.count("fgsm") == 1  # for both epsilons
    report.to_csv()
    assert drawn.count("fgsm") == 1
