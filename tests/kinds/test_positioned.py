"""Models of images with the channels first, of signals, of videos, of tokens, and of nothing but pixels."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.testing import check_attack, unchanged
from kinds import POSITIONED, WITHOUT_POSITIONS, WRAPPED, Case
from kinds.contract import Explained, check_evaluation, each
from kinds.network import functional


@each(POSITIONED)
class TestPositioned(Explained):
    """Attacks, explanations and evaluations."""


@each(WITHOUT_POSITIONS)
class TestWithoutPositions:
    """What has nothing to look at is attacked and evaluated, and Grad-CAM says that it cannot be explained."""

    def test_the_contract_of_attacks(self, case):
        check_attack(kax.attacks.FGSM(), case.classifier, case.kind.x, case.kind.y)

    def test_adversarial_images(self, case):
        found = kax.attacks.FGSM()(case.classifier, case.kind.x, case.kind.y, 0.1)
        assert (np.abs(found - case.adversarial(0.1)) > 1e-5).mean() <= case.kind.straying

    def test_there_is_nothing_to_explain(self, case):
        for call in (kax.explainers.GradCAM(), kax.explainers.GradCAM().attributions):
            with unchanged(case.model, *case.arrays), pytest.raises(ValueError, match=case.kind.refusal):
                call(case.classifier, case.kind.x)
        with pytest.raises(ValueError, match=case.kind.refusal):
            kax.evaluate(case.classifier, (case.kind.x, case.kind.y), progress=False)
        assert case.classifier.layers().default is None

    def test_an_evaluation_is_made_of_the_public_calls(self, case, tmp_path):
        check_evaluation(case, tmp_path, [])


@pytest.mark.parametrize("kind", ["channels_first", "channels_first_backbone"])
def test_the_heatmaps_do_not_depend_on_where_the_channels_are(kind):
    first, last = Case(POSITIONED[kind]), Case(WRAPPED["functional"])
    np.testing.assert_array_equal(np.moveaxis(first.kind.x, 1, -1), last.kind.x)
    found, expected = (case.explainer(case.classifier, case.kind.x) for case in (first, last))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert first.classifier.map_shape(first.kind.x.shape) == expected.shape


def test_the_frames_of_a_video_share_one_maximum():
    case = Case(POSITIONED["time_distributed"])
    maps = case.explainer(case.classifier, case.kind.x)
    largest = maps.max(axis=(2, 3, 4))
    assert largest.max(axis=1).tolist() == [1] * len(maps)
    assert (largest.min(axis=1) < 1).any()


@pytest.mark.slow
def test_a_function_and_the_name_of_a_transformation_give_the_same():
    case = Case(POSITIONED["vit_without_class_token"])
    named = kax.explainers.GradCAM(layer="normal", reshape_transform="tokens")
    assert named != case.explainer
    found, expected = (explainer(case.classifier, case.kind.x) for explainer in (named, case.explainer))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_transformer_is_refused_before_anything_is_computed():
    spy, kind = helpers.Executions(), POSITIONED["vit"]
    model = functional([spy, kind.build()])
    message = "'net'.*tokens.*reshape_transform=.*vit/block2_normal"
    with unchanged(model), pytest.raises(ValueError, match=message):
        kax.explainers.GradCAM()(model, kind.x)
    with unchanged(model), pytest.raises(ValueError, match=message):
        kax.evaluate(model, (kind.x, kind.y), progress=False)
    for layer in ("block1", "block2_normal"):
        with unchanged(model), pytest.raises(ValueError, match=f"'{layer}' with a spatial output"):
            kax.explainers.GradCAM(layer=layer)(model, kind.x)
    assert spy.seen.computed == 0


def test_tokens_that_are_no_square_need_a_function():
    inputs = keras.Input((16, 8, 3))
    x = keras.layers.Reshape((8, 4))(keras.layers.Conv2D(4, 4, strides=4)(inputs))
    x = keras.layers.LayerNormalization(name="tokens")(x)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(x)))
    images = np.random.default_rng(0).random((2, 16, 8, 3), dtype="float32")
    found = kax.explainers.GradCAM(layer="tokens", reshape_transform=two_columns, relu=False)(model, images, 1)
    weights = model.layers[-1].kernel[:, 1]
    tokens = keras.Model(model.input, model.get_layer("tokens").output)(images)
    expected = tf.image.resize(tf.reshape(tokens @ weights[:, None], (2, 4, 2, 1)), (16, 8))
    expected /= tf.reduce_max(tf.abs(expected), axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@keras.saving.register_keras_serializable(package="kinds")
def two_columns(tokens):
    """Eight tokens as the four rows of two patches that they were."""
    return keras.ops.reshape(tokens, (-1, 4, 2, tokens.shape[-1]))
