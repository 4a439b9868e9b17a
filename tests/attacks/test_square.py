"""Square: near the optimum of linear models, without gradients, on every layout of images."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import Square, UniformNoise
from keras_advxai.testing import check_attack

pytestmark = pytest.mark.sampled(2)

SHAPE = (8, 8, 3)
X = np.random.default_rng(1).uniform(0.3, 0.7, (6, *SHAPE)).astype("float32")
norms = pytest.mark.parametrize("norm", ["linf", "l2"])


def smooth_weights(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """One weight for each pixel, alike for neighbours, as those of networks are."""
    noise = np.random.default_rng(seed).normal(size=shape)
    for axis in range(len(shape) - 1):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, 2, axis)
    return (noise / np.linalg.norm(noise)).astype("float32")


def robust(weights: np.ndarray, lead: float = 1e3) -> keras.Model:
    """A linear model that is robust at any budget, so that an attack does all its queries. Class 0 is predicted."""
    columns = np.stack([weights.ravel(), np.zeros(weights.size)], axis=1)
    return helpers.linear_model(columns, weights.shape, bias=[lead, -lead])


def share(attack: kax.attacks.Attack, epsilon: float) -> float:
    """By how much an attack lowers the margin of a linear model, as a fraction of the optimum."""
    weights = smooth_weights(SHAPE)
    found = attack(robust(weights, 5.0), X, np.zeros(6, int), epsilon)
    best = epsilon * (np.abs(weights).sum() if attack.norm == "linf" else 1.0)
    return float(((X - found).reshape(6, -1) @ weights.ravel() / best).mean())


@pytest.mark.slow
@norms
def test_it_comes_near_the_optimum_of_a_linear_model(norm):
    epsilon = 0.1 if norm == "linf" else 1.0
    few, many = (share(Square(norm=norm, queries=queries), epsilon) for queries in (50, 1500))
    assert many > (0.95 if norm == "linf" else 0.5)
    assert many > few + 0.1
    assert few > 3 * abs(share(UniformNoise(norm=norm), epsilon))


@norms
def test_it_needs_no_gradient(norm):
    weights = smooth_weights(SHAPE)
    blocked = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Lambda(lambda x: keras.ops.round(x * 255) / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(2, name="head"),
        ]
    )
    columns = np.stack([weights.ravel(), np.zeros(weights.size)], axis=1)
    logit = X.reshape(6, -1) @ weights.ravel()
    blocked.get_layer("head").set_weights([columns, np.array([0.3 - logit.min(), 0], "float32")])
    y = np.zeros(6, int)
    with pytest.raises(ValueError, match="no gradient"):
        kax.attacks.FGSM(norm=norm)(blocked, X, y, 0.1)
    epsilon = 0.2 if norm == "linf" else 2.0
    found = Square(norm=norm, queries=300)(blocked, X, y, epsilon)
    classifier = kax.ImageClassifier(blocked)
    assert (classifier.forward(X).predictions.numpy() == 0).all()
    assert (classifier.forward(found).predictions.numpy() == 1).mean() > 0.5


@norms
def test_it_takes_forward_passes_alone(norm, build):
    classifier = kax.ImageClassifier(build())

    @tf.function
    def run(x, y):
        return Square(norm=norm, queries=7)(classifier, x, y, 0.1)

    operations = helpers.counted_operations(run, tf.TensorSpec([None, *helpers.SHAPE]), tf.TensorSpec([None], tf.int32))
    assert operations["Conv2D"] == 3 * 2  # the clean pass, and that of a query
    assert not [name for name in operations if "Backprop" in name or "Grad" in name]


def counted(lead: float) -> tuple[keras.Model, helpers.Executions]:
    """A linear model that counts the batches, and whose leads grow from image to image."""
    counter = helpers.Executions()
    model = keras.Sequential([keras.Input(SHAPE), counter, keras.layers.Flatten(), keras.layers.Dense(2, name="head")])
    weights = smooth_weights(SHAPE).ravel()
    bias = lead - (X.reshape(6, -1) @ weights).min()
    model.get_layer("head").set_weights([np.stack([weights, 0 * weights], axis=1), np.array([bias, 0], "float32")])
    return model, counter


@pytest.mark.parametrize("queries", [1, 20])
def test_it_asks_as_often_as_it_may(queries):
    model, counter = counted(100.0)
    Square(queries=queries)(model, X, np.zeros(6, int), 0.1)
    before = counter.seen.computed
    Square(queries=queries)(model, X, np.zeros(6, int), 0.1)
    assert counter.seen.computed - before == queries + 1  # and the clean pass


def test_the_windows_are_halved_as_in_the_paper_whatever_the_number_of_queries():
    steps = [0, 10, 11, 51, 201, 501, 1001, 2001, 4000, 4001, 6001, 8001]
    for queries in (10_000, 20_000):
        attack = Square(queries=queries, p_init=0.5)
        found = [float(attack._part(tf.constant(step * queries // 10_000))) for step in steps]
        assert found == [0.5, 0.5, *(0.5 / 2**halved for halved in (1, 2, 3, 4, 5, 6, 6, 7, 8, 9))]


@norms
def test_what_it_returns_is_the_best_that_it_asked_about(norm):
    asked: list[np.ndarray] = []

    def note(images):
        asked.append(images)
        return np.float32(1)

    def look(images):
        with tf.control_dependencies([tf.numpy_function(note, [images], tf.float32)]):
            return tf.identity(images)

    weights = smooth_weights(SHAPE)
    classifier = kax.ImageClassifier(robust(weights), preprocess=look)
    found = Square(norm=norm, queries=25)(classifier, X, np.zeros(6, int), 0.1)
    queries = np.stack([images.reshape(6, -1) @ weights.ravel() for images in asked[-25:]])
    np.testing.assert_allclose(found.reshape(6, -1) @ weights.ravel(), queries.min(axis=0), rtol=1e-5)
    assert (queries.argmin(axis=0) < 24).any()  # the last is not the best of itself


def test_it_stops_when_all_images_are_hit_and_at_epsilon_0():
    model, counter = counted(0.01)
    y = np.zeros(6, int)
    attack = Square(queries=5000)
    found = attack(model, X, y, 0.5)
    assert (kax.ImageClassifier(model).forward(found).predictions.numpy() == 1).all()
    before = counter.seen.computed
    attack(model, X, y, 0.5)
    assert counter.seen.computed - before < 500
    before = counter.seen.computed
    np.testing.assert_array_equal(attack(model, X, y, 0.0), X)
    assert counter.seen.computed - before == 1


@norms
def test_images_that_are_misclassified_from_the_beginning_are_returned_as_they_are(norm, model, few):
    x, y = few
    y = 1 - kax.ImageClassifier(model).forward(x).predictions.numpy()
    np.testing.assert_array_equal(Square(norm=norm, queries=5)(model, x, y, 0.1), x)


@norms
@pytest.mark.sampled(1)
def test_an_image_alone_is_searched_for_as_among_others(norm):
    model, _ = counted(2.0 if norm == "linf" else 0.2)
    found = Square(norm=norm, queries=8)(model, X, np.zeros(6, int), 0.2)
    for index in (0, 5):
        alone = Square(norm=norm, queries=8)(model, X[index : index + 1], np.zeros(1, int), 0.2)
        np.testing.assert_allclose(alone[0], found[index], atol=1e-6)
        assert np.abs(alone[0] - X[index]).max() > 0.01


@pytest.mark.slow
@norms
def test_an_image_that_is_hit_is_not_changed_any_more(norm, build, few):
    x, y = few
    classifier = kax.ImageClassifier(build())
    short, long = (Square(norm=norm, queries=200, seed=seed)(classifier, x, y, 0.25) for seed in (0, 0))
    np.testing.assert_array_equal(short, long)
    alone = np.concatenate(
        [Square(norm=norm, queries=200)(classifier, x[i : i + 1], y[i : i + 1], 0.25) for i in range(6)]
    )
    np.testing.assert_allclose(alone, short, atol=1e-5)


def test_a_target_is_reached():
    weights = np.random.default_rng(0).normal(size=(X[0].size, 3)).astype("float32")
    logits = X.reshape(6, -1) @ weights
    model = helpers.linear_model(weights, SHAPE, bias=-logits.mean(0))
    target = ((logits - logits.mean(0)).argmax(-1) + 1) % 3
    found = Square(targeted=True, queries=300)(model, X, target, 0.2)
    assert (kax.ImageClassifier(model).forward(found).predictions.numpy() == target).mean() > 0.8


@pytest.mark.slow
@norms
def test_it_is_stronger_than_noise_on_a_network(norm, model, test_faces):
    x, y = test_faces
    classifier = kax.ImageClassifier(model)
    epsilon = 0.1 if norm == "linf" else 1.5

    def accuracy(attack):
        return np.mean(classifier.forward(attack(model, x, y, epsilon)).predictions.numpy() == y)

    square = accuracy(Square(norm=norm, queries=200))
    assert square < accuracy(UniformNoise(norm=norm)) - 0.1


@pytest.mark.slow
@pytest.mark.parametrize("scale", [20, 100])
def test_confidence_is_not_robustness(scale, build, test_faces):
    x, y = test_faces[0][:20], test_faces[1][:20]
    plain, confident = build("linear"), helpers.scaled_logits(build("linear"), scale)
    hits = [
        kax.ImageClassifier(item).forward(Square(queries=100)(item, x, y, 0.1)).predictions.numpy() == y
        for item in (plain, confident)
    ]
    assert np.mean(hits[0] != hits[1]) <= 0.05


@pytest.mark.slow
def test_every_option_changes_the_result(build, few):
    classifier = kax.ImageClassifier(build())
    plain = Square(queries=20)(classifier, *few, 0.02)
    others = [Square(queries=20, seed=1), Square(queries=20, p_init=0.1), Square(queries=5)]
    for other in (*others, Square(queries=20, norm="l2"), Square(queries=20, targeted=True)):
        assert np.abs(other(classifier, *few, 0.02) - plain).max() > 1e-3, other


def test_wrong_arguments_say_what_to_pass():
    with pytest.raises(ValueError, match="`queries` must be an integer of at least 1"):
        Square(queries=0)
    for part in (0, 1.5, -0.1):
        with pytest.raises(ValueError, match="`p_init` must be"):
            Square(p_init=part)
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        Square(seed=0.5)
    with pytest.raises(ValueError, match="`norm` must be one of linf, l2"):
        Square(norm="l1")


@pytest.fixture(scope="module")
def layouts() -> dict:
    """Models that lay out their images in other ways, and the images."""
    layers = keras.layers
    first = keras.Sequential(
        [
            keras.Input((3, 8, 8)),
            layers.Permute((2, 3, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    signals = keras.Sequential(
        [keras.Input((20, 2)), layers.Conv1D(4, 3, activation="relu"), layers.GlobalAveragePooling1D(), layers.Dense(2)]
    )
    flat = keras.Sequential([keras.Input((12,)), layers.Dense(5, activation="relu"), layers.Dense(2)])
    grid = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Reshape((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    models = {"channels first": first, "signals": signals, "features": flat, "a grid in a row": grid}
    return {name: (model, helpers.random_images(3, model.input_shape[1:])) for name, model in models.items()}


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["l2"])
@pytest.mark.parametrize("layout", ["channels first", "features"])
def test_images_of_every_layout_keep_the_contract(norm, layout, layouts):
    model, x = layouts[layout]
    y = kax.ImageClassifier(model).forward(x).predictions.numpy()
    check_attack(Square(norm=norm, queries=10), model, x, y)


@pytest.mark.slow
def test_channels_first_means_stripes_along_the_sides_and_not_along_the_channels(layouts):
    model, x = layouts["channels first"]
    x = np.full_like(x, 0.5)
    y = kax.ImageClassifier(model).forward(x).predictions.numpy()
    found = Square(queries=1)(model, x, y, 0.1)
    np.testing.assert_array_equal(found, np.broadcast_to(found[:, :, :1], x.shape))
    assert (np.ptp(found, axis=3) > 0.1).any()


@pytest.mark.slow
def test_images_of_any_size():
    layers = [keras.Input((None, None, 1)), keras.layers.Conv2D(4, 3, activation="relu")]
    model = keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    for side in (8, 11):
        x = helpers.random_images(2, (side, side, 1))
        for norm in ("linf", "l2"):
            found = Square(norm=norm, queries=5)(model, x, epsilon=0.1)
            assert found.shape == x.shape
            assert (np.abs(found - x).max((1, 2, 3)) > 0).all()


@pytest.mark.slow
def test_other_inputs_follow_their_images():
    image, number = keras.Input((4, 4, 1), name="image"), keras.Input((1,), name="number")
    mean = keras.layers.GlobalAveragePooling2D()(image)
    outputs = keras.layers.Dense(2, name="head")(keras.layers.Subtract()([mean, number]))
    model = keras.Model([image, number], outputs)
    model.get_layer("head").set_weights([np.array([[0, 1]], "float32"), np.zeros(2, "float32")])
    classifier = kax.ImageClassifier(model, input="image")
    x = np.full((4, 4, 4, 1), 0.5, "float32")
    thresholds = np.array([[0.55], [0.4], [0.9], [0.52]], "float32")
    found = Square(queries=300)(classifier, [x, thresholds], np.zeros(4, int), 0.2)
    assert (found.mean((1, 2, 3)) > thresholds[:, 0]).tolist() == [True, True, False, True]
