"""The probabilities of pictured images are those that the model predicts, of the classes that matter to each."""

from __future__ import annotations

import dataclasses
import gzip
import math

import keras
import numpy as np
import pytest
from figures.made_report import make_example

import keras_advxai as kax
from keras_advxai.viewer.document import document
from keras_advxai.viewer.plain import to_json
from keras_advxai.viewer.probabilities import MOST, probabilities

EPSILONS = (0.1, 0.3)
IMAGES = 3


def network(units, activation):
    """A convolution, and a head that no two images leave alike, with weights that are the same on each machine."""
    generator = np.random.default_rng(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(units, activation=activation),
        ]
    )
    model.set_weights([generator.normal(0, 1.5, weight.shape) for weight in model.get_weights()])
    return model


def evaluated(model, y, **options):
    x = np.random.default_rng(4).random((5, 8, 8, 1), dtype="float32")
    report = kax.evaluate(
        model, (x, y), epsilons=EPSILONS, attacks="fgsm", explainers="grad_cam", images=IMAGES, batch_size=2, **options
    )
    return report, document(report).details["probabilities"]


def said(model, images, head):
    """What the model predicts, as probabilities of all classes."""
    found = model.predict(np.stack(images), verbose=0)
    if head == "logits":
        return keras.ops.convert_to_numpy(keras.ops.softmax(found))
    return np.concatenate([1 - found, found], axis=1) if head == "sigmoid" else found


@pytest.mark.parametrize(
    ("head", "units", "activation", "classes"),
    [("softmax", 12, "softmax", 12), ("logits", 3, None, 3), ("sigmoid", 1, "sigmoid", 2), ("labels", 7, "sigmoid", 7)],
)
def test_numbers_are_those_of_predict(head, units, activation, classes):
    model = network(units, activation)
    labels = (np.arange(5 * classes).reshape(5, classes) % 3 == 0).astype("int32")
    y = labels if head == "labels" else np.arange(5) % classes
    report, found = evaluated(model, y, **({"from_logits": True} if head == "logits" else {}))
    assert set(found["attacks"]) == {"fgsm", "uniform_noise"}
    true = [np.flatnonzero(row).tolist() for row in labels] if head == "labels" else [[int(item)] for item in y]
    assert found["true"] == [of[:MOST] for of in true[:IMAGES]]
    for attack, levels in found["attacks"].items():
        for level, epsilon in enumerate(EPSILONS):
            examples = report.select(attack=attack, epsilon=epsilon)
            before = said(model, [item.image for item in examples], head)
            after = said(model, [item.adversarial for item in examples], head)
            for place, rows in enumerate(levels[level]):
                for index, clean, adversarial in rows:
                    assert clean == pytest.approx(before[place, index], rel=6e-4, abs=1e-6)  # four digits
                    assert adversarial == pytest.approx(after[place, index], rel=6e-4, abs=1e-6)
                largest = {*np.argsort(-before[place])[:MOST], *np.argsort(-after[place])[:MOST]}
                assert {row[0] for row in rows} == largest | set(found["true"][place])
                larger = [max(row[1:]) for row in rows]
                assert larger == sorted(larger, reverse=True)


def test_a_regression_has_none_and_unlabelled_images_have_no_true_class():
    report, found = evaluated(network(2, None), np.zeros((5, 2), "float32"), task="regression")
    assert report.examples[0].probabilities is None
    assert found is None
    _, unlabelled = evaluated(network(3, "softmax"), None)
    assert unlabelled["true"] == [[]] * IMAGES


def test_an_output_that_is_not_finite_has_no_probability():
    nothing = np.full(4, math.nan, "float32")
    item = make_example(probabilities=np.array([0.1, 0.2, 0.3, 0.4], "float32"), adversarial_probabilities=nothing)
    found = probabilities([item], [0], {"fgsm": (item.epsilon,)}, [[2]])
    assert found["attacks"]["fgsm"] == [[[[3, 0.4, None], [2, 0.3, None], [1, 0.2, None], [0, 0.1, None]]]]
    assert found["true"] == [[2]]


def test_logs_do_not_grow_with_the_number_of_classes():
    """Of 30 epochs, 16 images and 4 conditions half a megabyte, whether of 20 classes or of 20,000."""

    def size(classes):
        generator = np.random.default_rng(5)
        levels = {"fgsm": EPSILONS, "noise": EPSILONS}
        examples = []
        for index in range(16):
            before = generator.dirichlet(np.full(classes, 0.2))
            for attack, epsilon in ((attack, level) for attack in levels for level in EPSILONS):
                item = make_example(index=index, attack=attack, epsilon=epsilon, probabilities=before)
                after = generator.dirichlet(np.full(classes, 0.2))
                examples.append(dataclasses.replace(item, adversarial_probabilities=after))
        found = probabilities(examples, range(16), levels, [[0]] * 16)
        return len(gzip.compress(to_json(found).encode()))

    assert 30 * size(20_000) < 5e5
    assert size(20_000) < 1.5 * size(20)
