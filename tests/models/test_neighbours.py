"""Whether what a model says of an image depends on the other images of its batch."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_advxai as kax

L, ops = keras.layers, keras.ops
X = np.random.default_rng(0).random((8, 8, 8, 1), dtype="float32")


class OfTheBatch(L.BatchNormalization):
    """Takes the statistics of the batch, also for a prediction."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=True)


class Function(L.Layer):
    def __init__(self, function):
        super().__init__(name="mixer")
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


def spread_of_groups(images):
    """Of four images, as a discriminator's minibatch standard deviation."""
    groups = ops.reshape(images, (4, -1, *images.shape[1:]))
    spread = ops.repeat(ops.mean(ops.std(groups, axis=0), axis=(1, 2, 3)), 4)
    return images + spread[:, None, None, None]


def ghost(images):
    groups = ops.reshape(images, (-1, 2, *images.shape[1:]))
    return ops.reshape(groups - ops.mean(groups, axis=1, keepdims=True), (-1, *images.shape[1:]))


def network(*middle, end=()):
    keras.utils.set_random_seed(0)
    return keras.Sequential([L.Input((8, 8, 1)), *middle, L.Conv2D(4, 3), L.GlobalAveragePooling2D(), *end, L.Dense(3)])


MIXING = {
    "statistics of the batch": lambda: network(OfTheBatch(name="mixer")),
    "standardised pixel by pixel": lambda: network(Function(lambda x: (x - ops.mean(x, 0)) / (ops.std(x, 0) + 0.1))),
    "the largest of all pixels": lambda: network(Function(lambda x: x / ops.max(x))),
    "the image before": lambda: network(Function(lambda x: x + 0.5 * ops.roll(x, 1, axis=0))),
    "the first image": lambda: network(Function(lambda x: x - x[:1])),
    "the image at the other end": lambda: network(Function(lambda x: x + 0.3 * ops.flip(x, axis=0))),
    "groups": lambda: network(Function(spread_of_groups)),
    "ghost batches": lambda: network(Function(ghost)),
    "attention": lambda: network(end=[Function(lambda x: ops.softmax(x @ ops.transpose(x)) @ x)]),
}
SOUND = {
    "statistics of the training": lambda: network(L.BatchNormalization()),
    "statistics of each image": lambda: network(Function(lambda x: x - ops.mean(x, (1, 2, 3), keepdims=True))),
    "groups of channels": lambda: network(L.Conv2D(4, 3), L.GroupNormalization(2), L.LayerNormalization()),
    "recurrent": lambda: network(L.Conv2D(4, 3), L.Reshape((6, 24)), L.LSTM(9), L.Reshape((3, 3, 1))),
    "attention over positions": lambda: network(
        L.Conv2D(4, 3), L.Reshape((36, 4)), Function(lambda x: L.Attention()([x, x])), L.Reshape((6, 6, 4))
    ),
    "patches as images": lambda: network(
        Function(lambda x: ops.reshape(ops.softmax(ops.reshape(x, (-1, 4, 8, 1)), 1), (-1, 8, 8, 1)))
    ),
    "random": lambda: network(Function(lambda x: x + keras.random.normal(ops.shape(x), seed=RANDOM))),
}
RANDOM = keras.random.SeedGenerator(0)


@pytest.mark.parametrize("kind", MIXING)
def test_a_layer_that_mixes_images_is_named_where_a_prediction_depends_on_the_neighbours(kind):
    model = MIXING[kind]()
    own, beside = (model(np.concatenate(batch), training=False) for batch in ([X[:4]], [X[:1], X[5:]]))
    ends = [model(X[[0, 1, 2, 3]]), model(X[[4, 5, 6, 3]])]
    differences = np.abs(own[0] - beside[0]).max(), np.abs(ends[0][3] - ends[1][3]).max()
    assert max(differences) > 1e-4
    assert kax.ImageClassifier(model).mixing_layer() == "mixer"


@pytest.mark.parametrize("kind", SOUND)
def test_a_model_that_sees_each_image_by_itself_is_not(kind):
    assert kax.ImageClassifier(SOUND[kind]()).mixing_layer() is None


def test_an_evaluation_and_merged_reports_say_it_and_other_inputs_are_no_obstacle():
    image, other = L.Input((8, 8, 1), name="image"), L.Input((2,), name="other")
    features = L.GlobalAveragePooling2D()(L.Conv2D(4, 3)(OfTheBatch(name="mixer")(image)))
    model = keras.Model([image, other], L.Dense(3)(L.Concatenate()([features, other])))
    data = {"image": X, "other": np.ones((8, 2), "float32")}
    given = {"explainers": (), "epsilons": (0.05,), "progress": False, "input": "image", "batch_size": 4}
    (finding,) = (item for item in kax.evaluate(model, data, **given).warnings if item.id == "mixes-images")
    assert "by the layer 'mixer'" in finding
    assert finding.severity == "warning"
    parts = [kax.evaluate(model, data, shard=(index, 2), **given) for index in range(2)]
    merged = kax.EvaluationReport.merge(kax.EvaluationReport.from_json(part.to_json()) for part in parts)
    assert [item.id for item in merged.warnings].count("mixes-images") == 1
