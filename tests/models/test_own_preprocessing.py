"""KerasHub's classifiers, whose `fit` and `predict` preprocess what they are given, and whose `call` does not."""

from __future__ import annotations

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.audit.own_call import OwnCall

SHAPE = (16, 16, 3)
SETTINGS = {"attacks": "fgsm", "epsilons": [1 / 255, 4 / 255], "progress": False, "noise_control": False}


def kerashub(image_size=(12, 12), scale=1 / 127.5):
    """A classifier of brightness: class 1 where the mean pixel is above 127.5, by a margin that pixels show.

    Its network takes images in [-1, 1]: pixels as they are would all be class 1, by far.
    """
    inputs = keras.Input((*image_size, 3))
    convolution = keras.layers.Conv2D(2, 1, name="convolution")
    backbone = keras_hub.models.Backbone(inputs, convolution(inputs))
    model = keras_hub.models.ImageClassifier(
        backbone=backbone,
        num_classes=2,
        preprocessor=keras_hub.models.ImageClassifierPreprocessor(
            image_converter=keras_hub.layers.ImageConverter(image_size=image_size, scale=scale, offset=-1.0)
        ),
    )
    convolution.set_weights([np.tile(np.array([-1.0, 1.0]) / 3, (1, 1, 3, 1)), np.zeros(2)])
    model.get_layer("predictions").set_weights([np.eye(2) * 5, np.zeros(2)])
    return model


@pytest.fixture(scope="module")
def model():
    return kerashub()


@pytest.fixture(scope="module")
def data():
    """Images around grey, of a brightness that is two levels above or below the boundary."""
    noise = np.random.default_rng(0).integers(-20, 21, (6, *SHAPE)).astype("float32")
    noise -= np.round(noise.mean(axis=(1, 2, 3), keepdims=True))
    labels = np.arange(6) % 2
    return 127.5 + noise + np.where(labels, 2.0, -2.0)[:, None, None, None].astype("float32"), labels


@pytest.mark.slow
def test_an_evaluation_sees_what_predict_sees(model, data):
    x, y = data
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    _, accuracy = model.evaluate(x, y, verbose=0)
    report = kax.evaluate(model, data, checks="all", explainers=(), **SETTINGS)
    assert report.clean_accuracy == accuracy == 1.0
    np.testing.assert_array_equal(report.measurements.at("prediction"), model.predict(x, verbose=0).argmax(-1))
    # Two levels are lost under one, and not under four.
    assert report.accuracy("fgsm", 1 / 255) == 1.0
    assert report.accuracy("fgsm", 4 / 255) == 0.0
    assert report.provenance["preprocess"] == "model"
    assert report.provenance["bounds"] == [0, 255]
    assert "Images go through the model's own `preprocessor`" in str(report)
    assert not {finding.id for finding in report.warnings} & {
        "other-predictions",
        "blocked-gradient",
        "stopped-gradient",
    }
    # As a setting of a report that was read from a file, which holds no functions.
    again = kax.evaluate(
        model, data, settings=kax.EvaluationReport.from_json(report.to_json()).settings, progress=False
    )
    assert again == report


def test_the_logits_and_heatmaps_are_those_of_the_preprocessed_images(model, data):
    x, _ = data
    forward = kax.ImageClassifier(model).forward(x)
    np.testing.assert_allclose(forward.logits, model.predict(x, verbose=0), atol=1e-5)
    other = kax.ImageClassifier(model, preprocess=lambda images: model.preprocessor(images), bounds=(0, 255))
    np.testing.assert_allclose(forward.logits, other.forward(x).logits, atol=1e-5)
    heatmaps = kax.explainers.GradCAM()(model, x)
    assert heatmaps.shape == (6, *SHAPE[:2], 1), "at the size of the images, which the preprocessor makes smaller"
    np.testing.assert_array_equal(heatmaps, kax.explainers.GradCAM()(other, x))


def test_a_gradient_goes_through_resizing_and_rescaling(model, data):
    """Every pixel has its share of the mean, `1 / 127.5`, but for what the resizing weighs otherwise."""
    x, y = data
    images = kax.attacks.FGSM()(model, x, y, epsilon=2 / 255)
    change = np.where(y, -2.0, 2.0)[:, None, None, None]
    np.testing.assert_allclose(np.mean(images - x == change), 1.0, atol=0.5)
    assert np.abs(images - x).max() <= 2.0001


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed:UserWarning")  # KerasHub's `fit` passes both
def test_the_callback_and_fit_agree(data):
    model = kerashub()
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    callback = kax.callbacks.AdversarialEvaluation(data, attacks="fgsm", epsilons=[1 / 255, 4 / 255])
    history = model.fit(*data, validation_data=data, verbose=0, callbacks=[callback]).history
    assert history["val_accuracy"] == [1.0]
    report = callback.report
    assert report.clean_accuracy == 1.0
    assert [report.accuracy("fgsm", epsilon) for epsilon in (1 / 255, 4 / 255)] == [1.0, 0.0]


def test_an_explainable_model_takes_images_everywhere(model, data):
    x, _ = data
    wrapper = kax.ExplainableModel(model)
    np.testing.assert_array_equal(wrapper.predict(x, verbose=0), model.predict(x, verbose=0))
    np.testing.assert_array_equal(wrapper.explain(x), kax.explainers.GradCAM()(model, x))
    assert wrapper.evaluate_robustness(data, **SETTINGS).clean_accuracy == 1.0
    assert wrapper.get_config()["preprocess"] is None, "it is the inner model's, and is saved with it"


def test_what_the_user_says_counts(model, data):
    x, _ = data
    ready = np.asarray(model.preprocessor(x))
    plain = kax.ImageClassifier(model, preprocess="none", bounds=(-1, 1))
    np.testing.assert_allclose(plain.forward(ready).logits, kax.ImageClassifier(model).forward(x).logits, atol=1e-6)
    assert plain.preprocess == "none"
    fractions = kax.ImageClassifier(model, preprocess=lambda images: model.preprocessor(images * 255.0))
    assert fractions.bounds == (0, 1)
    np.testing.assert_allclose(fractions.forward(x / 255).logits, plain.forward(ready).logits, atol=1e-4)


def test_without_a_preprocessor_nothing_is_preprocessed(data):
    model = kerashub()
    before = kax.ImageClassifier(model).forward(data[0]).logits
    model.preprocessor.image_size = (12, 12)
    model.preprocessor.image_converter.scale = 1 / 255
    changed = kax.ImageClassifier(model).forward(data[0]).logits
    assert np.abs(before - changed).max() > 1, "what was traced before is not taken for it"
    model.preprocessor = None
    classifier = kax.ImageClassifier(model)
    assert classifier.preprocess is None
    assert classifier.bounds == (0, 1)


def test_a_name_that_the_model_does_not_fit():
    plain = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="preprocess='model' is the `preprocessor` of the model, which has none"):
        kax.ImageClassifier(plain, preprocess="model")
    assert kax.ImageClassifier(plain, preprocess="none").preprocess is None


class Pipeline(keras.Model):
    """What a model of KerasHub looks like from outside, with a preprocessing that rounds."""

    def __init__(self):
        super().__init__()
        self.preprocessor = lambda x: keras.ops.round(x) / 255
        self.flatten, self.dense = keras.layers.Flatten(), keras.layers.Dense(2)
        self.more = False

    def preprocess_samples(self, x, y=None, sample_weight=None):
        x = self.preprocessor(x)
        return keras.utils.pack_x_y_sample_weight(-x if self.more else x, y, sample_weight)

    def call(self, x):
        return self.dense(self.flatten(x))


def test_a_preprocessor_without_a_gradient_is_said_so_and_one_that_predict_goes_beyond_is_noticed():
    model = Pipeline()
    x = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1)).astype("float32")
    model(x)
    classifier = kax.ImageClassifier(model)
    np.testing.assert_allclose(classifier.forward(x).logits, model(x / 255), atol=1e-5)
    with pytest.raises(ValueError, match=r"rounding.*in `preprocess`"):
        kax.attacks.FGSM()(model, x)
    seen = np.asarray(classifier.forward(x).logits)
    np.testing.assert_allclose(OwnCall(classifier, [tf.constant(x)]).predictions()[1], seen, atol=1e-5)
    model.more = True
    others, _ = OwnCall(classifier, [tf.constant(x)]).predictions()
    assert np.mean(others != seen.argmax(-1)) > 0.5, "what `other-predictions` compares is what `predict` does"


class Applied(keras.Model):
    """A model of a user's own that applies its `preprocessor` in its call."""

    def __init__(self):
        super().__init__()
        self.preprocessor = keras.layers.Rescaling(1 / 255)
        self.flatten, self.dense = keras.layers.Flatten(), keras.layers.Dense(2)

    def call(self, x):
        return self.dense(self.flatten(self.preprocessor(x)))


def test_a_model_that_preprocesses_by_itself_is_not_preprocessed_twice():
    model = Applied()
    x = np.full((1, 4, 4, 1), 100, "float32")
    expected = model(x)
    classifier = kax.ImageClassifier(model, bounds=(0, 255))
    assert classifier.preprocess is None
    np.testing.assert_array_equal(classifier.forward(x).logits, expected)
    assert not OwnCall(classifier, [x]).is_random
