"""Files of Keras 2, built by hand as it wrote them: they are read, and predict what they did."""

from __future__ import annotations

import base64
import json
import marshal
import shutil
import zipfile

import h5py
import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import keras_advxai as kax

SHAPE = (12, 12, 3)
X = helpers.random_images(3, SHAPE)
layers = keras.layers


def conv(name, filters=4, **config):
    """A convolution as Keras 2 wrote it."""
    glorot = {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "dtype": "float32"}}
    given = {"filters": filters, "kernel_size": [3, 3], "padding": "valid", "strides": [1, 1], "trainable": True}
    return {"class_name": "Conv2D", "config": {"name": name, "kernel_initializer": glorot, **given, **config}}


def older(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, "trainable": True, "dtype": "float32", **config}}


def called(layer, *inputs):
    """A layer of a functional model with the references to its inputs."""
    return {**layer, "name": layer["config"]["name"], "inbound_nodes": [[[*item, {}] for item in inputs]]}


def functional(name, parts, end):
    image = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, *SHAPE], "name": "image"}}
    parts = [{**image, "name": "image", "inbound_nodes": []}, *parts]
    config = {"name": name, "layers": parts, "input_layers": [["image", 0, 0]], "output_layers": [[end, 0, 0]]}
    return {"class_name": "Model", "config": config}


HEAD = [older("Flatten", "flatten"), older("Dense", "dense", units=2, activation="softmax")]
SEQUENTIAL = [conv("conv", batch_input_shape=[None, *SHAPE]), older("MaxPooling2D", "pool", pool_size=[2, 2]), *HEAD]


def function(name, called_function, kind="TFOpLambda", **arguments):
    """A function of TensorFlow, which `preprocess_input` and `+` of tf.keras made layers of."""
    first, *others = arguments.pop("of")
    arguments = {**arguments, "y": [others[0], 0, 0]} if others else arguments
    nodes = [[first, 0, 0, {**arguments, "name": None}]]
    return {**older(kind, name, function=called_function), "name": name, "inbound_nodes": nodes}


@pytest.fixture(scope="module")
def twin():
    """What Keras 3 has for the models of these files."""
    stack = [layers.Conv2D(4, 3, name="conv"), layers.MaxPooling2D(name="pool"), layers.Flatten(), layers.Dense(2)]
    return keras.Sequential([keras.Input(SHAPE), *stack, layers.Softmax()])


def write(path, model, config, version="2.2.1"):
    """The weights of a model of Keras 3 beside a configuration of Keras 2."""
    model.save(path.with_suffix(".h5"))
    if path.suffix != ".h5":
        shutil.move(path.with_suffix(".h5"), path)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = version
    return path


@pytest.mark.parametrize("name", ["model.h5", "november_model"])
def test_a_sequential_model_that_is_a_list_whatever_its_name(name, twin, tmp_path):
    path = write(tmp_path / name, twin, {"class_name": "Sequential", "config": SEQUENTIAL}, "2.0.6")
    found = kax.load_model(path)
    np.testing.assert_array_equal(found.model(X), twin(X))
    assert kax.list_layers(found).default.name == "conv"
    with h5py.File(path) as file:  # and the file is as it was
        assert json.loads(file.attrs["model_config"])["config"] == SEQUENTIAL


def test_functions_nested_models_and_arguments_that_are_gone(tmp_path):
    inner = functional("inner", [called(conv("conv", groups=1), ("image", 0, 0))], "conv")
    inner["config"]["layers"] += [
        called(older("BatchNormalization", "norm", axis=[3], fused=True, renorm=False), ("conv", 0, 0)),
        called(older("DepthwiseConv2D", "depth", kernel_size=[3, 3], groups=1), ("norm", 0, 0)),
        called(older("LeakyReLU", "leaky", alpha=0.2), ("depth", 0, 0)),
        called(older("SpatialDropout2D", "drop", rate=0.5, noise_shape=None), ("leaky", 0, 0)),
    ]
    inner["config"]["output_layers"] = [["drop", 0, 0]]
    slices = [{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}]
    outer = functional(
        "outer",
        [
            function("swap", "__operators__.getitem", "SlicingOpLambda", of=["image"], slice_spec=slices),
            function("minus", "math.subtract", of=["swap"], y=0.5),
            called({**inner, "config": {**inner["config"]}}, ("minus", 0, 0)),
            # The first call is the second for Keras 2: the model itself was one.
            called(older("Activation", "active", activation="relu"), ("inner", 1, 0)),
            function("sum", "__operators__.add", of=["active", "active"]),
            called(HEAD[0], ("sum", 0, 0)),
            called(HEAD[1], ("flatten", 0, 0)),
        ],
        "dense",
    )
    image = keras.Input(SHAPE)
    h = image = keras.Input(SHAPE)
    for layer in (layers.Conv2D(4, 3), layers.BatchNormalization(), layers.DepthwiseConv2D(3), layers.LeakyReLU(0.2)):
        h = layer(h)
    backbone = keras.Model(image, h)
    image = keras.Input(SHAPE)
    h = layers.Flatten()(2 * layers.ReLU()(backbone(image[..., ::-1] - 0.5)))
    model = keras.Model(image, layers.Dense(2, activation="softmax")(h))
    found = kax.load_model(write(tmp_path / "model.h5", model, outer))
    np.testing.assert_allclose(found.model(X), model(X), atol=1e-6)
    found.model.save(tmp_path / "again.keras")  # what was rewritten is saved and read as anything else
    np.testing.assert_array_equal(kax.load_model(tmp_path / "again.keras").model(X), found.model(X))


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_hard_sigmoid_is_that_of_keras_2(ending, tmp_path):
    model = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(2, 3, name="conv"), layers.GlobalAveragePooling2D()])
    config = [conv("conv", 2, batch_input_shape=[None, *SHAPE], activation="hard_sigmoid")]
    config = {"name": "model", "layers": [*config, older("GlobalAveragePooling2D", "mean")]}
    if ending == "h5":
        write(tmp_path / "model.h5", model, {"class_name": "Sequential", "config": config})
    else:
        model.save(tmp_path / "new.keras")
        archived(tmp_path, {"module": "keras", "class_name": "Sequential", "config": config})
    expected = np.clip(0.2 * model.get_layer("conv")(X) + 0.5, 0, 1).mean((1, 2))
    assert np.abs(keras.ops.hard_sigmoid(model.get_layer("conv")(X)).numpy().mean((1, 2)) - expected).max() > 1e-3
    np.testing.assert_allclose(kax.load_model(tmp_path / f"model.{ending}").model(X), expected, atol=1e-6)


def archived(folder, config):
    """The archive `new.keras` with another configuration, as tf.keras 2.15 wrote it."""
    for layer in config["config"]["layers"]:
        layer["module"] = "keras.layers"
    with zipfile.ZipFile(folder / "new.keras") as new, zipfile.ZipFile(folder / "model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("model.weights.h5", new.read("model.weights.h5"))


def test_an_archive_under_another_name(twin, tmp_path):
    twin.save(tmp_path / "model.keras")
    shutil.move(tmp_path / "model.keras", tmp_path / "model.zip")
    np.testing.assert_array_equal(kax.load_model(tmp_path / "model.zip").model(X), twin(X))


@pytest.mark.parametrize("kind", ["layers", "weights"])
def test_an_architecture_beside_its_weights(kind, twin, tmp_path):
    text = tmp_path / "model.json"
    if kind == "layers":  # as save_weights of Keras 2 wrote them
        text.write_text(json.dumps({"class_name": "Sequential", "config": SEQUENTIAL, "keras_version": "2.0.6"}))
        twin.save(tmp_path / "whole.h5")
        with h5py.File(tmp_path / "whole.h5") as whole, h5py.File(tmp_path / "own.weights.h5", "w") as file:
            file.attrs["layer_names"] = whole["model_weights"].attrs["layer_names"]
            for name in whole["model_weights"]:
                whole.copy(f"model_weights/{name}", file, name)
    else:
        text.write_text(twin.to_json())
        twin.save_weights(tmp_path / "own.weights.h5")
    np.testing.assert_array_equal(kax.load_model(text, weights=tmp_path / "own.weights.h5").model(X), twin(X))
    with pytest.raises(ValueError, match=r"model\.json' is the architecture of a model. Pass weights=\.\.\. with the"):
        kax.load_model(text)
    with pytest.raises(ValueError, match=r"Received: '.*model\.json', which is no HDF5 file"):
        kax.load_model(text, weights=text)


@pytest.mark.parametrize("ending", ["h5", "keras", "json"])
def test_code_in_an_older_file_runs_only_if_that_is_said(ending, twin, tmp_path):
    code = base64.b64encode(marshal.dumps((lambda x: 1 - x).__code__)).decode()
    parts = {"function": [code, None, None], "function_type": "lambda", "module": "__main__", "output_shape": None}
    image = older("InputLayer", "image", batch_input_shape=[None, *SHAPE])
    stack = [image, older("Lambda", "lambda", **parts, arguments={}), *SEQUENTIAL]
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": stack}}
    given, weights = tmp_path / f"model.{ending}", {}
    if ending == "keras":
        twin.save(tmp_path / "new.keras")
        archived(tmp_path, {"module": "keras", **config})
    else:
        write(tmp_path / "model.h5", twin, config)
    if ending == "json":
        given.write_text(json.dumps({**config, "keras_version": "2.15.0"}))
        twin.save_weights(tmp_path / "own.weights.h5")
        weights = {"weights": tmp_path / "own.weights.h5"}
    with pytest.raises(ValueError, match=r"holds code, such as a Lambda layer.* Pass unsafe=True if you trust"):
        kax.load_model(given, **weights)
    np.testing.assert_allclose(kax.load_model(given, unsafe=True, **weights).model(X), twin(1 - X), atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (function("read", "io.read_file", of=["image"]), r"it calls tf\.io\.read_file, which is none of the functions"),
        (
            called(older("BatchNormalization", "norm", renorm=True), ("image", 0, 0)),
            r"it has a BatchNormalization with renorm=True, which Keras 3 has not\. Keras 2\.2\.1 wrote it. Load it",
        ),
        (called(older("Convolution3", "old"), ("image", 0, 0)), r"Convolution3.* Keras 2\.2\.1 wrote it"),
    ],
)
def test_what_keras_3_does_not_have_is_said(layer, message, twin, tmp_path):
    path = write(tmp_path / "model.h5", twin, functional("model", [layer], layer["name"]))
    with pytest.raises(ValueError, match=message):
        kax.load_model(path)


def test_a_saved_model_with_the_state_of_its_optimizer(tmp_path):
    module = tf.Module()
    module.kernel = tf.Variable(np.eye(2, dtype="float32"))
    module.moment = tf.Variable(np.eye(2, dtype="float32"))
    spec = tf.TensorSpec([None, 2], tf.float32)
    served = tf.function(lambda x: x @ module.kernel, input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path), signatures=served)
    graph = saved_model_pb2.SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    nodes = graph.meta_graphs[0].object_graph_def.nodes
    kernel, moment = (index for index, node in enumerate(nodes) if node.WhichOneof("kind") == "variable")
    slot = nodes[0].slot_variables.add()  # as an Adam of Keras 2 has for each variable
    slot.original_variable_node_id, slot.slot_name, slot.slot_variable_node_id = kernel, "m", moment
    (tmp_path / "saved_model.pb").write_bytes(graph.SerializeToString())
    with pytest.raises(AttributeError, match="add_slot"):
        keras.layers.TFSMLayer(tmp_path, call_endpoint="serving_default")
    x = np.array([[1.0, 2.0]], "float32")
    np.testing.assert_array_equal(kax.load_model(tmp_path, unsafe=True).model(x), x)
