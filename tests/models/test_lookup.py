"""Layers as a table, and found by name, path or the layer itself."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.explainers import GradCAM

layers = keras.layers
SHAPE = (12, 12, 2)
IMAGES = helpers.random_images(2, SHAPE)


def branch(name: str, seed: int) -> keras.Model:
    inputs = keras.Input(SHAPE)
    initializer = keras.initializers.GlorotUniform(seed=seed)
    conv = layers.Conv2D(3, 3, name="conv", activation="relu", kernel_initializer=initializer)
    return keras.Model(inputs, conv(inputs), name=name)


@pytest.fixture(scope="module")
def twins() -> keras.Model:
    """Two nested models with a layer of the same name each."""
    inputs = keras.Input(SHAPE)
    both = layers.Concatenate(name="both")([branch("left", 1)(inputs), branch("right", 2)(inputs)])
    outputs = layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=3), name="head")(
        layers.GlobalAveragePooling2D()(layers.Dropout(0.5, name="dropout")(both))
    )
    return keras.Model(inputs, outputs, name="twins")


def test_the_table_lists_name_kind_shape_and_the_default(twins):
    table = kax.list_layers(twins)
    assert [(info.name, info.kind, info.shape, info.convolutional, info.same_as) for info in table] == [
        ("left/conv", "Conv2D", (10, 10, 3), True, None),
        ("left", "Functional", (10, 10, 3), False, "left/conv"),
        ("right/conv", "Conv2D", (10, 10, 3), True, None),
        ("right", "Functional", (10, 10, 3), False, "right/conv"),
        ("both", "Concatenate", (10, 10, 6), False, None),
        ("dropout", "Dropout", (10, 10, 6), False, "both"),
    ]
    assert [info.name for info in table if info.default] == ["both"] == [table.default.name]
    assert [info.name for info in table.of_kind("conv")] == ["left/conv", "right/conv"]
    assert [info.name for info in table.of_kind("all")] == ["left/conv", "right/conv", "both"]


def test_the_table_prints_one_line_for_each(twins):
    lines = str(kax.list_layers(twins)).splitlines()
    assert lines[0].split() == ["layer", "|", "kind", "|", "output", "|"]
    assert len(lines) == 2 + 6
    assert lines[2].split() == ["left/conv", "|", "Conv2D", "|", "10x10x3", "|"]
    assert lines[3].endswith("| same as left/conv")
    assert lines[6].endswith("| default")
    assert len({len(line.rsplit("|", 1)[0]) for line in lines[2:]}) == 1
    assert all(line.isascii() for line in lines)


def test_the_size_may_be_given_where_it_is_open():
    model = keras.Sequential(
        [keras.Input((None, None, 1)), layers.Conv2D(2, 3, name="conv"), layers.GlobalMaxPooling2D(), layers.Dense(2)]
    )
    assert kax.list_layers(model, (9, 8, 1))[0].shape == (7, 6, 2)


def test_the_layer_itself_may_be_passed_where_its_name_is_not_enough(twins):
    x = helpers.random_images(3, SHAPE)
    with pytest.raises(ValueError, match=r"2 layers named 'conv'. Pass one of the paths left/conv, right/conv"):
        GradCAM(layer="conv")(twins, x)
    found = {}
    for name in ("left", "right"):
        conv = twins.get_layer(name).get_layer("conv")
        found[name] = GradCAM(layer=conv, relu=False)(twins, x)
        np.testing.assert_array_equal(found[name], GradCAM(layer=f"{name}/conv", relu=False)(twins, x))
    assert not np.allclose(found["left"], found["right"], atol=1e-2)


def test_the_layer_of_another_model_is_refused(twins):
    x = helpers.random_images(1, SHAPE)
    with pytest.raises(
        ValueError, match=r"'elsewhere' that was passed does not belong to the model 'twins'.*Pass its name"
    ):
        GradCAM(layer=layers.Conv2D(2, 3, name="elsewhere"))(twins, x)
    with pytest.raises(ValueError, match="The layer 'conv' that was passed does not belong to the model 'twins'"):
        GradCAM(layer=branch("third", 0).get_layer("conv"))(twins, x)


def test_an_explainer_of_a_layer_keeps_no_model_alive():
    model = branch("model", 0)
    explainer = GradCAM(layer=model.get_layer("conv"))
    alive = weakref.ref(model.get_layer("conv"))
    del model
    gc.collect()
    assert alive() is None
    assert explainer.name == "grad_cam_conv"
    with pytest.raises(ValueError, match="'conv' that was passed does not belong to the model 'model'"):
        explainer(keras.Sequential([branch("other", 1), layers.Flatten(), layers.Dense(2)], name="model"), IMAGES)


def test_references_to_layers_are_equal_if_they_mean_the_same_layer(twins):
    left, right = (twins.get_layer(name).get_layer("conv") for name in ("left", "right"))
    assert GradCAM(layer=left) == GradCAM(layer=left)
    assert hash(GradCAM(layer=left)) == hash(GradCAM(layer=left))
    assert GradCAM(layer=left) != GradCAM(layer=right)
    assert GradCAM(layer=left) != GradCAM(layer="conv")
    assert copy.deepcopy(GradCAM(layer=left)) == GradCAM(layer=left)
    assert pickle.loads(pickle.dumps(GradCAM(layer=left))) == GradCAM(layer="conv")
    config = kax.explainers.serialize(GradCAM(layer=left))
    assert config["config"]["layer"] is not None
    assert GradCAM(layer=left).name == "grad_cam_conv"


def test_what_is_no_layer_is_refused():
    with pytest.raises(TypeError, match=r"must be the name or path of a layer, or the layer. Received: layer=3"):
        GradCAM(layer=3)
    with pytest.raises(ValueError, match="`reshape_transform` has no effect without a layer"):
        GradCAM(reshape_transform="tokens")
    with pytest.raises(TypeError, match=r"must be 'tokens' or a function .* Received: reshape_transform='token'"):
        GradCAM(layer="norm", reshape_transform="token")


def test_a_layer_called_twice_has_a_name_for_each_call():
    inputs = keras.Input(SHAPE)
    conv = layers.Conv2D(2, 3, padding="same", activation="relu", name="conv")
    x = conv(conv(conv(inputs)))
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    assert [info.name for info in kax.list_layers(model)] == ["conv:1", "conv:2", "conv"]
    assert kax.list_layers(model).default.name == "conv"
    images = helpers.random_images(2, SHAPE)
    maps = {info.name: GradCAM(layer=info.name, relu=False)(model, images) for info in kax.list_layers(model)}
    np.testing.assert_array_equal(GradCAM(layer=conv, relu=False)(model, images), maps["conv"])
    assert not np.allclose(maps["conv:1"], maps["conv:2"], atol=1e-2)
    assert not np.allclose(maps["conv:2"], maps["conv"], atol=1e-2)


def test_tables_are_text_in_a_notebook_too_and_names_are_no_markup(monkeypatch, capsys):
    from keras_advxai.models.layer_table import LayerInfo, LayerTable
    from keras_advxai.tables import Column, Table, to_text

    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    lines = str(LayerTable([LayerInfo("[conv]", "Conv2D", (8, 8, 3), True, default=True)])).splitlines()
    assert lines[-1] == " [conv] | Conv2D |  8x8x3 | default"
    table = Table([Column("attack"), Column("mod")])
    table.add("[pgd]", 0.1)
    assert "[pgd]" in to_text([table])
    assert capsys.readouterr().out == ""


def test_two_calls_of_one_layer_side_by_side_are_told():
    inputs = keras.Input(SHAPE)
    conv = layers.Conv2D(2, 3, padding="same", activation="relu", name="conv")
    dense, pool = layers.Dense(2), layers.GlobalMaxPooling2D()
    heads = [dense(pool(conv(images))) for images in (inputs, layers.Lambda(lambda x: keras.ops.flip(x, 2))(inputs))]
    model = keras.Model(inputs, layers.Average()(heads))
    with pytest.warns(UserWarning, match=r"several feature maps that no layer merges: conv:1, conv\."):
        heatmaps = GradCAM()(model, helpers.random_images(2, SHAPE))
    np.testing.assert_array_equal(heatmaps, GradCAM(layer="conv")(model, helpers.random_images(2, SHAPE)))
