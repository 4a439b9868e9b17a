"""What a heatmap of one of several maps does not show is a finding, and the warning of it comes once."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest

import keras_advxai as kax

L = keras.layers
X = np.random.default_rng(0).random((8, 12, 12, 1), dtype="float32")
Y = np.arange(8) % 3
GIVEN = {"epsilons": (0.05,), "noise_control": False, "progress": False, "batch_size": 4}


@pytest.fixture(scope="module")
def branches():
    """Two convolutions whose features are put together behind their poolings."""
    image = L.Input((12, 12, 1))
    maps = [L.Conv2D(4, size, activation="relu", name=f"of_{size}")(image) for size in (3, 5)]
    merged = L.Concatenate()([L.GlobalAveragePooling2D()(item) for item in maps])
    model = keras.Model(image, L.Dense(3, activation="softmax")(merged))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def found(report):
    return [item for item in report.warnings if item.id in ("one-of-several-maps", "passed-over-maps")]


@pytest.mark.filterwarnings("ignore:The classes of the model")
def test_one_of_several_maps_is_a_finding_in_reports_files_and_merged_reports(branches):
    report = kax.evaluate(branches, (X, Y), **GIVEN)
    (finding,) = found(report)
    assert "of_3 and of_5" in finding or "of_5 and of_3" in finding
    explained = kax.ImageClassifier(branches).layers().default.name
    assert f"{explained} is explained" in finding
    assert found(kax.EvaluationReport.from_json(report.to_json())) == [finding]
    parts = [kax.evaluate(branches, (X, Y), shard=(index, 2), **GIVEN) for index in range(2)]
    assert found(kax.EvaluationReport.merge(parts)) == [finding]
    smooth = kax.explainers.SmoothGrad(explainer=kax.explainers.GradCAM(), samples=2)
    assert found(kax.evaluate(branches, (X, Y), explainers=[smooth], **GIVEN)) == [finding]


def network(join):
    image = L.Input((12, 12, 1))
    return keras.Model(image, L.Dense(3)(join(image)))


def pyramid(image):
    """Each level is pooled, and the last of them is computed of the others."""
    levels = [image]
    for size, name in ((4, "fine"), (8, "middle"), (2, "coarse")):
        levels.append(L.Conv2D(size, 3, strides=2, padding="same", activation="relu", name=name)(levels[-1]))
    return L.Concatenate()([L.GlobalAveragePooling2D()(level) for level in levels[1:]])


def spatial_pyramid(image):
    """One map is pooled at two scales."""
    last = L.Conv2D(8, 3, activation="relu", name="last")(image)
    return L.Concatenate()([L.Flatten()(L.AveragePooling2D(5)(last)), L.GlobalAveragePooling2D()(last)])


def spatial_pyramid_turned(image):
    last = L.Conv2D(8, 3, activation="relu", name="last")(image)
    whole = L.GlobalAveragePooling2D()(last)
    return L.Concatenate()([whole, L.Flatten()(L.AveragePooling2D(5)(last))])


def gated(image):
    """A squeeze-and-excitation pools in front of the map that is explained, and so does nothing beside it."""
    first = L.Conv2D(8, 3, activation="relu", name="first")(image)
    gate = L.Dense(8, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(first))
    return L.GlobalAveragePooling2D()(L.Conv2D(8, 3, name="last")(L.Multiply()([first, gate])))


def beside_pixels(image):
    """A perceptron sees the pixels beside a CNN."""
    last = L.GlobalAveragePooling2D()(L.Conv2D(8, 3, activation="relu", name="last")(image))
    pixels = L.Flatten(name="pixels")(L.Rescaling(2.0)(image))
    return L.Concatenate()([last, L.Dense(4, activation="relu")(pixels)])


def beside_brightness(image):
    """How bright an image is, is a statistic of it, of which nothing is said."""
    last = L.GlobalAveragePooling2D()(L.Conv2D(8, 3, activation="relu", name="last")(image))
    return L.Concatenate()([last, L.Dense(4)(L.GlobalAveragePooling2D()(image))])


def member(name, softmax=True):
    image = L.Input((12, 12, 1))
    maps = L.Conv2D(4, 3, activation="relu", name="last")(image)
    scores = L.Dense(3, activation="softmax" if softmax else None)(L.GlobalAveragePooling2D()(maps))
    return keras.Model(image, scores, name=name)


class Voting(keras.Model):
    def __init__(self):
        super().__init__()
        self.nets = [member("a"), member("b")]

    def call(self, x):
        return sum(net(x) for net in self.nets) / 2


def voting(merge):
    image = L.Input((12, 12, 1))
    return keras.Model(image, merge([member("a")(image), member("b")(image)]))


ENSEMBLES = {
    "an average": lambda: voting(L.Average()),
    "half of a sum": lambda: voting(lambda scores: (scores[0] + scores[1]) / 2),
    "stacked": lambda: voting(lambda scores: L.Dense(3, activation="softmax")(L.Concatenate()(scores))),
    "of logits": lambda: keras.Model(
        image := L.Input((12, 12, 1)), L.Average()([member("a", False)(image), member("b", False)(image)])
    ),
    "subclassed": Voting,
}


@pytest.mark.filterwarnings("ignore:The classes of the model", "ignore:The model ends in an operation")
@pytest.mark.parametrize("name", ENSEMBLES)
def test_of_networks_that_vote_it_is_said_that_one_is_explained(name):
    """Found: of an average of probabilities the untrained one of two was explained, and nothing was said."""
    model = ENSEMBLES[name]()
    model(X)
    (finding,) = found(kax.evaluate(model, (X, Y), **GIVEN))
    assert "a/last and b/last" in finding


@pytest.mark.filterwarnings("ignore:The classes of the model")
@pytest.mark.parametrize(
    ("join", "others"),
    [
        (pyramid, "fine, middle and coarse"),
        (beside_pixels, "pixels and last. last is explained"),
        *((spatial_pyramid, None), (spatial_pyramid_turned, None), (gated, None), (beside_brightness, None)),
    ],
)
def test_it_is_said_of_maps_that_go_by_the_one_that_is_explained_and_of_no_others(join, others):
    """Found: a pyramid said nothing of its other levels, which kept 74 % of the predictions by themselves."""
    told = found(kax.evaluate(network(join), (X, Y), **GIVEN))
    assert [others in item for item in told] == [True] if others else told == []


def test_nothing_is_said_where_a_layer_is_named_or_none_is_looked_at(branches):
    explainers = [kax.explainers.GradCAM(layer="of_3"), "saliency"]
    assert found(kax.evaluate(branches, (X, Y), explainers=explainers, **GIVEN)) == []
    assert found(kax.evaluate(branches, (X, Y), explainers=(), **GIVEN)) == []


@pytest.mark.filterwarnings("ignore:In the model")
def test_maps_that_are_passed_over_are_a_finding():
    columns = [L.Permute((2, 1, 3)), L.Reshape((10, 40)), L.Conv1D(3, 3, name="over"), L.GlobalAveragePooling1D()]
    model = keras.Sequential(
        [L.Input((12, 12, 1)), L.Conv2D(4, 3, activation="relu", name="explained"), *columns, L.Dense(3)]
    )
    (finding,) = found(kax.evaluate(model, (X, Y), **GIVEN))
    assert " is explained, since no layer was named" in finding
    assert "the maps of over" in finding


def test_each_warning_comes_once_in_a_call_and_once_in_a_training(branches):
    def told(call):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        return sum("name another as `layer`" in str(item.message) for item in caught)

    fresh = keras.models.clone_model(branches)
    assert told(lambda: kax.evaluate(fresh, (X, Y), **GIVEN)) == 1
    assert told(lambda: kax.evaluate(fresh, (X, Y), **GIVEN)) == 1
    assert told(lambda: kax.explainers.GradCAM()(fresh, X)) == 1
    settings = {key: GIVEN[key] for key in ("epsilons", "noise_control", "batch_size")}
    fresh.compile("sgd", "sparse_categorical_crossentropy")
    callback = kax.callbacks.AdversarialEvaluation((X, Y), **settings)
    assert told(lambda: fresh.fit(X, Y, epochs=3, verbose=0, callbacks=[callback])) == 1
