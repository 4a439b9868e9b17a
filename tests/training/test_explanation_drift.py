"""The drift of explanations in a training: its number, its gradient, and the loop by hand that lowers it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import slow
from keras import layers

import keras_advxai as kax
from keras_advxai.training import AdversarialTraining, explanation_drift

RANDOM = np.random.default_rng(0)
X = RANDOM.random((12, 6, 6, 1), "float32")
Y = np.arange(12) % 3
WEIGHTS = np.linspace(0.5, 2, 12, dtype="float32")
EPSILON = 0.1
ATTACK = kax.attacks.FGSM(loss="cross_entropy")


def made(dtype: str = "float32") -> keras.Model:
    keras.utils.set_random_seed(0)
    stack = [layers.Conv2D(4, 3, dtype=dtype), layers.BatchNormalization(momentum=0.5, dtype=dtype)]
    stack += [layers.ReLU(dtype=dtype), layers.GlobalAveragePooling2D(dtype=dtype)]
    return keras.Sequential([keras.Input((6, 6, 1)), *stack, layers.Dense(3, activation="softmax", dtype="float32")])


def fit(model, epochs=2, **compiled):
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy", **compiled)
    return model.fit(X, Y, sample_weight=WEIGHTS, batch_size=6, epochs=epochs, shuffle=False, verbose=0).history["loss"]


def grad_cam(model, x, classes):
    """As in the paper: the mean over positions of the gradient is, of a mean and a dense layer, the kernel."""
    *body, mean, dense = model.layers
    del mean
    maps = x
    for layer in body:
        maps = layer(maps)
    weighted = tf.nn.relu(tf.einsum("bhwc,cb->bhw", maps, tf.gather(dense.kernel, classes, axis=1)))
    found = tf.image.resize(weighted[..., None], (6, 6))
    return tf.math.divide_no_nan(found, tf.reduce_max(found, axis=(1, 2, 3), keepdims=True))


def nissim(a, b):
    """Of windows of 5, which fit into maps of 6, and of the sample covariance."""

    def mean(maps):
        return tf.nn.avg_pool2d(maps, 5, 1, "VALID")

    ma, mb = mean(a), mean(b)
    va, vb, vab = (
        25 / 24 * (mean(p * q) - mp * mq) for p, q, mp, mq in ((a, a, ma, ma), (b, b, mb, mb), (a, b, ma, mb))
    )
    ssim = (2 * ma * mb + 1e-4) * (2 * vab + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
    return (1 - tf.reduce_mean(ssim, axis=(1, 2, 3))) / 2


@pytest.fixture(scope="module")
def of_a_loop():
    """The weights after an epoch by hand with a weight for each image, and its loss."""
    model, optimizer = made(), keras.optimizers.SGD(0.5)

    @tf.function
    def step(x, y, w):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = keras.losses.sparse_categorical_crossentropy(y, model(x, training=False))
        attacked = tf.clip_by_value(x + EPSILON * tf.sign(tape.gradient(loss, x)), 0, 1)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(w * keras.losses.sparse_categorical_crossentropy(y, model(attacked, training=True)))
            classes = tf.argmax(model(x, training=False), axis=-1)
            maps, others = grad_cam(model, x, classes), grad_cam(model, attacked, classes)
            drift = tf.where(tf.reduce_any(maps > 0, axis=(1, 2, 3)), nissim(maps, others), 0.0)
            loss += 2.5 * tf.reduce_mean(w * drift)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    losses = [step(*(tf.constant(part[r : r + 6]) for part in (X, Y, WEIGHTS))) for r in (0, 6)]
    return model.get_weights(), [np.mean(losses)]


def trained(epochs=2, compiled=None, dtype="float32", **settings):
    settings = {"attack": ATTACK, "epsilon": EPSILON, "explainer": "grad_cam", "gamma": 2.5, **settings}
    model = AdversarialTraining(made(dtype), **settings)
    return model, fit(model, epochs, **compiled or {})


@pytest.mark.parametrize(
    "compiled", [{}, *(pytest.param({key: True}, marks=pytest.mark.slow) for key in ("run_eagerly", "jit_compile"))]
)
def test_the_training_is_the_loop_by_hand(of_a_loop, compiled):
    model, losses = trained(epochs=1, compiled=compiled)
    for found, right in zip(model.inner.get_weights(), of_a_loop[0], strict=True):
        np.testing.assert_allclose(found, right, atol=2e-5)
    np.testing.assert_allclose(losses, of_a_loop[1], rtol=1e-4)


@pytest.mark.parametrize("explainer", ["grad_cam", slow(kax.explainers.IntegratedGradients(steps=2))])
def test_the_gradient_in_the_weights_is_that_of_differences(explainer):
    net = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(3, 2, activation="softplus"), layers.Flatten()])
    net.add(layers.Dense(2))
    keras.utils.set_random_seed(1)
    net.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in net.get_weights()])
    x, moved = tf.constant(X[:3, :4, :4]), tf.constant(X[3:6, :4, :4])
    classifier = kax.ImageClassifier(net)

    @tf.function
    def drift():
        with tf.GradientTape() as tape:
            value = explanation_drift(classifier, x, moved, explainer)
        return value, tape.gradient(value, net.layers[0].kernel.value)

    value, gradient = drift()
    maps = [kax.explainers.get(explainer)(net, part, np.argmax(net(x), axis=-1)) for part in (x, moved)]
    np.testing.assert_allclose(value, kax.metrics.nissim(*maps), atol=1e-6)
    weights = net.layers[0].kernel.numpy()
    change = np.zeros_like(weights)
    change[0, 1, 0, 2] = 1e-2
    sides = []
    for sign in (1, -1):
        net.layers[0].kernel.assign(weights + sign * change)
        sides.append(float(tf.reduce_sum(drift()[0])))
    found = float(gradient[0, 1, 0, 2])
    assert found == pytest.approx((sides[0] - sides[1]) / 2e-2, rel=2e-2, abs=1e-4)
    assert abs(found) > 1e-3


def test_by_hand_blank_heatmaps_and_no_change():
    """A model that passes the image on, and one whose heatmaps are blank, which counts as 0."""
    net = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(1, 1, kernel_initializer="ones")])
    net.add(layers.GlobalAveragePooling2D())
    net.add(layers.Dense(2, name="dense", kernel_initializer=keras.initializers.Constant([[1, 0.5]])))
    x = np.arange(1.0, 17, dtype="float32").reshape(1, 4, 4, 1) / 16
    pair = tf.concat([x, x], axis=0), tf.concat([x, x[:, ::-1]], axis=0)
    found = explanation_drift(net, *pair)
    np.testing.assert_allclose(found, [0, kax.metrics.nissim(x, x[:, ::-1])[0]], atol=1e-6)
    arrays = [np.asarray(part, "float64") for part in pair]
    np.testing.assert_allclose(explanation_drift(net, *arrays), found, atol=1e-6)
    net.get_layer("dense").kernel.assign(np.array([[-1, -2]]))
    blank = tf.function(lambda: explanation_drift(net, *pair))()
    assert blank.numpy().tolist() == [0, 0]


@pytest.mark.slow
def test_it_is_saved_works_in_half_precision_beside_trades_and_by_its_weight(of_a_loop, tmp_path):
    explainer = kax.explainers.IntegratedGradients(steps=2)
    model, _ = trained(epochs=1, explainer=explainer, loss="trades", attack=None)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    config = loaded.get_config()
    assert (config["gamma"], kax.explainers.get(config["explainer"])) == (2.5, explainer)
    both = [
        one.fit(X, Y, sample_weight=WEIGHTS, batch_size=6, epochs=1, shuffle=False, verbose=0).history["loss"]
        for one in (model, loaded)
    ]
    np.testing.assert_allclose(*both, rtol=1e-4)
    without, zero = trained(1, explainer=None)[1], trained(1, gamma=0.0)[1]
    np.testing.assert_allclose(without, zero, rtol=1e-6)
    assert without[0] < of_a_loop[1][0] - 0.01
    np.testing.assert_allclose(trained(1, dtype="mixed_float16")[1], of_a_loop[1], rtol=1e-2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"explainer": kax.explainers.GradCAM(relu=False)}, "whose heatmaps are signed"),
        ({"explainer": "grad_camm"}, "grad_cam"),
        ({"explainer": "grad_cam", "gamma": -1}, "`gamma` must be a number of at least 0"),
    ],
    ids=str,
)
def test_mistakes_show_when_it_is_built(settings, message):
    with pytest.raises(ValueError, match=message):
        AdversarialTraining(made(), **settings)
