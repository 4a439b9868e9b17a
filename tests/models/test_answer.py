"""What a model says of one image that is made tells functions of the same weights apart."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.journal import JournalError
from keras_advxai.models.answer import answer

L = keras.layers
SHAPE = (6, 6, 1)
X, Y = np.random.default_rng(0).random((6, *SHAPE), dtype="float32"), np.arange(6) % 3
SETTINGS = {"epsilons": (0.1,), "explainers": (), "noise_control": False, "progress": False}


class Powers(L.Layer):
    """A layer whose attribute no configuration has."""

    def __init__(self, power: float, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def call(self, x):
        return x**self.power

    def get_config(self):
        return super().get_config()


class Sums(keras.Model):
    """A model by code of its own."""

    def __init__(self):
        super().__init__()
        self.flat, self.head = L.Flatten(), L.Dense(3)

    def call(self, x):
        return self.head(self.flat(x))


class Squares(Sums):
    """Other code, of the same name in another session."""

    def call(self, x):
        return self.head(self.flat(x) ** 2)


Squares.__name__ = Squares.__qualname__ = "Sums"


def network(*first: L.Layer, activation=None) -> keras.Model:
    keras.utils.set_random_seed(3)
    layers = [*first, L.Conv2D(2, 3, activation=activation), L.Flatten(), L.Dense(3)]
    return keras.Sequential([keras.Input(SHAPE), *layers])


def of_class(cls) -> keras.Model:
    keras.utils.set_random_seed(3)
    model = cls()
    model(X)
    return model


def turned(x):
    return 1 - x


def kept(x):
    return x


def largest_first(outputs):
    return outputs[:, ::-1]


NET = network()
PAIRS = {
    "preprocess": (lambda: (NET, {"preprocess": kept}), lambda: (NET, {"preprocess": turned})),
    "reduce": (lambda: (NET, {"reduce": kept}), lambda: (NET, {"reduce": largest_first})),
    "an attribute": (lambda: (network(Powers(1.0)), {}), lambda: (network(Powers(2.0)), {})),
    "an activation": (lambda: (network(activation="relu"), {}), lambda: (network(activation="tanh"), {})),
    "code": (lambda: (of_class(Sums), {}), lambda: (of_class(Squares), {})),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_finished_journal_and_a_part_are_not_taken_for_those_of_another_function(name, tmp_path, monkeypatch):
    """Found: a journal that had come to its end gave the figures of the function that wrote it, without a word."""
    monkeypatch.setattr(turned, "__name__", "kept")  # in a script that is mended the function keeps its name
    monkeypatch.setattr(turned, "__qualname__", "kept")
    monkeypatch.setattr(largest_first, "__qualname__", "kept")
    (one, given), (other, changed) = (make() for make in PAIRS[name])
    given, changed = ({"bounds": (0, 1), **SETTINGS, **item} for item in (given, changed))
    path = tmp_path / "run.journal"
    first = kax.evaluate(one, (X, Y), journal=path, **given)
    again = kax.evaluate(one, (X, Y), journal=path, **given)
    assert again.rows == first.rows
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"What differs: .*(says something else of the same image|model)"):
        kax.evaluate(other, (X, Y), journal=path, **changed)
    assert path.read_bytes() == before
    parts = [kax.evaluate(one, (X, Y), shard=(index, 2), batch_size=3, **given) for index in range(2)]
    assert kax.EvaluationReport.merge(parts).clean_accuracy == first.clean_accuracy
    theirs = kax.evaluate(other, (X, Y), shard=(1, 2), batch_size=3, **changed)
    with pytest.raises(ValueError, match=r"(of different functions: with the same weights|were not evaluated alike)"):
        kax.EvaluationReport.merge([parts[0], theirs])


def test_where_a_model_cannot_be_asked_alone_nothing_is_told_apart():
    class Draws(L.Layer):
        def call(self, x):
            return x + np.random.default_rng().random()

    class Dropping(L.Dropout):
        """A Monte Carlo dropout, whose seed is another one in each process."""

        def call(self, x, training=None):
            return super().call(x, training=True)

    for layer in (Draws(), Dropping(0.5)):
        assert answer(kax.ImageClassifier(network(layer)), SHAPE) is None
    nan = network()
    nan.layers[-1].bias.assign([0, np.nan, 0])
    assert answer(kax.ImageClassifier(nan), SHAPE) is None


def test_other_inputs_are_zeros_and_many_classes_are_a_few():
    image, age = keras.Input(SHAPE, name="image"), keras.Input((2,), name="age", dtype="int32")
    hidden = L.Concatenate()([L.Flatten()(image), L.Rescaling(1.0)(age)])
    model = keras.Model({"image": image, "age": age}, L.Dense(1000)(hidden))
    found = answer(kax.ImageClassifier(model, input="image"), SHAPE)
    assert len(found.logits) == 32
    noise = np.random.default_rng(0).random((1, *SHAPE)).astype("float32")
    logits = model.predict({"image": noise, "age": np.zeros((1, 2), "int32")}, verbose=0)[0]
    np.testing.assert_allclose([found.logits[0], found.logits[-1]], logits[[0, -1]], atol=1e-5)


def test_half_precision_may_round_otherwise():
    half = keras.Sequential([keras.Input(SHAPE), L.Flatten(dtype="mixed_float16"), L.Dense(2, dtype="mixed_float16")])
    assert answer(kax.ImageClassifier(half), SHAPE).rounding == 0.05
    assert answer(kax.ImageClassifier(NET), SHAPE).rounding == 0.001


def test_the_data_are_others_where_another_input_is_and_known_again_whatever_their_batches():
    image, age = keras.Input(SHAPE, name="image"), keras.Input((2,), name="age")
    model = keras.Model({"image": image, "age": age}, L.Dense(3)(L.Concatenate()([L.Flatten()(image), age])))

    def sha256(ages, **settings):
        data = {"image": X, "age": ages}, Y
        return kax.evaluate(model, data, input="image", **{**SETTINGS, **settings}).provenance["data_sha256"]

    ages = np.ones((6, 2), "float32")
    assert sha256(ages) == sha256(ages, batch_size=4) != sha256(2 * ages)
    shards = [(0, 2), (1, 2)]
    assert [sha256(ages, batch_size=3, shard=shard) for shard in shards] == [sha256(ages)] * 2


def test_the_answer_to_an_image_of_another_size_says_nothing():
    model = keras.Sequential([keras.Input((None, None, 1)), L.Conv2D(2, 3), L.GlobalAveragePooling2D()])
    small, large = (answer(kax.ImageClassifier(model, from_logits=True), (side, side, 1)) for side in (6, 8))
    assert small.logits != large.logits
    assert small.is_that_of(large)
    other = keras.Sequential([keras.Input((None, None, 1)), L.Conv2D(2, 3), L.GlobalAveragePooling2D()])
    assert not small.is_that_of(answer(kax.ImageClassifier(other, from_logits=True), (6, 6, 1)))
