"""Datasets that do not end, or do not say where."""

from __future__ import annotations

import itertools
import math
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.data import streams
from keras_advxai.data.batches import Batches
from keras_advxai.data.streams import batch_count, first_inputs
from keras_advxai.models import as_classifier


class Endless(keras.utils.PyDataset):
    """Batches of two images, over and over."""

    num_batches = None

    def __init__(self, x, y):
        super().__init__()
        self.arrays = x, y

    def __getitem__(self, index):
        start = 2 * index % len(self.arrays[0])
        return tuple(array[start : start + 2] for array in self.arrays)


class Three(Endless):
    """The first three of them, of which `num_batches` alone tells."""

    num_batches = 3


class Undeclared(Endless):
    """As whoever forgets it writes it."""

    num_batches = keras.utils.PyDataset.num_batches


def generated(x, y, batches=None):
    """A dataset that does not say how many batches of two it has; without end by default."""
    numbers = itertools.count() if batches is None else range(batches)
    source = Endless(x, y)
    signature = (tf.TensorSpec((None, *x.shape[1:])), tf.TensorSpec((None,), tf.int32))
    return tf.data.Dataset.from_generator(lambda: (source[i] for i in numbers), output_signature=signature)


def repeated(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(2).repeat()


@pytest.fixture(scope="module")
def eight(test_faces):
    return tuple(array[:8] for array in test_faces)


def read(data, model, **settings):
    return [(x, y) for x, y in Batches(data, as_classifier(model), 2, **settings)]


def test_what_is_known_of_their_length(eight):
    assert batch_count(Endless(*eight)) == math.inf
    assert batch_count(Undeclared(*eight)) == math.inf
    assert batch_count(repeated(*eight)) == math.inf
    assert batch_count(Three(*eight)) == 3
    assert batch_count(generated(*eight, 3)) is None


@pytest.mark.parametrize(
    ("kind", "way_out"), [(Endless, "num_batches"), (Undeclared, "num_batches"), (repeated, "repeat")]
)
def test_what_is_known_to_be_infinite_is_refused_at_once(model, eight, kind, way_out):
    with pytest.raises(ValueError, match=f"is infinite. Say how many .* steps=10. .*`{way_out}`"):
        Batches(kind(*eight), as_classifier(model), 2)


@pytest.mark.parametrize("kind", [Endless, Undeclared, Three, repeated, generated])
def test_steps_are_batches_of_the_dataset(model, eight, kind):
    found = read(kind(*eight), model, steps=3)
    np.testing.assert_array_equal(np.concatenate([x for x, _ in found]), eight[0][:6])
    np.testing.assert_array_equal(np.concatenate([y for _, y in found]), eight[1][:6])


def test_steps_are_at_most_so_many(model, eight):
    assert len(read(Three(*eight), model)) == len(read(Three(*eight), model, steps=9)) == 3
    assert len(read(generated(*eight, 2), model, steps=9)) == 2


def test_of_arrays_too(model, eight):
    y = eight[1]
    batches = Batches(eight, as_classifier(model), 3, attack_targets=1 - y, steps=2)
    assert [len(images) for images, _ in batches] == [3, 3]
    np.testing.assert_array_equal(batches.attack_targets, 1 - y[:6])
    assert batches.images == 6
    assert len(batches.sample(100, 0)[0]) == 6
    assert Batches(eight, as_classifier(model), 3, steps=3).images == 8


@pytest.mark.filterwarnings("ignore:The dataset does not say how many batches it has")
def test_what_does_not_say_how_long_it_is_ends_somewhere(model, eight, monkeypatch):
    monkeypatch.setattr(streams, "MOST_BATCHES", 5)
    with pytest.raises(ValueError, match=r"did not end after 5\. Say how many are to be read, as steps=100"):
        read(generated(*eight), model)
    assert len(read(generated(*eight, 5), model)) == 5
    assert len(read(generated(*eight), model, steps=7)) == 7
    known = generated(*eight, 7).apply(tf.data.experimental.assert_cardinality(7))
    assert len(read(known, model)) == 7
    with pytest.raises(ValueError, match="did not end after 5"):
        Batches(generated(*eight), as_classifier(model), 2).sampled(4, 0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The dataset does not say how many batches it has")
def test_ten_thousand_batches_are_read_in_a_moment(eight):
    data = tf.data.Dataset.range(1).repeat().filter(lambda x: True)
    with pytest.raises(ValueError, match="did not end after 10000"):
        sum(1 for _ in streams.read(data))


def test_it_is_asked_about_early(eight, monkeypatch):
    def read(data, steps=None):
        """The warnings, each with the number of the batch that was read before it."""
        found = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for number, _ in enumerate(itertools.islice(streams.read(data, steps), 12)):
                found += [(number, str(item.message)) for item in caught]
                caught.clear()
        return found

    ((number, said),) = read(generated(*eight))  # begins again after four batches
    assert number == 4
    assert "how many batches it has, and batch 4 is batch 0 once more. If it has no end" in said
    assert "an error follows after 10000. Say how many are to be read, as steps=100" in said
    assert not read(generated(*eight), steps=7)
    assert not read(repeated(*eight), steps=7)
    assert not read(generated(*eight, 4))
    assert not read(generated(0 * eight[0], eight[1]))  # black frames come again by themselves
    monkeypatch.setattr(streams, "MANY_BATCHES", 6)
    ((number, said),) = read(generated(0 * eight[0], eight[1]))
    assert number == 6
    assert "and it did not end after 6." in said


@pytest.mark.parametrize("steps", [0, -1, 1.5, True])
def test_steps_are_a_number_of_batches(steps):
    with pytest.raises(ValueError, match="`steps` must be an integer of at least 1"):
        kax.EvaluationSettings(steps=steps)


@pytest.mark.parametrize("kind", [Endless, repeated, generated])
def test_the_first_images_of_them(eight, kind):
    np.testing.assert_array_equal(first_inputs(kind(*eight)), eight[0][:1])


@pytest.mark.slow
def test_an_evaluation_of_some_of_them_is_repeated_by_its_settings(model, eight):
    settings = {"epsilons": (0.1,), "explainers": (), "progress": False}
    report = kax.evaluate(model, repeated(*eight), steps=3, **settings)
    few = tuple(array[:6] for array in eight)
    other = kax.evaluate(model, few, **settings)
    assert (report.rows, report.provenance["data_sha256"]) == (other.rows, other.provenance["data_sha256"])
    assert kax.evaluate(model, Endless(*eight), settings=report.settings, progress=False) == report
    wrapped = kax.ExplainableModel(model).evaluate_robustness(Endless(*eight), settings=report.settings, progress=False)
    assert len(wrapped.samples) == 6
