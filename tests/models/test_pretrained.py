"""A pretrained application: trained, saved, and loaded as `weights=` that somebody has on disk.

`weights="imagenet"` is what users write. It needs a download, so this is a MobileNetV2 that was trained on the faces.
"""

from __future__ import annotations

import application_checks
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from weights import mobilenet, photos

import keras_advxai as kax
from keras_advxai.evaluation import EvaluationReport

pytestmark = pytest.mark.slow

NAME = "mobilenet_v2"
WAYS = ("trained", "saved", "weights")
EPSILONS = (1 / 255, 4 / 255, 8 / 255)
"""One, four and eight gray levels."""


def network_inputs(x: np.ndarray) -> np.ndarray:
    return keras.applications.mobilenet_v2.preprocess_input(x.astype("float32"))


def probabilities(model: keras.Model, x: np.ndarray) -> np.ndarray:
    classifier = kax.ImageClassifier(model, preprocess=NAME)
    return tf.function(lambda x: classifier.forward(x).probabilities)(x).numpy()


@pytest.fixture(scope="module")
def data(test_faces) -> tuple[np.ndarray, np.ndarray]:
    x, y = photos(test_faces[0]), test_faces[1]
    x.flags.writeable = False
    return x, y


@pytest.fixture(scope="module")
def models(load_weights, tmp_path_factory) -> dict[str, keras.Model]:
    """One training, three ways to its model."""
    model = mobilenet()
    model.set_weights(load_weights("mobilenet"))
    folder = tmp_path_factory.mktemp("pretrained")
    model.save(folder / "faces.keras")
    model.save_weights(folder / "faces.weights.h5")
    return {
        "trained": model,
        "saved": keras.saving.load_model(folder / "faces.keras"),
        "weights": mobilenet(weights=str(folder / "faces.weights.h5")),
    }


@pytest.fixture(scope="module")
def log_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def reports(models, data, log_dir) -> dict[str, EvaluationReport]:
    """The whole evaluation, as the documentation shows it."""
    return {
        way: kax.evaluate(
            models[way], data, preprocess=NAME, epsilons=EPSILONS, log_dir=log_dir / way, batch_size=25, progress=False
        )
        for way in WAYS
    }


@pytest.fixture(scope="module")
def reference(models) -> application_checks.Reference:
    """The same figures from a gradient tape through `preprocess_input`."""
    return application_checks.Reference(models["trained"], "out_relu", keras.applications.mobilenet_v2.preprocess_input)


def test_it_has_learned_to_tell_faces(reports, data):
    assert np.mean(data[1] == 1) == pytest.approx(0.48)
    assert reports["trained"].clean_accuracy >= 0.86


@pytest.mark.parametrize("way", WAYS)
def test_predictions_are_those_of_keras(models, data, way):
    x, _ = data
    expected = models["trained"].predict(network_inputs(x), verbose=0)
    assert 0.05 < expected[:, 1].mean() < 0.95
    found, trained = (probabilities(models[one], x) for one in (way, WAYS[0]))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(found, trained, atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_figures_of_the_report_are_the_same_whichever_way_the_model_was_loaded(reports, way):
    report = reports[way]
    assert report.provenance["layers"] == {"grad_cam": ["out_relu"]}
    assert (report.provenance["preprocess"], report.provenance["bounds"]) == (NAME, [0, 255])
    assert len(report.rows) == 2 * len(EPSILONS)
    for row, expected in zip(report.rows, reports["trained"].rows, strict=True):
        assert row.to_dict() == pytest.approx(expected.to_dict(), abs=2e-3, nan_ok=True)
    assert report.vid("fgsm", "grad_cam") == pytest.approx(reports["trained"].vid("fgsm", "grad_cam"), abs=2e-3)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_accuracy_under_attack_is_what_keras_predicts_for_the_attacked_photos(models, reports, data, epsilon):
    x, y = data
    adversarial = kax.attacks.FGSM()(kax.ImageClassifier(models["weights"], preprocess=NAME), x, y, epsilon=epsilon)
    predicted = models["weights"].predict(network_inputs(adversarial), verbose=0).argmax(-1)
    accuracy = reports["weights"].accuracy("fgsm", epsilon)
    assert np.mean(predicted == y) == pytest.approx(accuracy, abs=0.021), "more than one image of 50"
    change = np.abs(adversarial - x)
    assert change.max() <= epsilon * 255 + 1e-3
    free = (x >= 8) & (x <= 247)
    assert np.mean(np.abs(change[free] - epsilon * 255) < 1e-3) > 0.999


def test_the_attack_succeeds_where_noise_of_the_same_size_does_not(reports):
    report = reports["weights"]
    assert report.accuracy("fgsm", 8 / 255) < report.clean_accuracy - 0.2
    for epsilon in EPSILONS:
        assert report.accuracy("fgsm", epsilon) < report.accuracy("uniform_noise", epsilon) - 0.1
        assert report.mod("fgsm", "grad_cam", epsilon) > 1.5 * report.mod("uniform_noise", "grad_cam", epsilon)


def test_gradient_goes_through_the_preprocessing(models, data, reference):
    """One gray level of a pixel moves the network's input by 1/127.5."""
    x, y = data[0][:8].astype("float32"), data[1][:8]
    attack = kax.attacks.FGSM()
    classifier = kax.ImageClassifier(models["saved"], preprocess=NAME)
    found = tf.function(lambda x: attack.gradient(classifier.forward(x), tf.constant(y)))(x)
    _, _, expected = reference.gradients(x, y)
    inner = application_checks.Reference(models["trained"], "out_relu", tf.identity)
    _, _, inside = inner.gradients(network_inputs(x), y)
    for other in (found.numpy(), inside / 127.5):
        error = np.linalg.norm((np.asarray(other) - expected).reshape(len(x), -1), axis=1)
        assert np.all(error < 0.1 * np.linalg.norm(expected.reshape(len(x), -1), axis=1))


def test_grad_cam_is_that_of_a_gradient_tape(models, data, reference):
    x, y = data[0][:8].astype("float32"), data[1][:8]
    classifier = kax.ImageClassifier(models["saved"], preprocess=NAME)
    found = kax.explainers.GradCAM(relu=False).attributions(classifier, x)
    _, expected, _ = reference.gradients(x, y)
    scale = np.abs(expected).max(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-3)
    assert np.all(np.ptp(expected / scale, axis=(1, 2, 3)) > 0.05)


def test_logs_hold_the_report(reports, log_dir):
    folder = log_dir / "weights" / "advxai"
    assert EvaluationReport.from_json(folder / "report.json") == reports["weights"]
    events = EventAccumulator(str(folder / "evaluation")).Reload()
    for tag, expected in (
        ("accuracy/fgsm", reports["weights"].accuracy("fgsm", max(EPSILONS))),
        ("mod/grad_cam/fgsm", reports["weights"].mod("fgsm", "grad_cam", max(EPSILONS))),
    ):
        (event,) = events.Tensors(f"~advxai_final/{tag}")
        assert tf.make_ndarray(event.tensor_proto).item() == pytest.approx(expected, rel=1e-6)


def test_forgotten_preprocessing_is_an_error_on_pixels(models, data):
    with pytest.raises(ValueError, match=r"integers \(uint8\) while the bounds are \(0, 1\). Pass bounds=\(0, 255\)"):
        kax.evaluate(models["saved"], data, progress=False)
    with pytest.raises(ValueError, match=r"within the bounds \(0, 1\).*These images fit bounds=\(0, 255\)"):
        kax.evaluate(models["saved"], (data[0].astype("float32"), data[1]), progress=False)


@pytest.mark.parametrize("preprocess", [None, "resnet50", "efficientnet"])
def test_other_preprocessing_than_in_training_shows_in_the_accuracy(models, reports, data, preprocess):
    settings = {"preprocess": preprocess, "bounds": (0, 255), "explainers": (), "epsilons": EPSILONS[:2]}
    report = kax.evaluate(models["saved"], data, noise_control=False, progress=False, **settings)
    assert report.clean_accuracy < reports["saved"].clean_accuracy - 0.1


def test_photos_that_were_scaled_before_are_refused_or_warned_of(models, data):
    x, y = data
    with pytest.raises(ValueError, match=r"within the bounds \(0, 255\). Received: values from -1 to "):
        kax.evaluate(models["saved"], (network_inputs(x), y), preprocess=NAME, progress=False)
    with pytest.warns(UserWarning, match=r"while the bounds are \(0, 255\), which is nearly black"):
        kax.evaluate(models["saved"], (x / 255, y), preprocess=NAME, explainers=(), epsilons=EPSILONS, progress=False)
