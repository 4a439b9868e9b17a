"""Labels that were counted from names, beside the classes of the model."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.callbacks.telling import FindingWarning

L = keras.layers
QUIET = {"explainers": (), "epsilons": (0.05,), "noise_control": False, "progress": False}
NAMES = ("ape", "bee", "cow")


def network(units, activation="softmax"):
    model = keras.Sequential([L.Input((6, 6, 3)), L.Flatten(), L.Dense(units, activation=activation)])
    model.compile("sgd", "sparse_categorical_crossentropy" if units > 1 else "binary_crossentropy")
    return model


@pytest.fixture
def folder(tmp_path):
    def make(*names):
        for name in names:
            (tmp_path / name).mkdir()
            keras.utils.save_img(tmp_path / name / "a.png", np.zeros((6, 6, 3)), scale=False)
        return tmp_path

    return make


def loaded(place, way, **names):
    if way == "kax":
        return kax.data.load(place, size=6, bounds=(0, 1), **({"classes": names["names"]} if names else {}))
    names = {"class_names": list(names["names"])} if names else {}
    data = keras.utils.image_dataset_from_directory(place, image_size=(6, 6), shuffle=False, verbose=False, **names)
    found = data.map(lambda x, y: (x / 255, y))
    found.class_names = data.class_names
    return found


def evaluated(model, data, **settings):
    return kax.evaluate(model, data, **{**QUIET, **settings})


def trained(model, data, **settings):
    """The callback, in a training of one step."""
    given = {name: value for name, value in {**QUIET, **settings}.items() if name != "progress"}
    callback = kax.callbacks.AdversarialEvaluation(data, **given)
    model.fit(np.zeros((2, 6, 6, 3)), np.zeros(2), epochs=1, verbose=0, callbacks=[callback])


# A model that learned nothing predicts one class alone, of which the callback tells, too.
@pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.telling.FindingWarning")
@pytest.mark.parametrize("run", [evaluated, trained])
@pytest.mark.parametrize("way", ["kax", "keras"])
def test_a_folder_without_one_of_the_classes_is_told(folder, way, run):
    data = loaded(folder("ape", "cow"), way)
    with pytest.warns(UserWarning, match=r"have 2 class folders or names, 'ape', 'cow', and the model has 3 classes"):
        run(network(3), data)
    with pytest.raises(ValueError, match=r"count 'cow' as class 1, and `class_names` has it as class 2"):
        run(network(3), data, class_names=NAMES)


def test_data_that_a_comparison_brings_to_another_size_count_the_same_names(folder):
    heads = (L.Input((8, 8, 3)), L.Flatten(), L.Dense(3, activation="softmax"))
    larger = {name: keras.Sequential(heads) for name in ("one", "other")}
    with pytest.warns(UserWarning, match="have 2 class folders or names, 'ape', 'cow', and the model has 3 classes"):
        kax.compare(larger, loaded(folder("ape", "cow"), "keras"), **QUIET)


@pytest.mark.parametrize("run", [evaluated, trained])
@pytest.mark.parametrize("head", [(2, "softmax"), (1, "sigmoid")])
def test_as_many_names_as_classes_are_not(folder, head, run):
    data = loaded(folder("ape", "cow"), "kax")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", FindingWarning)
        run(network(*head), data)


def test_names_in_the_models_order_are_counted_rightly(folder):
    data = loaded(folder("ape", "cow"), "kax", names=NAMES)
    report = evaluated(network(3), data)
    assert (list(report.measurements.at("label")), report.provenance["class_names"]) == ([0, 2], list(NAMES))
    evaluated(network(3), data, class_names=dict(enumerate(NAMES)))


def test_a_gap_at_the_end_moves_no_label(folder):
    evaluated(network(3), loaded(folder("ape", "bee"), "kax"), class_names=NAMES)


def test_data_without_labels_have_nothing_that_was_counted(folder):
    data = tf.data.Dataset.from_tensor_slices(np.zeros((2, 6, 6, 3), "float32")).batch(2)
    data.class_names = ["ape", "cow"]
    evaluated(network(3), data)
    evaluated(network(3), kax.data.load(folder("ape", "cow"), size=6, bounds=(0, 1), labels=False))
