"""What heatmaps of a layer that nobody named do not show, and whom that concerns."""

from __future__ import annotations

import keras
import pytest

import keras_advxai as kax
from keras_advxai.explainers import GradCAM, Saliency, SmoothGrad
from keras_advxai.explainers.default_layer import explained_by_default

L = keras.layers
SHAPE = (12, 12, 1)
NOTHING = {"unmerged": (), "passed_over": ()}


def branches() -> keras.Model:
    """Two convolutions whose features are put together behind their poolings."""
    image = L.Input(SHAPE)
    maps = [L.Conv2D(4, size, name=f"of_{size}")(image) for size in (3, 5)]
    return keras.Model(image, L.Dense(3)(L.Concatenate()([L.GlobalAveragePooling2D()(item) for item in maps])))


def columns(activation: str | None = "relu") -> keras.Model:
    """A convolution whose maps become sequences of columns, which another one goes along."""
    row = [L.Permute((2, 1, 3)), L.Reshape((10, 40)), L.Conv1D(3, 3, name="over"), L.GlobalAveragePooling1D()]
    return keras.Sequential([L.Input(SHAPE), L.Conv2D(4, 3, activation=activation, name="explained"), *row, L.Dense(3)])


def plain() -> keras.Model:
    return keras.Sequential([L.Input(SHAPE), L.Conv2D(4, 3, name="conv"), L.GlobalAveragePooling2D(), L.Dense(3)])


def dense() -> keras.Model:
    return keras.Sequential([L.Input(SHAPE), L.Flatten(), L.Dense(3)])


CASES = {
    branches: {"unmerged": {"of_3", "of_5"}, "passed_over": set()},
    columns: {"unmerged": set(), "passed_over": {"over"}},
    plain: NOTHING,
}


@pytest.mark.filterwarnings("ignore:The classes of the model", "ignore:In the model")
@pytest.mark.parametrize("build", CASES, ids=lambda build: build.__name__)
def test_only_explainers_whose_layer_nobody_named_leave_out_what_the_default_layer_does(build):
    classifier = kax.ImageClassifier(build())
    default = classifier.default_layer
    for unnamed in (GradCAM(), SmoothGrad(explainer=GradCAM(), samples=2)):
        for explainers in ([unnamed], [Saliency(), GradCAM(layer=default), unnamed]):
            found = explained_by_default(explainers, classifier, SHAPE)
            for kind, expected in CASES[build].items():
                assert set(found[kind]) == ({*expected, default} if expected else set())
                assert not expected or found[kind][-1] == default
    named = GradCAM(layer=default)
    for explainers in ([], [Saliency()], [named], [SmoothGrad(explainer=named, samples=2)], [SmoothGrad(samples=2)]):
        assert explained_by_default(explainers, classifier, SHAPE) == NOTHING


def test_a_model_without_a_default_layer_leaves_out_nothing():
    for model in (dense(), columns(activation=None)):  # whose only maps are passed over
        classifier = kax.ImageClassifier(model)
        assert classifier.layers(SHAPE).default is None
        assert explained_by_default([Saliency()], classifier, SHAPE) == NOTHING
