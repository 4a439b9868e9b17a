"""Images without a dimension for channels: pictures where the network flattens them, and else signals, with a note."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from skimage.metrics import structural_similarity

import keras_advxai as kax

L = keras.layers
RNG = np.random.default_rng(5)
X = RNG.random((12, 16, 10), dtype="float32")
Y = np.arange(12) % 3
SETTINGS = {"epsilons": (0.05, 0.1), "progress": False, "images": 2}


def evaluated(model, x=X, **settings):
    explainers = settings.pop("explainers", ["integrated_gradients", "saliency"])
    return kax.evaluate(model, (x, Y), explainers=explainers, **SETTINGS, **settings)


def notes(report):
    return [str(finding) for finding in report.warnings if finding.id == "one-dimensional"]


def flattening(shape, *front):
    keras.utils.set_random_seed(3)
    rest = [L.Flatten(), L.Dense(16, activation="relu"), L.Dropout(0.2), L.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input(shape), *front, *rest])


def test_a_network_that_flattens_pictures_is_explained_as_one_that_has_channels():
    """Keras' own example for MNIST: `Flatten(input_shape=(28, 28))`."""
    report, expected = evaluated(flattening((16, 10))), evaluated(flattening((16, 10, 1)), X[..., None])
    assert report.provenance["heatmap_size"] == [16, 10]
    for explainer in report.explainers:
        for epsilon in report.epsilons:
            for attack in ("fgsm", "uniform_noise"):
                mods = [item.mod(attack, explainer, epsilon) for item in (report, expected)]
                assert mods[0] == pytest.approx(mods[1], abs=1e-6)
        assert report.chance(explainer) == pytest.approx(expected.chance(explainer), abs=1e-6)
    assert not notes(report)
    assert report.examples[0].image.shape == (16, 10, 1)


def test_its_mod_is_that_of_two_dimensions_by_scikit_image():
    network = flattening((16, 10))
    model = kax.ImageClassifier(network)
    explainer = kax.explainers.Saliency()
    report = evaluated(network, explainers=explainer, target="clean")
    adversarial = kax.attacks.FGSM()(model, X, Y, 0.1)
    classes = network.predict(X, verbose=0).argmax(-1)
    before, after = (np.asarray(explainer(model, x, classes))[..., 0] for x in (X, adversarial))
    assert before.shape == X.shape
    found = [
        (1 - structural_similarity(one, other, data_range=1)) / 2
        for one, other in zip(before.astype("float64"), after.astype("float64"), strict=True)
    ]
    assert report.mod("fgsm", "saliency", 0.1) == pytest.approx(np.mean(found), abs=1e-5)


def standardised():
    layer = L.Normalization()
    layer.adapt(X)
    return layer


@pytest.mark.parametrize(
    "front",
    [
        lambda: [L.Rescaling(2.0, offset=-1.0)],
        lambda: [standardised()],
        lambda: [L.GaussianNoise(0.1), L.BatchNormalization()],
        lambda: [L.Reshape((16, 10, 1))],
        lambda: [L.ReLU(), L.Dropout(0.1), L.Identity()],
    ],
    ids=["rescaled", "standardised", "normalised", "reshaped", "rectified"],
)
def test_so_is_one_that_looks_at_each_value_before(front):
    assert evaluated(flattening((16, 10), *front())).provenance["heatmap_size"] == [16, 10]


def test_with_a_preprocessing_too():
    report = evaluated(flattening((16, 10)), preprocess=lambda x: 2 * x - 1)
    assert report.provenance["heatmap_size"] == [16, 10]


def test_a_vector_that_the_model_makes_a_picture_of_is_one():
    keras.utils.set_random_seed(0)
    model = flattening((160,), L.Reshape((16, 10, 1)))
    report = evaluated(model, X.reshape(12, -1))
    assert report.provenance["heatmap_size"] == [16, 10]
    assert not notes(report)


STEPS = "16 steps with 10 channels each"
SIGNALS = {
    "recurrent": ((16, 10), [L.LSTM(4), L.Dense(3)], STEPS),
    "sequences": (
        (16, 10),
        [L.GRU(4, return_sequences=True), L.Flatten(), L.Dense(3)],
        "16 steps with 10 channels each",
    ),
    "tokens": ((16, 10), [L.Dense(4, activation="relu"), L.Flatten(), L.Dense(3)], STEPS),
    "pooled": ((16, 10), [L.GlobalAveragePooling1D(), L.Dense(3)], STEPS),
    "vector": ((160,), [L.Dense(4, activation="relu"), L.Dense(3)], "160 values"),
    "narrow": ((16, 6), [L.Flatten(), L.Dense(3)], "16 steps with 6 channels each"),
}


@pytest.mark.parametrize("kind", SIGNALS)
def test_what_is_taken_for_a_signal_is_said_and_what_makes_it_a_picture(kind):
    shape, layers, text = SIGNALS[kind]
    x = X[..., : shape[1]] if len(shape) == 2 else X.reshape(12, -1)
    model = keras.Sequential([keras.Input(shape), *layers])
    report = evaluated(model, x)
    (note,) = notes(report)
    assert f"Images of the shape {shape} are taken for signals of {text}: heatmaps have one dimension." in note
    assert report.provenance["heatmap_size"] == [shape[0]]
    # What it says can be pasted.
    code = note[note.index("keras.Sequential") :].split(" on images")[0]
    code = code.replace("height, width, channels", "16, 10, 1")
    picture = evaluated(eval(code, {"keras": keras, "model": model}), x.reshape(12, 16, -1, 1))
    assert picture.provenance["heatmap_size"] == [16, x.size // 12 // 16]
    assert not notes(picture)
    assert picture.clean_accuracy == report.clean_accuracy


def test_nothing_is_said_where_a_convolution_says_that_it_is_one_or_nothing_is_explained():
    layers = [L.Conv1D(4, 3, activation="relu"), L.GlobalMaxPooling1D(), L.Dense(3)]
    report = evaluated(keras.Sequential([keras.Input((16, 10)), *layers]))
    assert report.provenance["heatmap_size"] == [16]
    assert not notes(report)
    bare = keras.Sequential([keras.Input((16, 10)), L.LSTM(4), L.Dense(3)])
    assert not notes(evaluated(bare, explainers=()))


def test_images_that_are_flattened_and_read_as_steps_too_stay_a_signal():
    inputs = keras.Input((16, 10))
    both = L.Concatenate()([L.Flatten()(inputs), L.LSTM(4)(inputs)])
    assert notes(evaluated(keras.Model(inputs, L.Dense(3)(both))))


def test_a_report_of_parts_says_it_too():
    model = keras.Sequential([keras.Input((16, 10)), L.LSTM(4), L.Dense(3)])
    parts = [evaluated(model, shard=(place, 2), batch_size=6) for place in range(2)]
    assert notes(kax.EvaluationReport.merge(parts)) == notes(parts[0]) != []
