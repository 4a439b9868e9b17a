"""Maps that lack a dimension of the images, because a layer has summed it up: one map for all frames."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax

L = keras.layers
FRAMES, SIDE = 4, 8
POSITIVE = keras.initializers.RandomUniform(0.1, 1.0, seed=2)  # so that no heatmap is blank


def video_model(*layers, shape=(FRAMES, SIDE, SIDE, 2)):
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input(shape), *layers, L.Dense(3, kernel_initializer=POSITIVE, name="classes")])


def pooled():
    return L.GlobalAveragePooling2D(name="pool")


class Mean(L.Layer):
    """A mean over time, as a subclass makes it."""

    def call(self, x):
        return tf.reduce_mean(x, axis=1)


class Last(L.Layer):
    def call(self, x):
        return x[:, -1]


def conv3d(**settings):
    return L.Conv3D(5, (1, 3, 3), padding="same", activation="relu", name="frames", **settings)


MODELS = {
    "last state": ("lstm", lambda: [L.ConvLSTM2D(5, 3, name="lstm"), pooled()]),
    "last state, then a convolution": (
        "after",
        lambda: [L.ConvLSTM2D(5, 3, name="lstm"), L.Conv2D(4, 3, activation="relu", name="after"), pooled()],
    ),
    "mean": ("mean", lambda: [conv3d(), Mean(name="mean"), pooled()]),
    "lambda": ("mean", lambda: [conv3d(), L.Lambda(lambda x: keras.ops.mean(x, axis=1), name="mean"), pooled()]),
    "last frame": ("last", lambda: [conv3d(), Last(name="last"), pooled()]),
    "mean, then a convolution": (
        "after",
        lambda: [conv3d(), Mean(name="mean"), L.Conv2D(4, 3, activation="relu", name="after"), L.Flatten()],
    ),
    "frame by frame": (
        "after",
        lambda: [
            L.TimeDistributed(L.Conv2D(4, 3, activation="relu"), name="each"),
            Mean(name="mean"),
            L.Conv2D(4, 3, activation="relu", name="after"),
            pooled(),
        ],
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_last_map_is_explained_and_is_one_for_all_frames(name):
    layer, layers = MODELS[name]
    model = video_model(*layers())
    classifier = kax.ImageClassifier(model)
    assert classifier.default_layer == layer
    info = classifier.layers().default
    assert info.shape[0] == 1
    assert len(info.shape) == 4
    x = np.random.default_rng(0).random((2, FRAMES, SIDE, SIDE, 2), dtype="float32")
    maps = kax.explainers.GradCAM()(model, x, [0, 1])
    assert maps.shape == (2, FRAMES, SIDE, SIDE, 1)
    np.testing.assert_allclose(maps, np.repeat(maps[:, :1], FRAMES, axis=1), atol=1e-6)
    # As told by hand: the layer returns (batch, height, width, channels), to which a frame is added.
    named = kax.explainers.GradCAM(layer=layer, reshape_transform=lambda output: output[:, None])
    np.testing.assert_allclose(maps, named(model, x, [0, 1]), atol=1e-6)


def test_the_value_by_hand():
    """Behind a mean over time and a mean over positions, Grad-CAM is the map weighted by the head's weights."""
    model = video_model(conv3d(), Mean(name="mean"), pooled())
    x = np.random.default_rng(0).random((1, FRAMES, SIDE, SIDE, 2), dtype="float32")
    features = keras.Model(model.inputs[0], model.get_layer("mean").output)(x).numpy()
    expected = np.maximum(features @ model.get_layer("classes").kernel.numpy()[:, 1], 0)
    found = kax.explainers.GradCAM()(model, x, [1])
    np.testing.assert_allclose(found[0, 2, :, :, 0], expected[0] / expected.max(), atol=1e-5)


def test_signals_over_time():
    model = video_model(L.ConvLSTM1D(3, 3, name="lstm"), L.GlobalAveragePooling1D(), shape=(FRAMES, SIDE, 2))
    assert kax.ImageClassifier(model).default_layer == "lstm"
    x = np.random.default_rng(0).random((2, FRAMES, SIDE, 2), dtype="float32")
    maps = kax.explainers.GradCAM()(model, x)
    assert maps.shape == (2, FRAMES, SIDE, 1)
    np.testing.assert_allclose(maps, np.repeat(maps[:, :1], FRAMES, axis=1), atol=1e-6)


@pytest.mark.slow
def test_an_evaluation_of_videos():
    model = video_model(conv3d(), Mean(name="mean"), pooled())
    x = np.random.default_rng(0).random((2, FRAMES, SIDE, SIDE, 2), dtype="float32")
    report = kax.evaluate(model, x, epsilons=[0.1], noise_control=False, progress=False, metrics="cosine_distance")
    assert report.provenance["layers"] == {"grad_cam": ["mean"]}
    assert 0 <= report.mod("fgsm", "grad_cam", 0.1) <= 1


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (lambda: [L.ConvLSTM2D(3, 3, return_sequences=True, name="lstm"), L.GlobalAveragePooling3D()], "lstm"),
        (lambda: [conv3d(), L.GlobalAveragePooling3D()], "frames"),
        (lambda: [L.TimeDistributed(L.Conv2D(2, 3), name="each"), L.TimeDistributed(pooled()), L.LSTM(3)], "each"),
    ],
    ids=["sequences", "volumes", "pooled frame by frame"],
)
def test_what_keeps_its_dimensions_stays_what_it_was(layers, expected):
    assert kax.ImageClassifier(video_model(*layers())).default_layer.split("/")[0] == expected


def test_an_image_that_is_summed_over_its_height_is_a_sequence():
    model = keras.Sequential([
        keras.Input((8, 8, 1)),
        L.Conv2D(3, 3, name="conv"),
        Mean(),
        L.Conv1D(3, 3, name="sequence"),
        L.GlobalAveragePooling1D(),
        L.Dense(2),
    ])  # fmt: skip
    with pytest.raises(ValueError, match="Layers that return tokens: sequence"):
        _ = kax.ImageClassifier(model).default_layer


BEHIND = {
    "behind a mean": lambda: [Mean(), L.Conv1D(3, 3, name="sequence")],
    "behind a reshape": lambda: [L.Permute((2, 1, 3)), L.Reshape((6, 18)), L.Conv1D(3, 3, name="sequence")],
}


@pytest.mark.parametrize("name", BEHIND)
def test_a_sequence_of_an_image_is_not_passed_over_silently(name):
    """An activation makes of the convolution a map to explain, and no patches."""
    first = L.Conv2D(3, 3, activation="relu", name="conv")
    stack = [first, *BEHIND[name](), L.GlobalAveragePooling1D(), L.Dense(2)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *stack])
    with pytest.warns(UserWarning, match=r"is explained\. The maps of sequence have other dimensions than the images"):
        assert kax.ImageClassifier(model).default_layer in ("conv", "permute")
    x = np.random.default_rng(0).random((1, 8, 8, 1), dtype="float32")
    explainer = kax.explainers.GradCAM(layer="sequence", reshape_transform=lambda output: output[:, None], relu=False)
    maps = explainer(model, x)
    assert maps.shape == x.shape
    np.testing.assert_allclose(maps, np.repeat(maps[:, :1], 8, axis=1), atol=1e-6)


@pytest.mark.parametrize("first", [[], [conv3d()]], ids=["at once", "behind a convolution"])
def test_frames_that_became_channels_are_not_passed_over_silently(first):
    """Which side is which after a reshape nobody can tell; the convolution behind it is named, and can be explained."""
    channels = 5 if first else 2
    late = [L.Permute((2, 3, 1, 4)), L.Reshape((SIDE, SIDE, FRAMES * channels)), L.Conv2D(3, 3, name="late"), pooled()]
    model = video_model(*first, *late)
    words = "The maps of late have other dimensions than the images"
    with pytest.warns(UserWarning, match=words) if first else pytest.raises(ValueError, match=words):
        _ = kax.ImageClassifier(model).default_layer
    x = np.random.default_rng(0).random((1, FRAMES, SIDE, SIDE, 2), dtype="float32")
    explainer = kax.explainers.GradCAM(layer="late", reshape_transform=lambda output: output[:, None], relu=False)
    assert explainer(model, x).shape == (1, FRAMES, SIDE, SIDE, 1)


class Windows(L.Layer):
    """The four quarters of images of 8x8, as images of their own."""

    def call(self, x):
        quarters = tf.reshape(x, (-1, 2, 4, 2, 4, x.shape[-1]))
        return tf.reshape(tf.transpose(quarters, (0, 1, 3, 2, 4, 5)), (-1, 4, 4, x.shape[-1]))


class Together(L.Layer):
    def call(self, x):
        return tf.reduce_mean(tf.reshape(x, (-1, 4, x.shape[-1])), axis=1)


def windows():
    """As operations, which the search sees; in a layer of their own it does not."""
    reshape, transpose = keras.layers.Reshape, keras.layers.Permute
    return [reshape((2, 4, 2, 4, 3)), transpose((1, 3, 2, 4, 5)), L.Lambda(lambda x: tf.reshape(x, (-1, 4, 4, 3)))]


IMAGE = (8, 8, 1)
CONV = {"padding": "same", "activation": "relu"}
# The shape of the images, what follows the first convolution up to a convolution, and what follows that.
LAID_OUT_ANEW = {
    "frames without positions": (
        (FRAMES, *IMAGE),
        lambda: [L.TimeDistributed(L.GlobalAveragePooling2D()), L.Conv1D(3, 3, name="late")],
        lambda: [L.GlobalAveragePooling1D()],
    ),
    "a volume": (
        IMAGE,
        lambda: [L.Reshape((4, 2, 8, 3)), L.Conv3D(3, 2, name="late")],
        lambda: [L.GlobalAveragePooling3D()],
    ),
    "rows side by side": (IMAGE, lambda: [L.Reshape((4, 16, 3)), L.Conv2D(3, 3, name="late")], lambda: [pooled()]),
    "one long row": (IMAGE, lambda: [L.Reshape((64, 1, 3)), L.Conv2D(3, 1, name="late")], lambda: [pooled()]),
    "windows as images": (
        IMAGE,
        lambda: [*windows(), L.Conv2D(3, 3, name="late")],
        lambda: [pooled(), Together()],
    ),
}


@pytest.mark.parametrize("name", LAID_OUT_ANEW)
def test_positions_that_are_not_the_images_are_told_and_not_drawn(name):
    """A map of 64 rows over an image of 8x8 would show stripes in the wrong places."""
    shape, late, end = LAID_OUT_ANEW[name]
    first = L.TimeDistributed(L.Conv2D(3, 3, **CONV), name="first") if len(shape) == 4 else L.Conv2D(3, 3, **CONV)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), first, *late(), *end(), L.Dense(2)])
    classifier = kax.ImageClassifier(model)
    with pytest.warns(UserWarning, match="is explained. The maps of late have other dimensions than the images"):
        assert classifier.default_layer.split("/")[0] == first.name
    assert "late" not in [layer.name for layer in classifier.layers()]


def test_rows_that_were_put_back_are_explained():
    """As around an attention over all positions that takes them as one long row."""
    rows = [L.Reshape((64, 1, 3)), L.Conv2D(3, 1, activation="relu"), L.Reshape((8, 8, 3), name="back")]
    model = keras.Sequential([
        keras.Input(IMAGE), L.Conv2D(3, 3, **CONV), *rows, L.Conv2D(3, 3, name="last"), pooled(), L.Dense(2)
    ])  # fmt: skip
    assert kax.ImageClassifier(model).default_layer == "last"


def test_a_dimension_of_one_may_be_moved_by_a_reshape():
    """Images of MNIST with their one channel in front."""
    head = [L.Conv2D(3, 3, name="conv"), pooled(), L.Dense(2)]
    keras.utils.set_random_seed(0)
    plain = keras.Sequential([keras.Input((8, 6, 1)), *head])
    moved = keras.Sequential([keras.Input((1, 8, 6)), L.Reshape((8, 6, 1)), *head])
    x = np.random.default_rng(0).random((2, 8, 6, 1), dtype="float32")
    expected = kax.explainers.GradCAM(relu=False)(plain, x, 1)
    found = kax.explainers.GradCAM(relu=False)(moved, x.transpose(0, 3, 1, 2), 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert kax.ImageClassifier(moved).layers().default.shape == (6, 4, 3)


def test_windows_in_a_layer_of_their_own_are_refused_in_a_sentence():
    layers = [L.Conv2D(3, 3, **CONV), Windows(), L.Conv2D(3, 3, name="inside"), pooled(), Together(), L.Dense(2)]
    model = keras.Sequential([keras.Input(IMAGE), *layers])
    with pytest.raises(ValueError, match="returned 8 maps of 2 images: the layer that is explained sees each image in"):
        kax.explainers.GradCAM()(model, np.zeros((2, *IMAGE), "float32"))
    with pytest.raises(ValueError, match="returned 8 maps of 2 images: the layer that is explained sees each image in"):
        kax.evaluate(model, np.zeros((2, *IMAGE), "float32"), metrics="cosine_distance", progress=False)
