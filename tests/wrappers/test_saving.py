"""What is saved of an ExplainableModel, and what loading brings back."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from inner_models import TrainsTheHead, compiled, data, functional, mixed, two_heads, unbuilt
from keras import layers

import keras_advxai as kax


@keras.saving.register_keras_serializable(package="tests")
def halved(x):
    return x / 2


def unregistered(x):
    return x / 2


def fitted(inner, **settings):
    x, y = data()
    inner(x)
    model = compiled(kax.ExplainableModel(inner, **settings))
    model.fit(x, y, verbose=0)
    return model


def assert_same(before, after):
    x = data()[0]
    np.testing.assert_array_equal(before(x), after(x))


@pytest.mark.slow
@pytest.mark.parametrize("inner", [functional, unbuilt, TrainsTheHead])
def test_a_round_trip_keeps_model_settings_and_optimizer(inner, tmp_path):
    model = fitted(inner(), bounds=(0, 2), preprocess=halved, from_logits=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is kax.ExplainableModel
    assert type(loaded.inner) is type(model.inner)
    assert loaded.name == model.name
    assert loaded.classifier.bounds == (0, 2)
    assert (loaded.preprocess, loaded.classifier.from_logits) == (halved, False)
    assert_same(model, loaded)
    state = [[*each.weights, *each.optimizer.variables] for each in (model, loaded)]
    for before, after in zip(*state, strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(loaded.attack(data()[0]), model.attack(data()[0]))
    loaded.fit(*data(), verbose=0)
    assert loaded.optimizer.iterations == 4


@pytest.mark.slow
def test_the_loss_scale_of_mixed_precision_comes_back(tmp_path):
    model = fitted(mixed())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.inner.dtype_policy.name == loaded.dtype_policy.name == "mixed_float16"
    assert isinstance(loaded.optimizer, keras.optimizers.LossScaleOptimizer)
    for before, after in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(before, after)
    assert_same(model, loaded)
    loaded.fit(*data(), verbose=0)


def test_settings_of_several_inputs_and_outputs_and_names_come_back(tmp_path):
    model = kax.ExplainableModel(two_heads(), preprocess="mobilenet_v2", input="image", output=1, name="mine")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (loaded.name, dict(loaded.classifier_settings)) == ("mine", dict(model.classifier_settings))
    assert not loaded.compiled


@pytest.mark.slow
def test_weights_are_exchanged_with_files_of_a_wrapper_and_of_the_inner_model(tmp_path):
    model = fitted(functional())
    model.save_weights(tmp_path / "wrapper.weights.h5")
    model.inner.save_weights(tmp_path / "inner.weights.h5")
    for file in ("wrapper", "inner"):
        other = kax.ExplainableModel(functional())
        assert not np.array_equal(other.get_weights()[0], model.get_weights()[0])
        (other if file == "wrapper" else other.inner).load_weights(tmp_path / f"{file}.weights.h5")
        assert_same(model, other)


@pytest.mark.slow
def test_an_inner_model_compiled_by_itself_keeps_its_own_optimizer(tmp_path):
    model = fitted(compiled(functional()))
    model.inner.fit(*data(), epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (loaded.optimizer.iterations, loaded.inner.optimizer.iterations) == (2, 4)
    moments = zip(model.inner.optimizer.variables, loaded.inner.optimizer.variables, strict=True)
    assert all(np.array_equal(before, after) for before, after in moments)


@pytest.mark.slow
def test_a_fresh_process_loads_it_without_custom_objects(tmp_path):
    x = data()[0]
    models = {"functional": functional(), "unbuilt": unbuilt()}
    for name, inner in models.items():
        model = fitted(inner, bounds=(0, 2))
        model.save(tmp_path / f"{name}.keras")
        np.savez(tmp_path / f"{name}.npz", x=x, predicted=model.predict(x, verbose=0))
    code = (
        "import sys, keras, numpy as np, keras_advxai, keras_advxai.wrappers\n"
        "for name in ('functional', 'unbuilt'):\n"
        "    model = keras.models.load_model(f'{sys.argv[1]}/{name}.keras')\n"
        "    kept = np.load(f'{sys.argv[1]}/{name}.npz')\n"
        "    assert type(model) is keras_advxai.ExplainableModel and model.compiled\n"
        "    np.testing.assert_array_equal(model.predict(kept['x'], verbose=0), kept['predicted'])\n"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(kax.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_copies_are_models_of_their_own():
    model = fitted(functional(), bounds=(0, 2))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert_same(model, other)
        assert other.inner is not model.inner
    for other in (keras.models.clone_model(model), keras.models.model_from_json(model.to_json())):
        assert other.inner is not model.inner
        assert other.classifier.bounds == (0, 2)
        assert not np.array_equal(other.get_weights()[0], model.get_weights()[0])
        other.set_weights(model.get_weights())
        assert_same(model, other)


def test_the_exported_model_is_the_inner_one(tmp_path):
    model, x = kax.ExplainableModel(functional()), data()[0]
    model.export(tmp_path / "exported", verbose=0)
    served = keras.layers.TFSMLayer(tmp_path / "exported", call_endpoint="serve")(x)
    np.testing.assert_allclose(served, model.predict(x, verbose=0), rtol=1e-6)


def adapted():
    layer = layers.Normalization(axis=None)
    layer.adapt(data()[0] * 2)
    return layer


@pytest.mark.parametrize("preprocess", [lambda: halved, lambda: layers.Rescaling(0.5), adapted])
def test_functions_and_layers_that_are_found_again_are_saved(preprocess, tmp_path):
    model = kax.ExplainableModel(functional(), bounds=(0, 2), preprocess=preprocess())
    assert model.count_params() == model.inner.count_params()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.preprocess is not None
    np.testing.assert_array_equal(loaded.preprocess(data()[0]), model.preprocess(data()[0]))


@pytest.mark.parametrize(
    "preprocess",
    [unregistered, lambda x: x, keras.applications.mobilenet_v2.preprocess_input, keras.ops.sigmoid, np.abs],
)
def test_functions_that_loading_would_not_find_are_refused_when_saving(preprocess, tmp_path):
    model = kax.ExplainableModel(functional(), preprocess=preprocess)
    with pytest.raises(ValueError, match=r"find its `preprocess` again.*register_keras_serializable.*Received: pre"):
        model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
