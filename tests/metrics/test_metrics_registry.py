"""How a dissimilarity is declared and found, and what is checked around every call."""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import json
import pickle

import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.metrics import ALL_OBJECTS, Dissimilarity, registry

ONES, ZEROS = np.ones((3, 4, 4, 1), "float32"), np.zeros((3, 4, 4, 1), "float32")


def change(heatmaps, others):
    """The mean change."""
    return tf.reduce_mean(tf.abs(heatmaps - others), axis=(1, 2, 3))


def numpy_change(heatmaps, others):
    return np.abs(heatmaps - others).mean(axis=(1, 2, 3))


def test_the_decorator_bare_and_with_arguments():
    bare = kax.metrics.register(change)
    assert (bare.name, bare.upper, bare.numpy) == ("change", None, False)
    other = kax.metrics.register(name="other_change", upper=1, numpy=True)(numpy_change)
    assert (other.name, other.upper, other.numpy) == ("other_change", 1.0, True)
    assert kax.metrics.get("change") is bare
    assert kax.metrics.get("other_change") is other
    for metric in (bare, other):
        np.testing.assert_allclose(metric(ONES, 0.75 * ONES), [0.25] * 3)
    assert kax.metrics.declared()[-2:] == (bare, other)
    assert kax.metrics.ALL_OBJECTS == ALL_OBJECTS  # ours alone


def test_it_looks_like_the_function():
    metric = Dissimilarity(change)
    assert metric.__doc__ == "The mean change."
    assert metric.__name__ == "change"
    assert metric.__module__ == __name__
    assert list(inspect.signature(metric).parameters) == ["heatmaps", "others"]
    assert repr(metric) == "<Dissimilarity 'change'>"


@pytest.mark.parametrize("metric", ALL_OBJECTS, ids=lambda metric: metric.name)
def test_ours_are_found_saved_and_copied_by_name(metric):
    name = metric.name
    for form in (name, name.upper(), name.replace("_", "-"), name.replace("_", ""), metric, metric.function):
        assert kax.metrics.get(form) is metric
    assert kax.metrics.serialize(metric) == name
    assert kax.metrics.deserialize(json.loads(json.dumps(name))) is metric
    for other in (copy.copy(metric), copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        assert other is metric
    assert getattr(kax.metrics, name) is metric


def test_a_plain_function_works_wherever_a_name_does():
    metric = kax.metrics.get(change)
    assert metric.name == "change"
    assert metric == kax.metrics.get(change) == copy.deepcopy(metric) == pickle.loads(pickle.dumps(metric))
    assert hash(metric) == hash(kax.metrics.get(change))
    with pytest.raises(ValueError, match=r"'change' cannot be saved by its name.*Decorate"):
        kax.metrics.serialize(metric)
    declared = kax.metrics.register(change, name="change_by_another_name")
    assert kax.metrics.get(change) is declared


def test_equality():
    metric = Dissimilarity(change)
    others = [
        Dissimilarity(change, name="b"),
        Dissimilarity(change, upper=1),
        Dissimilarity(change, numpy=True),
        Dissimilarity(numpy_change, name="change"),
    ]
    assert metric == Dissimilarity(change)
    assert all(metric != other for other in [*others, "change", change])


@pytest.mark.parametrize("function", [lambda a, b: a, functools.partial(change, others=None)])
def test_what_has_no_name_is_refused_and_told_how_to_get_one(function):
    with pytest.raises(ValueError, match=r'keras_advxai\.metrics\.register\(name="my_metric"\)\(function\)'):
        kax.metrics.get(function)
    assert kax.metrics.register(name="named")(function).name == "named"


@pytest.mark.parametrize("name", ["", "top k", "a/b", "3d", 3])
def test_names_that_are_refused(name):
    with pytest.raises(ValueError, match="Argument `name` must be letters, digits and underscores"):
        kax.metrics.register(name=name)(change)


@pytest.mark.parametrize("upper", [0, -1, np.nan, np.inf])
def test_largest_values_that_are_refused(upper):
    with pytest.raises(ValueError, match="Argument `upper` must be a positive number or None"):
        kax.metrics.register(upper=upper)(change)


def test_unknown_names():
    with pytest.raises(ValueError, match=r"'rank_distanse'. Did you mean 'rank_distance'.*Known: center_shift, cos"):
        kax.metrics.get("rank_distanse")
    with pytest.raises(ValueError, match="Unknown dissimilarity 'mod'"):
        kax.metrics.deserialize("mod")


@pytest.mark.parametrize("identifier", [None, 3, ["nissim"], {}, kax.metrics.MOD, Dissimilarity])
def test_what_means_nothing(identifier):
    with pytest.raises(TypeError, match="Argument `identifier` must be the name of a known dissimilarity"):
        kax.metrics.get(identifier)
    with pytest.raises(TypeError, match="`name` must be what `serialize` made"):
        kax.metrics.deserialize(identifier)


@pytest.mark.parametrize("function", [3, None, float, kax.metrics.nissim])
def test_what_cannot_be_declared(function):
    with pytest.raises(TypeError, match="Argument `function` must be a function"):
        kax.metrics.register(name="declared")(function)


def test_two_functions_of_one_name_are_refused():
    def nissim(heatmaps, others):
        return change(heatmaps, others)

    for declare in (kax.metrics.register, kax.metrics.get, kax.metrics.register(name="NISSIM")):
        with pytest.raises(ValueError, match=r"Another function is the dissimilarity 'nissim' already.*my_"):
            declare(nissim)
    first = kax.metrics.register(change)
    assert kax.metrics.register(change) == first
    with pytest.raises(ValueError, match="Another function"):
        kax.metrics.register(name="change")(numpy_change)


def test_a_definition_that_is_run_again_takes_the_place_of_the_older_one():
    source = "@register(name='again')\ndef again(a, b):\n    return a[:, 0, 0, 0] * {}\n"
    scope = {"register": kax.metrics.register, "__name__": "notebook"}
    for factor in (1, 2):
        exec(source.format(factor), scope)
    np.testing.assert_array_equal(kax.metrics.get("again")(ONES, ZEROS), [2, 2, 2])


def test_a_pickle_imports_what_declares(tmp_path, monkeypatch):
    (tmp_path / "module_with_a_metric.py").write_text(
        "import keras_advxai as kax\n@kax.metrics.register\ndef first_pixel(a, b):\n    return abs(a - b)[:, 0, 0, 0]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("module_with_a_metric")

    saved = pickle.dumps(kax.metrics.get("first_pixel"))
    del registry._KNOWN["firstpixel"]
    monkeypatch.delitem(__import__("sys").modules, "module_with_a_metric")
    assert pickle.loads(saved).name == "first_pixel"


def test_what_is_no_function_is_named():
    with pytest.raises(TypeError, match="positional"):
        Dissimilarity(change, "a name")


def test_immutable():
    for name in ("name", "upper", "anything"):
        with pytest.raises(AttributeError, match="'nissim'> is immutable"):
            setattr(kax.metrics.nissim, name, 1)
    with pytest.raises(AttributeError, match="immutable"):
        del kax.metrics.nissim.name


@pytest.mark.parametrize("metric", [Dissimilarity(change), Dissimilarity(numpy_change, numpy=True)], ids=repr)
def test_arrays_and_tensors(metric):
    found = metric(ONES, ZEROS)
    assert isinstance(found, np.ndarray)
    assert found.dtype == "float64"
    assert tf.is_tensor(metric(tf.constant(ONES), ZEROS))
    assert metric(ONES, tf.constant(ZEROS)).dtype == tf.float64
    for convert in (lambda maps: maps.astype("float16"), lambda maps: maps.astype("uint8"), lambda maps: maps[..., 0]):
        np.testing.assert_array_equal(metric(convert(ONES), convert(ZEROS)), [1, 1, 1])
    np.testing.assert_array_equal(metric(tf.constant(ONES, tf.bfloat16), tf.constant(ZEROS, tf.bfloat16)), [1, 1, 1])
    assert metric(ONES[:0], ZEROS[:0]).shape == (0,)
    compiled = tf.function(metric.__call__, input_signature=[tf.TensorSpec((None, None, None, 1), "float32")] * 2)
    assert compiled(ONES, ZEROS).shape == (3,)
    assert compiled.get_concrete_function().structured_outputs.shape.as_list() == [None]


@pytest.mark.parametrize(
    ("function", "received"),
    [
        (lambda a, b: a - b, r"the shape \((None|3), 4, 4, 1\)"),
        (lambda a, b: tf.reduce_mean(a - b), r"the shape \(\)"),
        (lambda a, b: tf.reduce_mean(a - b, axis=(0, 2, 3)), r"the shape \(4,\)"),
        (lambda a, b: change(a, b) > 0, "values of bool"),
        (lambda a, b: None, "None"),
    ],
)
def test_results_that_are_refused(function, received):
    metric = Dissimilarity(function, name="wrong")
    message = rf"The dissimilarity 'wrong' must return one number for each pair.*Received: {received}"
    with pytest.raises(ValueError, match=message):
        metric(ONES, ZEROS)
    signature = [tf.TensorSpec((None, 4, 4, 1), "float32")] * 2
    with pytest.raises(ValueError, match=message):
        tf.function(metric.__call__, input_signature=signature).get_concrete_function()


def test_results_of_numpy_functions_that_are_refused():
    metric = Dissimilarity(lambda a, b: a - b, name="wrong", numpy=True)
    with pytest.raises(ValueError, match=r"'wrong' must return .*the shape \(3, 4, 4, 1\) for 3 pairs"):
        metric(ONES, ZEROS)
    with pytest.raises(tf.errors.InvalidArgumentError, match="'wrong' must return"):
        tf.function(lambda a, b: metric(a, b), autograph=False)(ONES, ZEROS)
    words = Dissimilarity(lambda a, b: ["much"] * len(a), name="words", numpy=True)
    with pytest.raises(ValueError, match="values of <U4"):
        words(ONES, ZEROS)


def test_a_numpy_function_that_does_not_say_so_works_on_arrays_and_is_told_what_to_do_in_a_graph():
    metric = Dissimilarity(lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).mean(axis=(1, 2, 3)), name="plain")
    np.testing.assert_array_equal(metric(ONES, ZEROS), [1, 1, 1])
    with pytest.raises(ValueError, match=r"'plain' computes with NumPy.*register\(numpy=True\)"):
        tf.function(lambda a, b: metric(a, b), autograph=False)(ONES, ZEROS)


def test_a_numpy_function_gets_copies():
    def overwriting(a, b):
        a[...] = b
        return a.mean(axis=(1, 2, 3))

    metric, maps = Dissimilarity(overwriting, numpy=True), ONES.copy()
    metric(maps, ZEROS)
    tensor = tf.constant(maps)
    tf.function(lambda a, b: metric(a, b), autograph=False)(tensor, ZEROS)
    np.testing.assert_array_equal(maps, 1)
    np.testing.assert_array_equal(tensor, 1)
