"""Softplus in the place of ReLUs: everywhere they are seen, in a copy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from keras_advxai.training import AdversarialTraining, SmoothReLU, smooth_relus

X = np.linspace(-8, 8, 33, dtype="float32")


def softplus(x, beta):
    return np.logaddexp(0, beta * np.asarray(x, "float64")) / beta


def branches():
    """Every way to have a ReLU, one behind another, with one that two branches share."""
    image = keras.Input((4, 4, 1), name="image")
    shared = layers.Dense(3, activation="relu", name="shared")
    inner_image = keras.Input((4, 4, 3))
    inner = keras.Model(inner_image, layers.ReLU(6.0, name="six")(layers.Dense(3)(inner_image)), name="inner")
    x = layers.Add()([shared(image), shared(1 - image)])
    x = keras.ops.relu(layers.LeakyReLU(0.1, name="leaky")(inner(x)) - 0.5)
    x = layers.Activation(keras.activations.relu6, name="act")(layers.Conv2D(2, 2, activation="leaky_relu")(x))
    x = layers.Dense(2, activation="tanh")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(2, activation="softmax", name="head")(x), name="whole")


@pytest.mark.parametrize("beta", [0.5, 3])
def test_the_activation_by_hand(beta):
    np.testing.assert_allclose(SmoothReLU(beta)(X), softplus(X, beta), atol=1e-6)
    six = softplus(X, beta) - softplus(X - 6, beta)
    np.testing.assert_allclose(SmoothReLU(beta, max_value=6)(X), six, atol=1e-5)
    leaky = 0.2 * X + 0.8 * softplus(X, beta)
    np.testing.assert_allclose(SmoothReLU(beta, negative_slope=0.2)(X), leaky, atol=1e-6)


def test_a_copy_of_which_every_relu_is_smooth_and_the_model_as_it_was(tmp_path):
    keras.utils.set_random_seed(0)
    model = branches()
    x = np.random.default_rng(0).random((5, 4, 4, 1), "float32")
    config, before, right = model.get_config(), model.get_weights(), model(x).numpy()
    copy = smooth_relus(model, beta=2)
    assert model.get_config() == config
    np.testing.assert_array_equal(model(x), right)
    assert {layer.name for layer in model.layers} | {"relu"} == {layer.name for layer in copy.layers}
    assert copy.get_layer("inner").get_layer("six").activation.get_config() == SmoothReLU(2, 6.0).get_config()
    assert copy.get_layer("leaky").activation.get_config()["negative_slope"] == pytest.approx(0.1)
    assert copy.get_layer("head").activation is keras.activations.softmax
    text = copy.to_json()
    assert text.count('"class_name": "SmoothReLU"') == 6
    left = {'"relu6"', '"leaky_relu"', '"ReLU"', '"LeakyReLU"', '"Relu"', '"activation": "relu"'}
    assert not [name for name in left if name in text]
    # The sharper the bend, the nearer to the ReLUs; the copy has weights of its own.
    near = [np.abs(smooth_relus(model, beta)(x) - right).max() for beta in (2, 20, 2000)]
    assert near[0] > near[1] > near[2]
    np.testing.assert_allclose(near[2], 0, atol=1e-3)
    trained = AdversarialTraining(copy, attack="fgsm", epsilon=0.1)
    trained.compile("sgd", "sparse_categorical_crossentropy")
    trained.fit(x, np.arange(5) % 2, verbose=0)
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    copy.save(tmp_path / "copy.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "copy.keras")(x), copy(x))


def test_what_is_built_later_and_what_has_no_relu():
    later = smooth_relus(keras.Sequential([layers.Dense(3, activation="relu")]))
    assert later(np.ones((1, 2))).shape == (1, 3)
    assert isinstance(later.layers[0].activation, SmoothReLU)

    class Own(keras.Model):
        def call(self, x):
            return keras.ops.relu(x)

    for model in (Own(name="own"), keras.Sequential([keras.Input((2,)), layers.Dense(2)], name="own")):
        with pytest.raises(ValueError, match=r"'own', a .*, in which none is seen"):
            smooth_relus(model)
    with pytest.raises(ValueError, match="'cut' with threshold=1"):
        smooth_relus(keras.Sequential([keras.Input((2,)), layers.ReLU(threshold=1, name="cut")]))
    with pytest.raises(TypeError, match=r"must be a keras\.Model"):
        smooth_relus("model")
    for beta in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="`beta` must be"):
            smooth_relus(later, beta)
