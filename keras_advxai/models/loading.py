"""From a name or a file to a classifier."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pathlib
import sys
import zipfile
from collections.abc import Callable
from typing import Any, NoReturn

import h5py
import keras

from keras_advxai._choice import nearest
from keras_advxai.models.classifier import ImageClassifier
from keras_advxai.models.inputs import check_flag
from keras_advxai.models.older_files import from_architecture, readable, version_of
from keras_advxai.models.origins import note_source
from keras_advxai.models.saved_model import reason, saved_model
from keras_advxai.text import one_line

_WAYS = (
    "the name of a model of keras.applications, such as 'MobileNetV2'; a file of Keras, .keras or the older .h5; the "
    "folder of a SavedModel; or 'module:function', for a function that returns a model"
)
_MAGIC = (
    (b"\x89HDF\r\n\x1a\n", 0, "HDF5"),
    (b"PK\x03\x04", 0, "zip"),
    (b"TFL3", 4, "a TensorFlow Lite model, which has no gradients. Pass the Keras model that it was made of"),
    (b"\x80\x02", 0, "a pickle, which is not opened. Save the model by model.save('model.keras')"),
    (b"\x80\x04", 0, "a pickle, which is not opened. Save the model by model.save('model.keras')"),
    (b"{", 0, "json"),
)
_ENDINGS = {
    ".onnx": "a model of ONNX, which Keras cannot read. Pass the Keras model that it was made of",
    ".pb": "a graph of TensorFlow. Of a SavedModel, pass the folder that it lies in",
}
_FOLDER = f"a folder without a saved_model.pb. Pass {_WAYS}"


def load_model(
    source: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = "imagenet",
    unsafe: bool = False,
    **settings: Any,
) -> ImageClassifier:
    """A classifier from the name of a model, a file or a function.

    | source | what is loaded |
    |---|---|
    | `"MobileNetV2"` and the 39 others of `keras.applications` | with its preprocessing and the bounds (0, 255) |
    | `"model.keras"` | what Keras 3 or tf.keras 2 saved, in safe mode: a file that holds code is refused |
    | `"model.h5"`, `"model.hdf5"` | the same; without its optimizer, which other versions cannot read |
    | `"model.json"` | what `model.to_json()` returned, with `weights="weights.h5"` |
    | a folder with a `saved_model.pb` | its serving function, by `keras.layers.TFSMLayer`; see below |
    | `"module:function"` | what the function of an importable module returns: a `keras.Model` or an `ImageClassifier` |

    What a file is, its content says, whatever its name. Models of Keras 2 predict what they did there: what Keras 3
    reads otherwise or not at all is rewritten in a copy.

    A SavedModel can be attacked, and explained by Integrated Gradients and the other explainers that look at the image.
    It has no layers, so class activation maps have nothing to look at: `explainers="integrated_gradients"`.

    Args:
        source: The name, the path or the function.
        weights: Of a name: `"imagenet"`, which Keras downloads and keeps; a path of weights that fit; or `None`, at
            random. Of a file or function: the path of weights to load into it, which a JSON file needs. Defaults to
            `"imagenet"`: those that a file or function has.
        unsafe: Whether code in a file may be run, which whoever made the file has chosen: a `Lambda` layer of a Keras
            file, any operation of a SavedModel. Defaults to `False`.
        **settings: Those of `ImageClassifier`, such as `bounds` and `preprocess`, which a file does not know.

    Returns:
        The classifier, which `evaluate`, attacks and explainers take.

    Raises:
        FileNotFoundError: There is no such name, file or module.
        ValueError: A file is no model, cannot be read, or holds code; the message says what it is.

    Example:

    >>> import keras_advxai as kax
    >>> classifier = kax.load_model("MobileNetV2", weights=None)
    >>> classifier.model.input_shape, classifier.bounds, classifier.preprocess
    ((None, 224, 224, 3), (0.0, 255.0), 'mobilenet_v2')
    """
    check_flag("unsafe", unsafe)
    text = os.fspath(source)
    found = _loaded(text, weights, unsafe, settings)
    note_source(found.model, _described(text, weights))
    return found


def _described(text: str, weights: str | os.PathLike[str] | None) -> str:
    """A source in one line, by the names of files alone: their folders differ from one machine to the next."""
    path = pathlib.Path(text).expanduser()
    name = text if text in _applications() or not path.exists() else (path.name or text)
    if weights is None:
        return one_line(f"{name} with weights at random")
    return one_line(name if weights == "imagenet" else f"{name} with {pathlib.Path(os.fspath(weights)).name}")


def _loaded(
    text: str, weights: str | os.PathLike[str] | None, unsafe: bool, settings: dict[str, Any]
) -> ImageClassifier:
    builder = _applications().get(text)
    if builder is not None:
        module = builder.__module__.rpartition(".")[2]
        return ImageClassifier(_application(text, builder, weights), **{"preprocess": module, **settings})
    path = pathlib.Path(text).expanduser()
    if path.exists():
        found = ImageClassifier(_from_file(path, weights, unsafe), **settings)
        return found if path.is_file() and _kind(path) == "json" else _with_weights(found, text, weights)
    module, colon, function = text.partition(":")
    if colon and function.isidentifier():
        return _with_weights(_from_function(module, function, settings), text, weights)
    raise FileNotFoundError(f"There is no model {text!r}.{nearest(text, _applications())} Pass {_WAYS}.")


def _applications() -> dict[str, Callable[..., keras.Model]]:
    return {name: item for name, item in vars(keras.applications).items() if name[0].isupper() and callable(item)}


def _application(name: str, builder: Callable[..., keras.Model], weights: str | os.PathLike[str] | None) -> keras.Model:
    given = weights if weights in ("imagenet", None) else None
    try:
        model = builder(weights=given)
    except Exception as error:  # of Keras' download: whatever the network says
        raise ValueError(
            f"The ImageNet weights of {name} could not be downloaded: {reason(error)}. Pass weights=... with "
            "the path of a file of weights, or None for weights at random."
        ) from error
    if given == weights:
        return model
    _load_weights(model, name, weights)
    return model


def _load_weights(model: keras.Model, name: str, weights: str | os.PathLike[str] | None) -> None:
    path = pathlib.Path(os.fspath(weights or "")).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"There is no file of weights {str(path)!r}. Or pass weights='imagenet' or None.")
    # A file of a model that was trained has the state of its optimizer, too, which does not fit one that begins.
    optimizer = getattr(model, "optimizer", None)
    try:
        model.optimizer = None
        model.load_weights(path)
    except Exception as error:  # Keras', h5py's and others, according to what does not fit
        raise ValueError(f"The weights in {str(path)!r} do not fit {name}: {reason(error)}") from error
    finally:
        model.optimizer = optimizer


def _with_weights(classifier: ImageClassifier, name: str, weights: str | os.PathLike[str] | None) -> ImageClassifier:
    """A classifier of a file or function, with other weights where some are given."""
    if weights is None:
        raise ValueError(f"weights=None is for names of keras.applications. Received: weights=None with {name!r}")
    if weights != "imagenet":
        _load_weights(classifier.model, name, weights)
    return classifier


def _from_function(module: str, function: str, settings: dict[str, Any]) -> ImageClassifier:
    here = os.getcwd()
    if here not in sys.path:  # as `python -m` has it, and a console script has not
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name is not None and not f"{module}.".startswith(f"{error.name}."):
            raise  # something that the module itself imports
        raise FileNotFoundError(f"There is no module {module!r} that can be imported from here.") from error
    except AttributeError as error:
        raise FileNotFoundError(f"The module {module!r} has no {function!r}.") from error
    model = found() if callable(found) and not isinstance(found, keras.Model) else found
    if isinstance(model, ImageClassifier):
        return model
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"{module}:{function} must return a keras.Model or an ImageClassifier. Received: {type(model).__name__}"
        )
    return ImageClassifier(model, **settings)


def _from_file(path: pathlib.Path, weights: str | os.PathLike[str] | None, unsafe: bool) -> keras.Model:
    if path.is_dir():
        return saved_model(path, unsafe) if (path / "saved_model.pb").exists() else _no_model(path, _FOLDER)
    what = _kind(path)
    if what == "json":
        opened = from_architecture(path, _weights_of(path, weights))
    elif what in ("keras", "h5"):
        opened = readable(path, what)
    else:
        return _no_model(path, what)
    try:
        with opened as file:
            model: keras.Model = keras.models.load_model(file, compile=False, safe_mode=not unsafe)
    except Exception as error:  # Keras' own are of many kinds, according to what it does not know
        if not unsafe and "safe_mode" in str(error):
            raise ValueError(
                f"{str(path)!r} holds code, such as a Lambda layer, which would be run. Pass unsafe=True if you trust "
                "whoever made it."
            ) from error
        raise ValueError(
            f"{str(path)!r} is a model that this Keras cannot read: {reason(error)}.{_advice(path, what)}"
        ) from error
    return model


def _no_model(path: pathlib.Path, what: str) -> NoReturn:
    raise ValueError(f"{str(path)!r} is {what}.")


def _weights_of(path: pathlib.Path, weights: str | os.PathLike[str] | None) -> pathlib.Path:
    found = None if weights in ("imagenet", None) else pathlib.Path(os.fspath(weights or "")).expanduser()
    if found is None or not h5py.is_hdf5(found):
        said = "" if found is None else f" Received: {str(found)!r}, which is no HDF5 file"
        raise ValueError(
            f"{str(path)!r} is the architecture of a model. Pass weights=... with the file of its weights.{said}"
        )
    return found


def _advice(path: pathlib.Path, what: str) -> str:
    """What to do about a file of Keras 1 or 2 whose layers Keras 3 has not."""
    version = ""
    with contextlib.suppress(Exception):  # of a file that is damaged, which has been said
        version = "" if what == "json" else version_of(path, what)
    if not version.startswith(("1.", "2.")):
        return ""
    return (
        f" Keras {version} wrote it. Load it there, or by the package tf-keras, and save it by model.export('folder') "
        "or model.save('folder', save_format='tf'): the folder is a SavedModel, which can be attacked."
    )


def _kind(path: pathlib.Path) -> str:
    """`"keras"`, `"h5"`, or what else a file is, as a sentence goes on with it."""
    with path.open("rb") as file:
        begin = file.read(16)
    found = next((what for magic, place, what in _MAGIC if begin[place:].startswith(magic)), None)
    if found == "zip":
        return _kind_of_zip(path)
    if found == "json":
        return _kind_of_text(path)
    if found == "HDF5":
        with h5py.File(path) as file:
            if "model_config" in file.attrs:
                return "h5"
        return (
            "a file of weights without a model. Load them into their model: model.load_weights(path), or "
            "weights=... beside the name of one of keras.applications"
        )
    return found or _ENDINGS.get(path.suffix.lower()) or f"no model. Pass {_WAYS}"


def _kind_of_text(path: pathlib.Path) -> str:
    with contextlib.suppress(ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        if "class_name" in found and "config" in found:
            return "json"
    return "text, and no architecture of a model, as model.to_json() returns it"


def _kind_of_zip(path: pathlib.Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return "a damaged zip file"
    if "config.json" in names:
        return "keras"
    if any(name.endswith("data.pkl") for name in names):
        return "a model of PyTorch, which Keras cannot read"
    return "a zip file without a model in it: a .keras file has a config.json"
