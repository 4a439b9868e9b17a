"""What is compiled for a model: once for each kind of call, for as long as the model lives, and never stale."""

from __future__ import annotations

import gc
import threading
import weakref

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.models import compiled

layers = keras.layers
SHAPE = (8, 8, 1)
ATTACK, EXPLAINER = kax.attacks.FGSM(), kax.explainers.GradCAM(relu=False)


def spied(activation=None) -> tuple[keras.Model, helpers.Executions]:
    spy = helpers.Executions()
    conv = layers.Conv2D(
        3, 3, name="conv", activation=activation, kernel_initializer=keras.initializers.GlorotUniform(seed=1)
    )
    model = keras.Sequential([keras.Input(SHAPE), spy, conv, layers.GlobalAveragePooling2D(), layers.Dense(2)])
    return model, spy


def test_a_value_is_built_once_for_each_model_and_key():
    first, second = spied()[0], spied()[0]
    built = []

    def build():
        built.append(len(built))
        return built[-1]

    assert compiled.remember(first, "a", build) == compiled.remember(first, "a", build) == 0
    assert compiled.remember(first, "b", build) == 1
    assert compiled.remember(second, "a", build) == 2


def test_a_value_that_fails_to_be_built_is_not_remembered():
    model = spied()[0]
    with pytest.raises(ZeroDivisionError):
        compiled.remember(model, "a", lambda: 1 / 0)
    assert compiled.remember(model, "a", lambda: 3) == 3


def test_one_trace_serves_all_batch_sizes_kinds_and_types():
    model, spy = spied()
    x = helpers.random_images(7, SHAPE)
    for item in (ATTACK, EXPLAINER):
        item(model, x, np.zeros(7, int))
    before = spy.seen.traced
    for item in (ATTACK, EXPLAINER, kax.attacks.FGSM(norm="linf"), kax.explainers.GradCAM(relu=False)):
        for size in (1, 2, 7):
            for images in (x[:size], x[:size].astype("float64"), keras.ops.convert_to_tensor(x[:size])):
                item(kax.ImageClassifier(model), images, [0] * size)
    assert spy.seen.traced == before


def test_another_epsilon_is_no_reason_to_trace_again():
    model, spy = spied()
    x = helpers.random_images(2, SHAPE)
    ATTACK(model, x, epsilon=0.1)
    ATTACK(model, x, epsilon=[0.1, 0.2])
    before = spy.seen.traced
    ATTACK(model, x, epsilon=0.3)
    ATTACK(model, x, epsilon=[0.3, 0.2, 0.1])
    assert spy.seen.traced == before


def test_other_settings_are_traced_by_themselves():
    model = spied()[0]
    x = helpers.random_images(3, SHAPE)
    plain = EXPLAINER.attributions(model, x, 0)
    halved = EXPLAINER.attributions(kax.ImageClassifier(model, preprocess=lambda images: images / 2), x, 0)
    np.testing.assert_allclose(halved, plain / 2, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "item", [ATTACK, EXPLAINER, kax.attacks.UniformNoise(), kax.explainers.GradCAM(layer="conv1", relu=False)], ids=repr
)
def test_a_model_is_freed(item):
    model = helpers.small_cnn()
    model.compile("adam", "sparse_categorical_crossentropy")
    x = helpers.random_images(2)
    item(model, x)
    item(kax.ImageClassifier(model, bounds=(0, 2)), x)
    model.fit(x, np.array([0, 1]), verbose=0)
    item(model, x)
    kax.ImageClassifier(model).forward(x)
    references = [weakref.ref(model), weakref.ref(model.get_layer("conv1")), weakref.ref(model.weights[0])]
    del model
    gc.collect()
    assert [reference() for reference in references] == [None] * 3


@pytest.mark.slow
def test_weights_are_read_as_they_are(train_faces):
    x, y = train_faces[0][:20], train_faces[1][:20]
    model = helpers.small_cnn()
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    for _ in range(3):
        found = EXPLAINER.attributions(model, x, 1), ATTACK(model, x, y)
        fresh = helpers.small_cnn()
        fresh.set_weights(model.get_weights())
        np.testing.assert_allclose(found[0], EXPLAINER.attributions(fresh, x, 1), rtol=1e-4, atol=1e-6)
        assert np.mean(np.abs(found[1] - ATTACK(fresh, x, y)) > 1e-5) < 0.01
        before = found[0]
        model.fit(x, y, verbose=0)
    assert not np.allclose(before, EXPLAINER.attributions(model, x, 1), rtol=1e-3)


def test_an_exchanged_activation_is_seen():
    model, spy = spied("relu")
    x = helpers.random_images(3, SHAPE) - np.float32(0.5)
    classifier = kax.ImageClassifier(model, bounds=(-1, 1))
    conv = model.get_layer("conv")
    for activation in (
        keras.activations.relu,
        keras.activations.tanh,
        keras.activations.linear,
        keras.activations.relu,
    ):
        conv.activation = activation
        traced = spy.seen.traced
        found = classifier.forward(x).activation("conv")
        compiled_map = EXPLAINER.attributions(classifier, x, 0)
        kernel, _ = model.layers[-1].get_weights()
        np.testing.assert_allclose(compiled_map[..., 0], found.numpy() @ kernel[:, 0] / 36, atol=1e-6)
    assert spy.seen.traced == traced  # the first relu's graph was still there


def test_an_activation_at_the_address_of_an_earlier_one_is_not_taken_for_it():
    class Times:
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, x):
            return self.factor * x

    model, _ = spied()
    conv = model.get_layer("conv")
    x = helpers.random_images(2, SHAPE)
    conv.activation = Times(1.0)
    address = id(conv.activation)
    first = EXPLAINER.attributions(model, x, 0)
    conv.activation = None
    gc.collect()
    kept = []
    while True:  # until the allocator gives out the same place again
        kept.append(Times(3.0))
        if id(kept[-1]) == address or len(kept) > 100_000:
            break
    conv.activation = kept[-1]
    np.testing.assert_allclose(EXPLAINER.attributions(model, x, 0), 3 * first, rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_an_exchanged_head_is_seen():
    model, _ = spied()
    x = helpers.random_images(2, SHAPE)
    for units in (3, 5, 2):
        model.pop()
        gc.collect()
        model.add(layers.Dense(units))
        assert kax.ImageClassifier(model).classes == units
        assert ATTACK(model, x, [units - 1] * 2).shape == x.shape
        with pytest.raises(ValueError, match=f"the model has {units} classes"):
            EXPLAINER(model, x, units)


def in_threads(*functions, timeout: float = 600.0) -> list:
    """Runs all at once; fails if one raises, or if they stand in one another's way for good."""
    errors = []

    def run(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
    assert not any(thread.is_alive() for thread in threads), "deadlock"
    return errors


@pytest.mark.slow
def test_threads_explain_attack_and_predict_with_one_model(few):
    x, y = few
    for _ in range(3):
        model = helpers.small_cnn()
        fresh = keras.models.clone_model(model)
        fresh.set_weights(model.get_weights())
        results = {}

        def explain(name, model=model, results=results):
            results[name] = [EXPLAINER(model, x) for _ in range(5)]

        def attack(model=model, results=results):
            results["attack"] = [ATTACK(model, x, y) for _ in range(5)]

        def predict(model=model, results=results):
            results["predict"] = [model.predict(x, verbose=0) for _ in range(5)]

        errors = in_threads(lambda: explain("first"), lambda: explain("second"), attack, predict)
        assert errors == []
        expected = EXPLAINER(fresh, x)
        for maps in (*results["first"], *results["second"]):
            np.testing.assert_allclose(maps, expected, atol=1e-5)
        for probabilities in results["predict"]:
            np.testing.assert_allclose(probabilities, fresh(x), atol=1e-5)
        for adversarial in results["attack"]:
            assert np.mean(np.abs(adversarial - ATTACK(fresh, x, y)) > 1e-5) < 0.01


@pytest.mark.slow
def test_threads_with_models_of_their_own(few):
    def explain():
        model = helpers.small_cnn()
        expected = model(few[0]).numpy()
        EXPLAINER(model, few[0])
        ATTACK(model, few[0])
        np.testing.assert_allclose(kax.ImageClassifier(model).forward(few[0]).probabilities, expected, atol=1e-5)

    assert in_threads(*[explain] * 4) == []


def test_variables_that_take_the_place_of_others_are_seen(few):
    """A compiled function would go on with the variables that it was traced with."""
    model = helpers.small_cnn("linear")
    head = model.get_layer("head")

    def check():
        positions = keras.Model(model.input, model.get_layer("conv3").output)(few[0])
        expected = np.sum(positions * keras.ops.convert_to_numpy(head.kernel)[:, 1], axis=-1, keepdims=True) / 36
        found = EXPLAINER.attributions(model, few[0], 1)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
        return found

    before = check()
    head.enable_lora(2)
    check()
    head.lora_kernel_b.assign(np.ones(head.lora_kernel_b.shape))
    assert not np.allclose(check(), before)


def test_a_cached_structure_is_looked_at_once_and_again_afterwards():
    model, _ = spied()
    another, _ = spied()
    with compiled.cached_structure(model):
        assert compiled.remember(model, "a", lambda: 1) == 1
        model.layers[1].activation = keras.activations.relu
        assert compiled.remember(model, "a", lambda: 2) == 1
        assert compiled.remember(another, "a", lambda: 3) == 3
        with compiled.cached_structure(another):
            assert compiled.remember(another, "a", lambda: 4) == 3
    assert compiled.remember(model, "a", lambda: 5) == 5


def test_a_cached_structure_is_forgotten_after_an_exception():
    model, _ = spied()
    with pytest.raises(ZeroDivisionError), compiled.cached_structure(model):
        raise ZeroDivisionError
    assert compiled.remember(model, "a", lambda: 1) == 1
    model.layers[1].activation = keras.activations.relu
    assert compiled.remember(model, "a", lambda: 2) == 2
