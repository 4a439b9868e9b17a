"""Whether explanations depend on what the model has learned."""

from __future__ import annotations

import pathlib
import re
import warnings

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.explainers import Explainer, GradCAM, IntegratedGradients, Saliency
from keras_advxai.measurements.randomization import Randomization
from keras_advxai.metrics import nissim
from keras_advxai.models.reweighted import weights, weights_by_layer

L = keras.layers
WEIGHTS = pathlib.Path(__file__).parents[1] / "data" / "faces.npz"


class Edges(Explainer):
    """An edge detector, which shows the image whatever the model is."""

    def attribute(self, model, x, targets, forward):
        down, right = tf.image.image_gradients(x)
        return tf.abs(down) + tf.abs(right)


@pytest.fixture(scope="module")
def trained() -> keras.Model:
    """The CNN of the tests, with the weights that are shipped: what is said of it hangs on no training."""
    return helpers.set_weights(helpers.small_cnn("softmax"), list(np.load(WEIGHTS).values()))


@pytest.fixture(scope="module")
def few(test_faces) -> np.ndarray:
    return test_faces[0][:12]


@pytest.fixture(scope="module")
def found(trained, few):
    return kax.audit.randomization(trained, few, explainers=[Edges(), "grad_cam", "saliency"])


def test_an_edge_detector_is_found_out_and_grad_cam_is_not(found):
    assert found.layers == ("head", "conv3", "conv2", "conv1")
    assert found.explainers == ("edges", "grad_cam", "saliency")
    assert found.insensitive == ("edges",)
    np.testing.assert_array_equal(found.dissimilarity[0], 0)
    np.testing.assert_allclose(found.rank_correlation[0], 1)
    assert (found.relative[1:, -1] > 0.4).all()  # and more than twice the limit
    assert (found.rank_correlation[1:, -1] < 0.9).all()


def test_its_figures_are_those_of_a_copy_with_the_same_weights(trained, few, found):
    """The oracle: another model, which really has the re-drawn weights."""
    draw = np.random.default_rng(0)
    copied = helpers.small_cnn("softmax")
    copied.set_weights(trained.get_weights())
    targets = trained.predict(few, verbose=0).argmax(-1)
    own = GradCAM()(trained, few, targets)
    shown = own.any(axis=(1, 2, 3))
    for depth, name in enumerate(found.layers):
        layer = copied.get_layer(name)
        layer.set_weights([draw.permutation(value.ravel()).reshape(value.shape) for value in layer.get_weights()])
        if depth in (0, len(found.layers) - 1):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", kax.explainers.BlankHeatmapWarning)
                maps = GradCAM()(copied, few, targets)
            both = shown & maps.any(axis=(1, 2, 3))
            expected = float(np.mean(nissim(own[both], maps[both])))
            assert found.dissimilarity[1, depth] == pytest.approx(expected, abs=2e-3)
            assert found.blank[1, depth] == pytest.approx(1 - np.mean(maps.any(axis=(1, 2, 3))))
    pairs = shown & np.roll(shown, 1)
    assert found.chance[1] == pytest.approx(np.mean(nissim(own[pairs], np.roll(own, 1, axis=0)[pairs])), abs=1e-5)


def test_it_is_printed_and_drawn(found):
    text = str(found)
    assert "conv3" in text
    assert "The heatmaps of edges stay the same" in text
    assert "0.000 (0 %)" in text
    (heading,) = re.findall("^( *)head down to", text, re.MULTILINE)
    begun = re.findall(f"^{heading}  (\\w[\\w ]*?)  ", text, re.MULTILINE)
    assert begun == [*found.layers, "rank correlation", "blank", "chance"]
    axes = kax.figures.randomization(found).axes[0]
    np.testing.assert_allclose(axes.lines[1].get_ydata()[1:], found.relative[1])
    assert [item.get_text() for item in axes.get_xticklabels()] == ["none", *found.layers]
    assert found.to_dataframe().loc["conv1", "edges"] == 0
    with pytest.raises(TypeError, match="must be a Randomization"):
        kax.figures.randomization(text)


@pytest.mark.parametrize(
    ("chance", "last", "share", "same"),
    [
        (0.5, 0.25, 0.5, False),
        (0.5, 0.1, 0.2, True),  # up to a fifth
        (0.5, 0.11, 0.22, False),
        (0.5, np.nan, np.nan, False),  # of blank heatmaps
        (0.0, 0.0005, np.nan, True),  # where nothing is known of chance, next to nothing is the same
        (0.0, 0.01, np.nan, False),
        (np.nan, 0.0005, np.nan, True),
        (np.nan, 0.01, np.nan, False),
    ],
)
def test_heatmaps_stay_the_same_up_to_a_fifth_of_chance_with_all_weights_drawn_again(chance, last, share, same):
    values = np.array([[0.4, last], [0.4, 0.4]])
    found = Randomization(
        *("net", "nissim", 4, ("one", "other"), ("head", "conv")), values, values, values, np.array([chance, 0.8])
    )
    np.testing.assert_allclose(found.relative[:, 1], [share, 0.5])
    assert found.insensitive == (("one",) if same else ())


def rich() -> keras.Model:
    """Nested, frozen, with BatchNormalization, dropout and a layer that is called twice."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    shared = L.Conv2D(4, 3, padding="same", name="shared")
    x = shared(L.Conv2D(4, 3, padding="same", name="first")(inputs))
    x = L.ReLU()(L.BatchNormalization(name="norm")(shared(x)))
    backbone = keras.Model(inputs, x, name="backbone")
    backbone.trainable = False
    return keras.Sequential([keras.Input((8, 8, 1)), backbone, L.Dropout(0.5), L.GlobalAveragePooling2D(), L.Dense(3)])


def images(count: int = 4) -> np.ndarray:
    return np.random.default_rng(1).uniform(size=(count, 8, 8, 1)).astype("float32")


def test_layers_stand_in_the_order_in_which_they_run_also_frozen_ones():
    model = rich()
    names = [name for name, _ in weights_by_layer(kax.ImageClassifier(model), tf.constant(images(1)))]
    assert names == ["backbone/first", "backbone/shared", "backbone/norm", model.layers[-1].name]
    statistics = {id(item) for item in model.variables if "moving" in item.path or "seed" in item.path}
    assert statistics
    assert not statistics & {id(item) for item in weights(model)}


class Failing(Explainer):
    def attribute(self, model, x, targets, forward):
        raise RuntimeError("in the middle of it")


@pytest.mark.parametrize("explainer", [Saliency(), IntegratedGradients(steps=3), Failing()], ids=repr)
def test_the_model_is_not_touched_also_not_while_it_runs_or_after_an_error(explainer):
    model, seen = rich(), []

    class Watching(Explainer):
        def attribute(self, model, x, targets, forward):
            with tf.init_scope():
                seen.append([item.numpy() for item in network.variables])
            return x

    network = model
    before = [item.numpy() for item in model.variables]
    try:
        kax.audit.randomization(model, images(), explainers=[Watching(), explainer], depths=2)
    except RuntimeError:
        assert isinstance(explainer, Failing)
    for state in (*seen, [item.numpy() for item in model.variables]):
        for value, expected in zip(state, before, strict=True):
            np.testing.assert_array_equal(value, expected)


def test_depths_and_seed_do_what_they_say():
    model, x = rich(), images()
    whole, coarse, other = (
        kax.audit.randomization(model, x, explainers="saliency", **settings)
        for settings in ({}, {"depths": 2}, {"seed": 1})
    )
    assert len(whole.layers) == 4
    assert coarse.layers == ("backbone/norm", "backbone/first")
    np.testing.assert_allclose(coarse.dissimilarity, whole.dissimilarity[:, 1::2], atol=1e-6)
    assert not np.allclose(other.dissimilarity, whole.dissimilarity)


def test_one_image_has_no_chance():
    found = kax.audit.randomization(rich(), images(1), explainers=[Saliency()])
    assert np.isnan(found.chance).all()
    assert not found.insensitive
    assert "(-)" in str(found)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"explainers": ()}, "at least one explainer"),
        ({"explainers": GradCAM(relu=False)}, "heatmaps are in"),
        ({"explainers": "tf_keras_vis"}, "compute in TensorFlow"),
        ({"depths": 0}, "`depths` must be an integer of at least 1"),
        ({"metric": "nisim"}, "nissim"),
    ],
)
def test_what_does_not_work_is_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        kax.audit.randomization(rich(), images(), **settings)


def test_a_model_without_weights_has_nothing_to_forget():
    plain = keras.Sequential([keras.Input((8, 8, 1)), L.AveragePooling2D(4), L.Flatten(), L.Softmax()])
    with pytest.raises(ValueError, match="has no weights that could be re-drawn"):
        kax.audit.randomization(plain, images(), explainers="saliency")


@pytest.mark.slow
def test_an_audit_says_so(trained, few):
    settings = {"attacks": "uniform_noise", "epsilons": (0.05,), "checks": "all", "progress": False}
    report = kax.evaluate(trained, few, explainers=[Edges(), "grad_cam"], **settings)
    (said,) = (item for item in report.warnings if item.id == "insensitive-explainer")
    assert said.startswith("The heatmaps of edges stay the same")
    assert "nissim 0.000 (of edges, on 12 images)" in said
    assert said.severity == "warning"
