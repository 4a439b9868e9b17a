"""An index of an input or output counts as Keras' own lists of them do."""

from __future__ import annotations

from collections import OrderedDict

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.callbacks.reported import reported_accuracy

L = keras.layers
SHAPE = (6, 6, 1)


def two_views(inputs=dict, outputs=dict) -> keras.Model:
    """A model whose dictionaries are not in the order of their keys."""
    z, a = keras.Input(SHAPE, name="z_view"), keras.Input(SHAPE, name="a_view")
    h = L.GlobalMaxPooling2D()(L.Conv2D(3, 3, name="conv")(L.Concatenate()([z, a])))
    heads = [L.Dense(3, activation="softmax", name="odd")(h), L.Dense(2, activation="softmax", name="digit")(h)]
    takes = [z, a] if inputs is list else inputs([("z_view", z), ("a_view", a)])
    return keras.Model(takes, heads if outputs is list else outputs(zip(("odd", "digit"), heads, strict=True)))


@pytest.mark.parametrize(
    ("form", "saved"),  # Keras does not load the weights of a model made from an ordered dictionary
    [(dict, False), (dict, True), (OrderedDict, False), (list, False), (list, True)],
)
def test_an_index_counts_as_the_models_own_lists_do(form, saved, tmp_path):
    model = two_views(form, form)
    if saved:
        model.save(tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras")
    given = {"z_view": np.zeros((2, *SHAPE), "float32"), "a_view": np.ones((2, *SHAPE), "float32")}
    for index, tensor in enumerate(model.inputs):
        classifier = kax.ImageClassifier(model, input=index, output=0)
        for names in (("z_view", "a_view"), ("a_view", "z_view")):
            assert classifier.images_of({name: given[name] for name in names}) is given[tensor.name], index
    x = {name: helpers.random_images(2, SHAPE, seed=seed) for seed, name in enumerate(given)}
    x = [x[tensor.name] for tensor in model.inputs] if form is list else x
    for index, tensor in enumerate(model.outputs):
        assert kax.ImageClassifier(model, input=0, output=index).classes == tensor.shape[-1], index
        assert kax.ImageClassifier(model, input=0, output=index - 2).classes == tensor.shape[-1], index
    named = kax.ImageClassifier(model, input="z_view", output="odd")
    counted = [tensor.shape[-1] for tensor in model.outputs].index(3)
    indexed = kax.ImageClassifier(model, input=[tensor.name for tensor in model.inputs].index("z_view"), output=counted)
    attack = kax.attacks.FGSM()
    np.testing.assert_array_equal(attack(named, x, [0, 2], 0.1), attack(indexed, x, [0, 2], 0.1))


def test_labels_of_an_index_are_those_of_the_same_output():
    model = two_views(list)
    x = [helpers.random_images(4, SHAPE, seed=seed) for seed in (0, 1)]
    y = {"odd": np.full(4, 2), "digit": np.zeros(4, int)}
    for output, name in enumerate(model.output_names):
        for keys in (("odd", "digit"), ("digit", "odd"), (name,)):
            labels = {key: y[key] for key in keys}
            report = kax.evaluate(model, (x, labels), input=0, output=output, explainers=(), progress=False)
            np.testing.assert_array_equal(report.measurements.at("label"), y[name])
    with pytest.raises(ValueError, match=r"output 0 is 'digit', which is not among what was given. Received: odd"):
        kax.evaluate(model, (x, {"odd": y["odd"]}), input=0, output=0, explainers=(), progress=False)


def test_a_subclassed_models_dictionary_is_counted_as_keras_flattens_it():
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.pool, self.odd, self.digit = L.GlobalMaxPooling2D(), L.Dense(3), L.Dense(2)

        def call(self, x):
            h = self.pool(x)
            return {"odd": self.odd(h), "digit": self.digit(h)}

    model = Net()
    returned = model(np.zeros((1, *SHAPE), "float32"))
    for index, tensor in enumerate(keras.tree.flatten(returned)):
        assert kax.ImageClassifier(model, output=index).classes == tensor.shape[-1]


def test_the_callback_finds_the_accuracy_of_the_same_output():
    model = two_views(list)
    model.compile(
        loss=dict.fromkeys(("odd", "digit"), "sparse_categorical_crossentropy"),
        metrics={name: ["accuracy"] for name in ("odd", "digit")},
    )
    logs = {"val_odd_accuracy": 0.25, "val_digit_accuracy": 0.75}
    for index, name in enumerate(model.output_names):
        classifier = kax.ImageClassifier(model, input=0, output=index)
        assert reported_accuracy(logs, classifier) == (f"val_{name}_accuracy", logs[f"val_{name}_accuracy"])
