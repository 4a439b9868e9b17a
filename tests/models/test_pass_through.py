"""Layers that return their input unchanged, wherever they stand: the search for layers ends, and at the right one.

At inference a dropout, noise or identity returns the very tensor that it was given, so that it looks like the producer
of its own input.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import keras_advxai as kax

L = keras.layers
PASSING = {
    "dropout": lambda: L.Dropout(0.2),
    "spatial": lambda: L.SpatialDropout2D(0.2),
    "noise": lambda: L.GaussianNoise(0.1),
    "identity": lambda: L.Identity(),
    "activity": lambda: L.ActivityRegularization(l1=0.0),
    "linear": lambda: L.Activation("linear"),
}
ENDS = {"flatten": L.Flatten, "mean": L.GlobalAveragePooling2D, "max": L.GlobalMaxPooling2D}
SHAPE = (6, 6, 1)


def build(front: list[str], conv: bool, behind: list[str], end: str, nested: bool, shared: bool) -> keras.Model:
    """Pass-through layers on the images, perhaps a convolution, more of them, and what ends the extent."""
    x = inputs = keras.Input(SHAPE)
    twice = L.Dropout(0.1)
    body = [PASSING[name]() for name in front]
    body += [L.Conv2D(2, 3, activation="relu", name="conv")] if conv else []
    body += [PASSING[name]() for name in behind]
    if nested and body:
        body = [keras.Sequential([keras.Input(SHAPE), *body], name="inner")]
    for layer in [*([twice] if shared else []), *body, *([twice] if shared else []), ENDS[end](), L.Dense(3)]:
        x = layer(x)
    return keras.Model(inputs, x, name="net")


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    front=st.lists(st.sampled_from(sorted(PASSING)), max_size=3),
    conv=st.booleans(),
    behind=st.lists(st.sampled_from(sorted(PASSING)), max_size=3),
    end=st.sampled_from(sorted(ENDS)),
    nested=st.booleans(),
    shared=st.booleans(),
)
def test_the_search_ends_at_the_convolution_or_says_that_there_is_none(front, conv, behind, end, nested, shared):
    classifier = kax.ImageClassifier(build(front, conv, behind, end, nested, shared))
    if conv:
        assert classifier.default_layer in ("conv", "inner/conv", "inner")
    else:
        with pytest.raises(ValueError, match="no layer with a spatial output"):
            _ = classifier.default_layer


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dropout", "identity"])
def test_attacks_and_explainers_without_maps_work_where_nothing_but_a_pass_through_has_an_extent(name):
    model = build([name], False, [], "flatten", False, False)
    x = np.random.default_rng(0).random((3, *SHAPE), dtype="float32")
    assert np.abs(kax.attacks.FGSM()(model, x, [0, 1, 2], 0.1) - x).max() <= 0.1 + 1e-6
    assert kax.explainers.IntegratedGradients(steps=2)(model, x).shape == (3, 6, 6, 1)
    assert kax.evaluate(model, (x, [0, 1, 2]), explainers=(), progress=False).attacks == ("fgsm", "uniform_noise")
    assert isinstance(kax.list_layers(model), tuple)
