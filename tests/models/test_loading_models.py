"""A classifier from a name, a file or a function; what is none says what it is."""

from __future__ import annotations

import json
import pathlib
import pickle
import zipfile

import h5py
import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax

X = helpers.random_images(3)


@pytest.fixture
def saved(build, tmp_path):
    """A trained model, compiled, and where its files go."""
    model = build()
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["keras", "h5", "hdf5"])
def test_what_keras_saved(ending, saved):
    model, folder = saved
    model.save(folder / f"model.{ending}")
    found = kax.load_model(folder / f"model.{ending}", bounds=(0, 1))
    np.testing.assert_array_equal(found.model.predict(X, verbose=0), model.predict(X, verbose=0))
    assert kax.evaluate(found, X, epsilons=(0.1,), progress=False).explainers == ("grad_cam",)


def test_an_old_file_whose_optimizer_nobody_knows(saved):
    model, folder = saved
    model.save(folder / "old.h5")
    with h5py.File(folder / "old.h5", "r+") as file:  # as Keras 2.0.5 wrote it
        optimizer = {"class_name": "Adam", "config": {"lr": 0.001, "beta_1": 0.9, "epsilon": 1e-8}}
        file.attrs["training_config"] = json.dumps({"optimizer_config": optimizer, "loss": "mse", "metrics": []})
        file.attrs["keras_version"] = "2.0.5"
    with pytest.raises(ValueError, match="lr"):
        keras.models.load_model(folder / "old.h5")
    found = kax.load_model(folder / "old.h5")
    np.testing.assert_array_equal(found.model.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_code_in_a_file_runs_only_if_that_is_said(ending, tmp_path):
    layers = keras.layers
    head = [layers.Flatten(), layers.Dense(2)]
    model = keras.Sequential([layers.Input((8, 8, 1)), layers.Lambda(lambda x: 2 * x), *head])
    path = tmp_path / f"model.{ending}"
    model.save(path)
    with pytest.raises(ValueError, match=r"holds code, such as a Lambda layer.* Pass unsafe=True if you trust"):
        kax.load_model(path)
    x = helpers.random_images(2, (8, 8, 1))
    np.testing.assert_array_equal(kax.load_model(path, unsafe=True).model(x), model(x))


@pytest.mark.slow
def test_a_saved_model_is_attacked_and_explained_as_far_as_that_goes(saved):
    model, folder = saved
    model.export(folder / "export", verbose=False)
    with pytest.raises(ValueError, match=r"is a SavedModel, whose operations may .* Pass unsafe=True"):
        kax.load_model(folder / "export")
    found = kax.load_model(folder / "export", unsafe=True, from_logits=False)
    y = np.array([0, 1, 0])
    for attack in (kax.attacks.FGSM(loss="cross_entropy"), kax.attacks.PGD(steps=2, loss="cross_entropy")):
        np.testing.assert_allclose(attack(found, X, y, 0.1), attack(model, X, y, 0.1), atol=1e-5)
    explainer = kax.explainers.IntegratedGradients(steps=4, score="probability")
    np.testing.assert_allclose(explainer(found, X), explainer(model, X), atol=1e-4)
    with pytest.raises(ValueError, match="no layer"):
        kax.explainers.GradCAM()(found, X)


@pytest.mark.slow
def test_names_of_keras_applications(tmp_path):
    found = kax.load_model("MobileNetV2", weights=None)
    assert (found.model.name, found.bounds, found.preprocess) == ("mobilenetv2_1.00_224", (0.0, 255.0), "mobilenet_v2")
    found.model.save_weights(tmp_path / "own.weights.h5")
    again = kax.load_model("MobileNetV2", weights=tmp_path / "own.weights.h5", preprocess="none", bounds=(-1, 1))
    assert (again.bounds, again.preprocess) == ((-1.0, 1.0), None)
    for one, other in zip(found.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match=r"own\.weights\.h5' do not fit VGG16"):
        kax.load_model("VGG16", weights=tmp_path / "own.weights.h5")
    with pytest.raises(FileNotFoundError, match=r"There is no file of weights 'gone\.h5'"):
        kax.load_model("MobileNetV2", weights="gone.h5")


def test_weights_that_cannot_be_downloaded(monkeypatch):
    def fails(*args, **options):
        raise OSError("URL fetch failure on https://...: None -- no route")

    monkeypatch.setattr(keras.utils, "get_file", fails)
    monkeypatch.setattr("keras.src.applications.mobilenet_v2.file_utils.get_file", fails)
    with pytest.raises(ValueError, match=r"ImageNet weights of MobileNetV2 could not be downloaded: URL fetch failure"):
        kax.load_model("MobileNetV2")


def test_weights_for_a_file_or_function(saved, monkeypatch):
    """They take the place of those that it has; none are ignored."""
    model, folder = saved
    model.save(folder / "model.keras")
    changed = [2 * weight for weight in model.get_weights()]
    kept = model.get_weights()
    model.set_weights(changed)
    model.save_weights(folder / "doubled.weights.h5")
    model.set_weights(kept)
    (folder / "makes_a_model.py").write_text(
        "import keras\n\n\ndef build():\n    return keras.models.load_model('model.keras', compile=False)\n"
    )
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    for source in ("model.keras", "makes_a_model:build"):
        for given, expected in (({}, kept), ({"weights": "doubled.weights.h5"}, changed)):
            found = kax.load_model(source, **given).model.get_weights()
            assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))
        with pytest.raises(ValueError, match=r"weights=None is for names of keras.applications"):
            kax.load_model(source, weights=None)
        with pytest.raises(FileNotFoundError, match=r"There is no file of weights 'gone.h5'"):
            kax.load_model(source, weights="gone.h5")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(folder / "other.weights.h5")
    with pytest.raises(ValueError, match=r"The weights in 'other.weights.h5' do not fit model.keras"):
        kax.load_model("model.keras", weights="other.weights.h5")


def test_every_application_has_a_preprocessing():
    from keras_advxai.models import applications, loading

    known = loading._applications()
    assert len(known) == 40
    for builder in known.values():
        assert callable(applications.preprocess_input(builder.__module__.rpartition(".")[2]))


def test_what_a_function_returns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("my_model.py").write_text(
        "import keras\n"
        "from keras_advxai import ImageClassifier\n"
        "def build():\n"
        "    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])\n"
        "def ready():\n"
        "    return ImageClassifier(build(), bounds=(0, 9))\n"
        "def nothing():\n"
        "    return 3\n"
    )
    pathlib.Path("my_broken_model.py").write_text("import not_installed_anywhere\n")
    assert kax.load_model("my_model:build", bounds=(0, 255)).bounds == (0, 255)
    assert kax.load_model("my_model:ready").bounds == (0, 9)
    with pytest.raises(TypeError, match=r"my_model:nothing must return a keras\.Model .* Received: int"):
        kax.load_model("my_model:nothing")
    with pytest.raises(FileNotFoundError, match=r"The module 'my_model' has no 'bild'"):
        kax.load_model("my_model:bild")
    with pytest.raises(FileNotFoundError, match=r"There is no module 'no_model' that can be imported from here"):
        kax.load_model("no_model:build")
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        kax.load_model("my_broken_model:build")


def zipped(path, name):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "content")


WRONG = {
    "text.keras": (
        lambda path: path.write_text("hello"),
        r"is no model. Pass the name of a model of keras",
    ),
    "empty.h5": (lambda path: path.write_bytes(b""), "is no model"),
    "model.json": (
        lambda path: path.write_text('{"a": 1}'),
        "is text, and no architecture of a model, as model.to_json",
    ),
    "cut.json": (lambda path: path.write_text('{"class_name": "Sequ'), "is text, and no architecture of a model"),
    "model.onnx": (lambda path: path.write_bytes(b"\x08\x07"), "is a model of ONNX, which Keras cannot read"),
    "saved_model.pb": (lambda path: path.write_bytes(b"\x08\x01"), "is a graph of TensorFlow. Of a SavedModel, pass"),
    "model.pkl": (lambda path: path.write_bytes(pickle.dumps([1])), "is a pickle, which is not opened"),
    "model.pt": (lambda path: zipped(path, "archive/data.pkl"), "is a model of PyTorch, which Keras cannot read"),
    "other.zip": (lambda path: zipped(path, "readme"), "is a zip file without a model in it"),
    "cut.keras": (lambda path: path.write_bytes(b"PK\x03\x04" + b"\0" * 40), "is a damaged zip file"),
    "model.tflite": (
        lambda path: path.write_bytes(b"\x1c\0\0\0TFL3" + b"\0" * 9),
        "is a TensorFlow Lite model",
    ),
    "folder": (lambda path: path.mkdir(), "is a folder without a saved_model.pb"),
    "bad.keras": (lambda path: zipped(path, "config.json"), "is a model that this Keras cannot read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_no_model_says_what_it_is(name, tmp_path):
    make, message = WRONG[name]
    make(tmp_path / name)
    with pytest.raises(ValueError, match=message):
        kax.load_model(tmp_path / name)


def test_weights_alone_are_no_model(saved):
    model, folder = saved
    model.save_weights(folder / "own.weights.h5")
    with pytest.raises(ValueError, match=r"is a file of weights without a model. Load them into their model"):
        kax.load_model(folder / "own.weights.h5")


def test_a_saved_model_that_is_damaged(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="cannot be read as a SavedModel"):
        kax.load_model(tmp_path, unsafe=True)


def test_a_saved_model_of_two_inputs_is_refused(tmp_path):
    class Two(tf.Module):
        @tf.function
        def __call__(self, x, y):
            return x + y

    spec = tf.TensorSpec([None, 2], tf.float32)
    two = Two()
    tf.saved_model.save(two, str(tmp_path), signatures=two.__call__.get_concrete_function(spec, spec))
    with pytest.raises(ValueError, match=r"must take images alone. It takes 2 inputs"):
        kax.load_model(tmp_path, unsafe=True)


def test_a_name_that_is_none():
    with pytest.raises(FileNotFoundError, match=r"There is no model 'MobilNetV2'. Did you mean 'MobileNetV2'"):
        kax.load_model("MobilNetV2")
