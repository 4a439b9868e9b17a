"""What is timed side by side comes to the same results, on small models, with the peers that the package has."""

from __future__ import annotations

import helpers
import numpy as np
import pytest

import keras_advxai as kax
from benchmarks import grad_cam, passes, peers, pipeline, ssim, subjects, training
from benchmarks.cases import apart, largest, relative

EPSILONS = (0.02, 0.05)


@pytest.fixture(scope="module")
def model():
    return subjects.subject("cnn", 16)


@pytest.fixture(scope="module")
def x():
    return subjects.images(6, 16)


@pytest.fixture(scope="module")
def y(model, x):
    found = subjects.predictions(model, x)
    found[1] = (found[1] + 1) % subjects.CLASSES
    return found


def test_the_bare_passes_are_the_model_and_its_gradient(model, x, y):
    assert largest(passes.forward(model, x)(), model.predict_on_batch(x)) < 1e-5
    kernel = np.arange(3 * 16 * 16 * 3, dtype="float32").reshape(-1, 3) / 1000
    linear = helpers.linear_model(kernel, (16, 16, 3))
    found = passes.forward_backward(linear, x, y % 3)()
    np.testing.assert_allclose(found, kernel.T[y % 3].reshape(x.shape), rtol=1e-5)


def test_tf_keras_vis_finds_our_maps_and_another_layer_does_not(model, x, y):
    raw = peers.tf_keras_vis(model, x, y, "conv2", expand_cam=False, normalize_cam=False)()
    assert relative(raw, kax.explainers.GradCAM(layer="conv2").attributions(model, x, y)[..., 0]) < grad_cam.TOLERANCE
    maps = kax.explainers.GradCAM(layer="conv2")(model, x, y)
    assert largest(peers.resized(raw, 16), maps) < 1e-4
    others = peers.tf_keras_vis(model, x, y, "pool2", expand_cam=False, normalize_cam=False)()
    assert largest(peers.resized(others, 16), maps) > 0.1


def test_a_blank_map_stays_blank_when_it_is_resized():
    assert not peers.resized(np.zeros((2, 4, 4), "float32"), 8).any()


@pytest.mark.parametrize("labels", ["given", "none"])
@pytest.mark.parametrize("compiled", [False, True])
def test_cleverhans_finds_our_images(model, x, y, labels, compiled):
    y = y if labels == "given" else None
    found = peers.cleverhans(model, x, y, 0.05, compiled=compiled)()
    assert apart(found, kax.attacks.FGSM(loss="cross_entropy")(model, x, y, 0.05), than=1e-4) < 0.01
    assert largest(found, x) == pytest.approx(0.05, abs=1e-5)


def test_scikit_image_finds_our_dissimilarities():
    a, b = ssim.heatmaps(3, 24)
    assert largest(peers.skimage_nissim(a, b), kax.metrics.nissim(a, b)) < ssim.TOLERANCE
    assert peers.skimage_nissim(a, b).min() > 0.01


def test_the_evaluation_of_the_peers_is_ours(model, x, y):
    layers = ["conv2", "conv3"]
    explainers = [kax.explainers.GradCAM(layer=layer) for layer in layers]
    found = pipeline.ours(model, x, y, EPSILONS, explainers)()
    expected = pipeline.of_peers(model, x, y, EPSILONS, layers)()
    assert found.shape == expected.shape == (3, 2)
    told = pipeline.agreements(found, expected, "both", 100)
    assert [item["what"] for item in told] == [
        "both: accuracy from that of the peers",
        "both: MOD from that of the peers",
    ]
    assert found[1:].min() > 0.001


@pytest.mark.parametrize(("row", "what"), [(0, "accuracy"), (2, "MOD")])
def test_another_accuracy_or_mod_stops_the_benchmark(row, what):
    expected = np.full((3, 2), 0.5)
    found = expected.copy()
    found[row, 1] += 0.02
    with pytest.raises(RuntimeError, match=f"both: {what} from that of the peers: 0.02"):
        pipeline.agreements(found, expected, "both", 100)


def test_watches_tell_an_epoch_from_what_follows_it():
    watches = [training.Stopwatch() for _ in range(len(training.SETTINGS) + 1)]
    for epoch in range(3):
        watches[0].begins.append({"wall": 100.0 * epoch})
        for number, watch in enumerate(watches):
            watch.ends.append({"wall": 100.0 * epoch + 10 + number**2})
    found = training.between(watches, "wall", times=10)
    assert found.pop(training.EPOCH) == [100.0, 100.0]
    assert found == {name: [2.0 * number + 1] * 2 for number, name in enumerate(training.SETTINGS)}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")  # images of noise teach it nothing
def test_a_training_is_timed_from_its_second_epoch_on():
    report = training.measured(images=256, rounds=1, probes=32)
    assert "32 probe images, 4 epsilons; the epoch is 195 times one of 256 images" in report["detail"]
    assert report["rounds"] == 1
    assert {ratio["to"] for ratio in report["ratios"]} == {training.EPOCH, training.DEFAULT}
    assert all(ratio["wall"]["median"] > 0 for ratio in report["ratios"])
