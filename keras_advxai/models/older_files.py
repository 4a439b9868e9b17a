"""Files of Keras 2, and files under other names, as files that Keras 3 reads."""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from typing import Any

import h5py
import keras

from keras_advxai.models.older_config import current_config


def version_of(path: pathlib.Path, kind: str) -> str:
    """The version of Keras that wrote a file; `""` where the file does not say.

    Args:
        path: The file.
        kind: `"keras"` or `"h5"`.
    """
    if kind == "keras":
        with zipfile.ZipFile(path) as archive:
            found = json.loads(archive.read("metadata.json")) if "metadata.json" in archive.namelist() else {}
        return str(found.get("keras_version", ""))
    with h5py.File(path) as file:
        return _text(file.attrs.get("keras_version", file.get("model_weights", file).attrs.get("keras_version", "")))


@contextlib.contextmanager
def readable(path: pathlib.Path, kind: str) -> Iterator[pathlib.Path]:
    """A file that `keras.models.load_model` of Keras 3 reads: the file itself, or one for as long as that takes.

    Nothing in the file is run for that, and whatever safe mode refuses is as before.

    Args:
        path: The file.
        kind: `"keras"` or `"h5"`.
    """
    older = _is_older(version_of(path, kind))
    endings = (".keras",) if kind == "keras" else (".h5", ".hdf5")
    if not older and path.name.endswith(endings):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        other = pathlib.Path(folder, f"model{endings[0]}")
        if not older:
            shutil.copyfile(path, other)  # Keras goes by the ending
        elif kind == "keras":
            _rewritten_archive(path, other)
        else:
            with h5py.File(path) as file:
                config = json.loads(_text(file.attrs["model_config"]))
                _write_h5(other, config, file["model_weights"])
        yield other


@contextlib.contextmanager
def from_architecture(path: pathlib.Path, weights: pathlib.Path) -> Iterator[pathlib.Path]:
    """A file that Keras 3 reads, made of the JSON text of a model and the file with its weights.

    Args:
        path: What `model.to_json()` returned, in a file.
        weights: What `model.save_weights` wrote.
    """
    config = json.loads(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        with h5py.File(weights) as file:
            by_layer = "layer_names" in file.attrs or "layer_names0" in file.attrs
            if by_layer:
                _write_h5(pathlib.Path(folder, "model.h5"), config, file["/"])
        if not by_layer:
            older = _is_older(str(config.get("keras_version", keras.__version__)))
            whole = {"module": "keras", **config}  # Keras 2 left it out of a whole model
            _write_archive(pathlib.Path(folder, "model.keras"), current_config(whole) if older else config, weights)
        yield pathlib.Path(folder, "model.h5" if by_layer else "model.keras")


def _is_older(version: str) -> bool:
    return version.partition(".")[0] in ("1", "2")


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _write_h5(path: pathlib.Path, config: dict[str, Any], weights: h5py.Group) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(current_config(config))
        weights.copy(weights, file, "model_weights")


def _write_archive(path: pathlib.Path, config: dict[str, Any], weights: pathlib.Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": keras.__version__}))
        archive.write(weights, "model.weights.h5")


def _rewritten_archive(path: pathlib.Path, other: pathlib.Path) -> None:
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(other, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                content = json.dumps(current_config(json.loads(content))).encode()
            copy.writestr(name, content)
