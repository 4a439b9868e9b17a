"""ExplainableModel: the inner model to the last bit, with three methods more."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from inner_models import KINDS, SHAPE, compiled, data, fitting, functional, mixed, two_heads, unbuilt
from keras import layers

import keras_advxai as kax


@keras.saving.register_keras_serializable(package="tests")
def centred(x):
    return x / 127.5 - 1


def trained(model, kind):
    """The history of a training from fixed seeds, what `evaluate` says after it, and the predictions."""
    x, y = fitting(kind)
    keras.utils.set_random_seed(1)
    history = compiled(model).fit(x, y, batch_size=16, epochs=2, verbose=0).history
    return history, model.evaluate(x, y, verbose=0), keras.tree.flatten(model.predict(x, verbose=0))


def made(kind):
    keras.utils.set_random_seed(0)
    return KINDS[kind]()


def choice(kind):
    return {"input": "image", "output": "fine"} if kind == "two_heads" else {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_trains_evaluates_and_predicts_as_the_inner_model_to_the_last_bit(kind):
    alone = made(kind)
    history, evaluated, predicted = trained(alone, kind)
    inner = made(kind)
    model = kax.ExplainableModel(inner, **choice(kind))
    assert model.inner is inner
    found = trained(model, kind)
    assert list(found[0].items()) == list(history.items())
    assert found[1] == evaluated
    assert type(model.optimizer) is type(alone.optimizer)
    for before, after in zip(predicted, found[2], strict=True):
        np.testing.assert_array_equal(before, after)
        assert before.dtype == after.dtype
    for ours in (model, inner):
        for before, after in zip(alone.get_weights(), ours.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)


def test_the_dtype_policy_is_that_of_the_inner_model_and_nothing_is_cast():
    inner, x = mixed(), data()[0]
    assert keras.config.dtype_policy().name == "float32"
    model = compiled(kax.ExplainableModel(inner))
    assert model.dtype_policy.name == "mixed_float16"
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    inner, seen = functional(), []

    class Recorder(keras.Model):
        def call(self, inputs):
            seen.append(inputs.dtype)
            return inputs

    try:
        keras.config.set_dtype_policy("mixed_float16")
        model = kax.ExplainableModel(inner)
        assert not isinstance(compiled(model).optimizer, keras.optimizers.LossScaleOptimizer)
        assert model(x).dtype == tf.float32
        np.testing.assert_array_equal(model.predict(x, verbose=0), inner.predict(x, verbose=0))
        kax.ExplainableModel(Recorder(autocast=False))(x.astype("float64"))
    finally:
        keras.config.set_dtype_policy("float32")
    assert seen == [tf.float64]


def test_training_may_be_said_and_masks_pass_through():
    class Masked(keras.Model):
        supports_masking = True

        def call(self, inputs, training=None, mask=None):
            return (inputs + (10.0 if training else 0.0)) * keras.ops.cast(mask, "float32")[..., None]

    x, mask = np.ones((1, 2, 3), "float32"), np.array([[True, False]])
    inner = Masked()
    inner(x, mask=mask)
    model = kax.ExplainableModel(inner)
    np.testing.assert_array_equal(model(x, mask=mask), inner(x, mask=mask))
    np.testing.assert_array_equal(model(x, training=True, mask=mask), inner(x, training=True, mask=mask))
    np.testing.assert_array_equal(model.call(x, training=True, mask=mask), inner(x, training=True, mask=mask))
    assert not np.array_equal(model(x, training=True, mask=mask), model(x, mask=mask))
    carried = layers.Masking()(x * mask[..., None])
    np.testing.assert_array_equal(model(carried), inner(carried))
    assert keras.src.backend.get_keras_mask(model(carried)) is not None


def test_dropout_is_reached_by_training_as_in_the_inner_model():
    for kind in ("functional", "subclassed"):
        inner, x = made(kind), data()[0]
        inner(x)
        model, results = kax.ExplainableModel(inner), []
        for each in (inner, model):
            for layer in inner._flatten_layers():
                for generator in layer._seed_generators:
                    generator.state.assign([1, 2])
            results.append(each(x, training=True))
        np.testing.assert_array_equal(*results)
        assert not np.array_equal(results[0], inner(x, training=False))


def test_what_users_of_a_model_look_at_is_that_of_the_inner_model(capsys):
    inner = two_heads()
    model = kax.ExplainableModel(inner, input="image", output="fine", name="mine")
    assert (model.name, model.built, model.count_params()) == ("mine", True, inner.count_params())
    assert (model.input_shape, model.output_shape) == (inner.input_shape, inner.output_shape)
    assert model.output_names == inner.output_names == ["coarse", "fine"]
    assert (model.input, model.outputs) == (inner.input, inner.outputs)
    assert model.get_layer("conv") is inner.get_layer("conv")
    assert model.get_layer(index=3) is inner.get_layer(index=3)
    features = keras.Model(model.inputs, model.get_layer("conv").output)
    assert features({"image": data()[0][:2], "offset": np.zeros((2, 3))}).shape == (2, 6, 6, 4)
    model.summary()
    assert "two_heads" in capsys.readouterr().out
    model.trainable = False
    assert not inner.trainable
    assert model.trainable_weights == inner.trainable_weights == []
    inner.trainable = True
    assert model.trainable
    assert len(model.trainable_weights) == len(inner.trainable_weights) > 0
    with pytest.raises(AttributeError):
        _ = kax.ExplainableModel(made("subclassed")).input_shape


def test_it_is_built_when_the_inner_model_is():
    model = kax.ExplainableModel(unbuilt())
    assert not model.built
    with pytest.raises(ValueError, match="must be built"):
        model.explain(data()[0])
    model.build((None, *SHAPE))
    assert model.built
    assert model.inner.count_params() == model.count_params() > 0
    model = kax.ExplainableModel(made("plain"))
    model.inner(data()[0])
    assert model.built
    assert model.explain(data()[0]).shape == (40, *SHAPE)


@pytest.mark.slow
def test_explain_attack_and_evaluate_robustness_are_the_public_calls_on_the_inner_model():
    x, y = data()
    x = x * 255
    inner = functional()
    model = kax.ExplainableModel(inner, bounds=(0, 255), preprocess=centred)
    classifier = kax.ImageClassifier(inner, bounds=(0, 255), preprocess=centred)
    explainer, attack = kax.explainers.GradCAM(layer="conv"), kax.attacks.FGSM(norm="l2")
    np.testing.assert_array_equal(model.explain(x), kax.explainers.GradCAM()(classifier, x))
    np.testing.assert_array_equal(model.explain(x, explainer, targets=2), explainer(classifier, x, 2))
    assert not np.array_equal(model.explain(x, targets=2), model.explain(x, explainer, targets=2))
    np.testing.assert_array_equal(model.attack(x, y), kax.attacks.FGSM()(classifier, x, y))
    np.testing.assert_array_equal(model.attack(x), kax.attacks.FGSM()(classifier, x))
    np.testing.assert_array_equal(model.attack(x, y, attack, [0.5, 1]), attack(classifier, x, y, [0.5, 1]))
    settings = {"epsilons": (0.02, 0.1), "progress": False, "images": 0, "seed": 3}
    expected = kax.evaluate(classifier, (x, y), **settings)
    for report in (model.evaluate_robustness((x, y), **settings), kax.evaluate(model, (x, y), **settings)):
        assert str(report) == str(expected)
        assert report.provenance == expected.provenance
    assert expected.provenance["bounds"] == [0, 255]


def test_it_may_be_passed_wherever_a_model_is_taken():
    x, y = data()
    model = kax.ExplainableModel(functional(), bounds=(0, 255), preprocess=centred)
    np.testing.assert_array_equal(kax.explainers.GradCAM()(model, x * 255), model.explain(x * 255))
    np.testing.assert_array_equal(kax.attacks.FGSM()(model, x * 255, y), model.attack(x * 255, y))
    with pytest.raises(ValueError, match="ExplainableModel has bounds and preprocessing of its own"):
        kax.evaluate(model, (x, y), bounds=(0, 1))
    with pytest.raises(ValueError, match="has bounds and preprocessing of its own"):
        kax.ImageClassifier(model, bounds=(0, 255))
    assert "conv2" in str(kax.list_layers(model))
    outer = keras.Sequential([keras.Input(SHAPE), layers.Rescaling(0.5), model])
    np.testing.assert_array_equal(outer(x), model.inner(x * 0.5))


@pytest.mark.slow
def test_a_pretrained_model_needs_nothing_but_the_name_of_its_module():
    inner = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=5)
    model = kax.ExplainableModel(inner, preprocess="mobilenet_v2")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("float32")
    prepared = keras.applications.mobilenet_v2.preprocess_input(pixels.copy())
    np.testing.assert_array_equal(model(prepared), inner(prepared))
    classifier = kax.ImageClassifier(inner, preprocess="mobilenet_v2")
    np.testing.assert_array_equal(model.explain(pixels, targets=1), kax.explainers.GradCAM()(classifier, pixels, 1))
    changed = abs(model.attack(pixels, [0, 1], epsilon=4 / 255) - pixels)
    assert 3.99 < changed.max() < 4.001
    with pytest.raises(ValueError, match="within the bounds"):
        model.explain(prepared)


@pytest.mark.parametrize(
    ("model", "settings", "error", "message"),
    [
        (lambda: kax.ExplainableModel(functional()), {}, TypeError, r"an ExplainableModel, 'expl.*wrap its `inner`"),
        (lambda: kax.ImageClassifier(functional()), {}, TypeError, r"an ImageClassifier\. Wrap its `model`"),
        (lambda: "resnet50", {}, TypeError, r"must be a keras\.Model .* Received: builtins\.str\."),
        (functional, {"bounds": (1, 0)}, ValueError, r"bounds=\(1, 0\)"),
        (functional, {"preprocess": "mobilnet"}, ValueError, "mobilenet"),
        (functional, {"preprocess": "resnet50", "bounds": (0, 1)}, ValueError, "images in colour"),
        (two_heads, {"input": "image"}, ValueError, "2 outputs, coarse, fine"),
        (unbuilt, {"bounds": (1, 0)}, ValueError, r"bounds=\(1, 0\)"),
        (unbuilt, {"preprocess": "mobilnet"}, ValueError, "mobilenet"),
        (unbuilt, {"preprocess": 3}, TypeError, "`preprocess` must be .* Received: preprocess=3"),
    ],
)
def test_what_is_wrong_is_said_when_the_model_is_wrapped(model, settings, error, message):
    inner = model()
    with pytest.raises(error, match=message):
        kax.ExplainableModel(inner, **settings)


@pytest.mark.slow
def test_its_own_options_reach_the_passes_and_checks_those_of_evaluate():
    x, y = data()
    model = kax.ExplainableModel(functional(), fold_batch_norm=True)
    assert model.classifier.fold_batch_norm
    settings = kax.EvaluationSettings(epsilons=(0.1,), checks="all", metrics=("nissim", "cosine_distance"))
    report = model.evaluate_robustness((x, y), settings=settings, progress=False)
    assert report.provenance["fold_batch_norm"]
    assert report.metrics == ("nissim", "cosine_distance")
    known = {"fold_batch_norm": True, "bounds": (0, 1)}
    assert report.settings == kax.EvaluationSettings(**{**settings.get_config(), **known})
    expected = kax.evaluate(model.inner, (x, y), settings=settings, fold_batch_norm=True, progress=False)
    assert [finding.id for finding in report.warnings] == [finding.id for finding in expected.warnings]
    assert str(report) == str(expected)
    again = kax.ExplainableModel.from_config(model.get_config())
    assert again.classifier_settings["fold_batch_norm"] is True


def test_a_setting_that_evaluate_does_not_take_is_named():
    model = kax.ExplainableModel(functional())
    with pytest.raises(TypeError, match=r"no argument `epsilon`\. Did you mean 'epsilons'.*explainers"):
        model.evaluate_robustness(data(), epsilon=0.1)
    for own in ("bounds", "preprocess", "model"):
        with pytest.raises(TypeError, match=f"takes no `{own}`: the wrapper has its own"):
            model.evaluate_robustness(data(), **{own: None})
