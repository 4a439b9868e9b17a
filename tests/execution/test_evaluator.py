"""The evaluation against the same thing done by hand with the public calls, and against bad input."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity

import keras_advxai as kax

EPSILONS = (0.02, 0.1)


def run(model, data, **settings):
    return kax.evaluate(model, data, **{"epsilons": EPSILONS, "progress": False, **settings})


class Pairs(keras.utils.PyDataset):
    """Batches of eight of what it is given."""

    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return -(-len(self.arrays[0]) // 8)

    def __getitem__(self, index):
        parts = tuple(array[8 * index : 8 * index + 8] for array in self.arrays)
        return parts if len(parts) > 1 else parts[0]


@pytest.fixture(scope="module")
def report(faces_model, test_faces):
    return run(faces_model, test_faces)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* heatmaps of .* are blank")
@pytest.mark.parametrize("attack", [kax.attacks.FGSM(), kax.attacks.UniformNoise()])
def test_the_compiled_step_does_what_the_public_calls_do(report, faces_model, test_faces, attack):
    x, y = test_faces
    grad_cam = kax.explainers.GradCAM()
    clean = grad_cam(faces_model, x)
    for epsilon in EPSILONS:
        adversarial = attack(faces_model, x, y, epsilon=epsilon)
        maps = grad_cam(faces_model, adversarial)
        predictions = faces_model.predict(adversarial, verbose=0).argmax(-1)
        assert report.accuracy(attack, epsilon) == np.mean(predictions == y)
        expected = [
            np.clip((1 - structural_similarity(a[..., 0], b[..., 0], data_range=1)) / 2, 0, 1)
            for a, b in zip(clean, maps, strict=True)
        ]
        np.testing.assert_allclose(report.dissimilarity(attack, grad_cam, epsilon), expected, atol=1e-4)
        assert report.mod(attack, grad_cam, epsilon) == pytest.approx(np.mean(expected), abs=1e-5)


@pytest.mark.slow
def test_the_clean_target_explains_the_clean_prediction_of_both_images(report, faces_model, test_faces):
    clean_target = run(faces_model, test_faces, target="clean")
    by_label = run(faces_model, test_faces, target="label")
    for epsilon in EPSILONS:
        expected = clean_target.mod("fgsm", "grad_cam", epsilon)
        assert report.mod("fgsm", "grad_cam", epsilon, target="clean") == pytest.approx(expected, abs=1e-6)
        assert by_label.mod("fgsm", "grad_cam", epsilon, target="clean") == pytest.approx(expected, abs=1e-6)
    assert report.flip_rate("fgsm", 0.1) > 0
    assert clean_target.mod("fgsm", "grad_cam", 0.1) != pytest.approx(report.mod("fgsm", "grad_cam", 0.1), abs=1e-3)


def test_without_flips_the_targets_agree(report):
    kept = report.measurements.at("prediction", attack="fgsm", epsilon=EPSILONS[0]) == report.measurements.at(
        "prediction"
    )
    predicted, clean = (
        report.dissimilarity("fgsm", "grad_cam", EPSILONS[0], target=mode) for mode in ("predicted", "clean")
    )
    np.testing.assert_allclose(predicted[kept], clean[kept], atol=1e-6)


@pytest.mark.filterwarnings("ignore:.* heatmaps of .* are blank")
def test_the_label_target_explains_the_label(faces_model, test_faces):
    x, y = test_faces
    wrong = 1 - y
    found = run(faces_model, (x, wrong), target="label")
    grad_cam = kax.explainers.GradCAM()
    blank = kax.explainers.is_blank(grad_cam(faces_model, x, targets=wrong)).numpy()
    np.testing.assert_array_equal(found.measurements.at("blank", explainer="grad_cam"), blank)
    assert found.clean_accuracy < 0.5


def test_batches_do_not_matter(report, faces_model, test_faces):
    other = run(faces_model, test_faces, batch_size=7)
    for attack in report.attacks:
        np.testing.assert_array_equal(
            other.measurements.at("prediction", attack=attack), report.measurements.at("prediction", attack=attack)
        )
        for epsilon in EPSILONS:
            np.testing.assert_allclose(
                other.dissimilarity(attack, "grad_cam", epsilon),
                report.dissimilarity(attack, "grad_cam", epsilon),
                atol=1e-4,
            )
    assert other.provenance["data_sha256"] == report.provenance["data_sha256"]


@pytest.mark.parametrize("kind", ["tensors", "dataset", "py_dataset", "one_hot", "column"])
def test_every_kind_of_data_gives_the_same_report(report, faces_model, test_faces, kind):
    x, y = test_faces
    data = {
        "tensors": lambda: (tf.constant(x), tf.constant(y)),
        "dataset": lambda: tf.data.Dataset.from_tensor_slices((x, y)).batch(8),
        "py_dataset": lambda: Pairs(x, y),
        "one_hot": lambda: (x, np.eye(2, dtype="float32")[y]),
        "column": lambda: (x, y[:, None]),
    }[kind]()
    other = run(faces_model, data)
    assert other.rows[0].images == len(x)
    np.testing.assert_array_equal(other.measurements.at("label"), report.measurements.at("label"))
    np.testing.assert_allclose(
        other.dissimilarity("fgsm", "grad_cam", 0.1), report.dissimilarity("fgsm", "grad_cam", 0.1), atol=1e-4
    )


@pytest.mark.parametrize("kind", ["array", "dataset", "py_dataset"])
def test_without_labels_the_clean_prediction_stands_in_and_the_report_says_so(faces_model, test_faces, kind):
    x, _ = test_faces
    data = {
        "array": lambda: x,
        "dataset": lambda: tf.data.Dataset.from_tensor_slices(x).batch(8),
        "py_dataset": lambda: Pairs(x),
    }[kind]()
    found = run(faces_model, data)
    np.testing.assert_array_equal(found.measurements.at("label"), faces_model.predict(x, verbose=0).argmax(-1))
    assert found.provenance["labels"] == "clean prediction"
    assert any("no labels" in warning for warning in found.warnings)
    assert "no labels" in str(found)
    with pytest.raises(ValueError, match="target='label' explains the true class"):
        run(faces_model, data, target="label")


@pytest.mark.slow
def test_the_noise_control_has_the_norm_of_the_attacks(faces_model, test_faces):
    attacks = [kax.attacks.FGSM(), kax.attacks.FGSM(norm="l2")]
    found = run(faces_model, test_faces, attacks=attacks)
    assert found.attacks == ("fgsm", "fgsm_l2", "uniform_noise", "uniform_noise_l2")
    assert run(faces_model, test_faces, noise_control=False).attacks == ("fgsm",)
    named = run(faces_model, test_faces, attacks=["fgsm", "uniform_noise"])
    assert named.attacks == ("fgsm", "uniform_noise")


def test_an_attack_beats_the_noise(report):
    # By the probability of the label and not by the accuracy, which noise may bring down as far.
    def certainty(attack, epsilon):
        right = report.measurements.at("prediction", attack=attack, epsilon=epsilon) == report.measurements.at("label")
        confidence = report.measurements.at("confidence", attack=attack, epsilon=epsilon)
        return np.where(right, confidence, 1 - confidence).mean()  # of two classes

    for epsilon in EPSILONS:
        assert report.accuracy("fgsm", epsilon) <= report.accuracy("uniform_noise", epsilon)
        assert certainty("fgsm", epsilon) < certainty("uniform_noise", epsilon)


@pytest.mark.slow
def test_one_trace_serves_every_batch_size_and_run(faces_model, test_faces):
    traces = []

    class Counting(kax.attacks.FGSM):
        def perturb(self, model, x, y, epsilon, forward):
            traces.append(x.shape)
            return super().perturb(model, x, y, epsilon, forward)

    x, y = test_faces
    for batch_size in (32, 7, 50):
        run(faces_model, (x, y), attacks=[Counting()], batch_size=batch_size)
    assert len(traces) == 1


def test_weights_are_read_live(faces_model, test_faces):
    weights = faces_model.get_weights()
    before = run(faces_model, test_faces)
    try:
        faces_model.layers[-1].set_weights([-weights[-2], -weights[-1]])
        after = run(faces_model, test_faces)
    finally:
        faces_model.set_weights(weights)
    assert after.clean_accuracy == pytest.approx(1 - before.clean_accuracy)


def test_the_model_is_as_it_was(faces_model, test_faces):
    weights = [array.copy() for array in faces_model.get_weights()]
    before = [dict(vars(layer)) for layer in faces_model.layers]
    own = dict(vars(faces_model))
    run(faces_model, test_faces)
    assert [dict(vars(layer)) for layer in faces_model.layers] == before
    assert dict(vars(faces_model)) == own
    for left, right in zip(weights, faces_model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_pixels_and_unit_range_give_the_same_at_the_same_epsilon(report, faces_model, test_faces):
    x, y = test_faces
    scaled = kax.ImageClassifier(faces_model, bounds=(0, 255), preprocess=lambda pixels: pixels / 255.0)
    found = run(scaled, (x * 255, y))
    for epsilon in EPSILONS:
        assert found.accuracy("fgsm", epsilon) == report.accuracy("fgsm", epsilon)
        expected = report.mod("fgsm", "grad_cam", epsilon)
        assert found.mod("fgsm", "grad_cam", epsilon) == pytest.approx(expected, abs=0.01)


def test_images_without_any_evidence_are_left_out_and_counted():
    layers = keras.layers
    inputs = layers.Input((8, 8, 1))
    outputs = layers.Conv2D(1, 3, activation="relu", kernel_initializer="ones", bias_initializer=lambda *_, **__: -1.0)
    model = keras.Sequential([inputs, outputs, layers.GlobalAveragePooling2D(), layers.Dense(2, "softmax")])
    model.layers[-1].set_weights([np.array([[0.0, 1.0]]), np.array([0.1, 0.0])])
    x = np.zeros((4, 8, 8, 1), "float32")
    x[:2, 2:6, 2:6] = 1.0
    found = run(model, (x, [1, 1, 0, 0]), epsilons=(0.01, 0.3))
    np.testing.assert_array_equal(found.measurements.at("blank", explainer="grad_cam"), [False, False, True, True])
    assert np.isnan(found.dissimilarity("fgsm", "grad_cam", 0.3)[2:]).all()
    assert np.isfinite(found.mod("fgsm", "grad_cam", 0.3))
    assert any("2 of 4 clean heatmaps of grad_cam are blank" in warning for warning in found.warnings)


def test_examples_hold_what_was_measured(faces_model, test_faces):
    x, _ = test_faces
    found = kax.evaluate(faces_model, test_faces, epsilons=EPSILONS, images=40, batch_size=32, progress=False)
    assert len(found.examples) == 40 * 2 * 2
    assert {example.index for example in found.examples} == set(range(40))
    for example in found.examples:
        np.testing.assert_array_equal(example.image, x[example.index])
        assert np.abs(example.adversarial - example.image).max() <= example.epsilon + 1e-6
        values = found.dissimilarity(example.attack, example.explainer, example.epsilon)
        assert example.dissimilarity == values[example.index]
    assert found.examples[0].heatmap.max() == 1.0
    assert kax.evaluate(faces_model, test_faces, images=0, progress=False).examples == ()


def test_a_strangers_attack_and_explainer_are_evaluated_too(faces_model, test_faces):
    class Darken(kax.attacks.Attack):
        def perturb(self, model, x, y, epsilon, forward):
            return x - epsilon

    class Brightness(kax.explainers.Explainer):
        def attribute(self, model, x, targets, forward):
            return forward.images

    found = run(faces_model, test_faces, attacks=[Darken()], explainers=[Brightness(), "grad_cam"])
    assert found.attacks == ("darken", "uniform_noise")
    assert found.explainers == ("brightness", "grad_cam")
    assert 0 < found.mod("darken", "brightness", 0.1) < 1
    with pytest.raises(ValueError, match="no heatmaps of 'brightness' for target='clean'"):
        found.mod("darken", "brightness", 0.1, target="clean")


def test_accuracy_alone(faces_model, test_faces, report):
    found = run(faces_model, test_faces, explainers=())
    assert [row.accuracy for row in found.rows] == [row.accuracy for row in report.rows]
    assert found.explainers == ()


def test_provenance_can_be_built_again(report):
    settings = report.provenance["settings"]
    assert [kax.attacks.deserialize(config) for config in settings["attacks"]] == [kax.attacks.FGSM()]
    assert kax.explainers.deserialize(settings["explainers"][0]) == kax.explainers.GradCAM()
    assert report.settings.attacks_and_controls == (kax.attacks.FGSM(), kax.attacks.UniformNoise())
    assert report.provenance["versions"]["tensorflow"] == tf.__version__
    assert report.provenance["layers"]["grad_cam"] == [kax.ImageClassifier(report_model(report)).default_layer]


def report_model(report):
    """A model whose default layer has the name that the report gives."""
    (name,) = report.provenance["layers"]["grad_cam"]
    layers = keras.layers
    stack = [layers.Input((8, 8, 1)), layers.Conv2D(1, 3, name=name), layers.Flatten(), layers.Dense(2)]
    return keras.Sequential(stack)


def test_examples_are_selected_by_what_they_show(faces_model, test_faces):
    found = kax.evaluate(faces_model, test_faces, epsilons=EPSILONS, images=3, progress=False)
    chosen = found.select(attack="fgsm", epsilon=0.1)
    assert [example.index for example in chosen] == [0, 1, 2]
    assert {(example.attack, example.epsilon) for example in chosen} == {("fgsm", 0.1)}
    assert found.select() == found.examples
    with pytest.raises(ValueError, match="has no attack 'pgd'"):
        found.select(attack="pgd")
