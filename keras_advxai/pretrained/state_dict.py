"""Reads the weights in a PyTorch file, without PyTorch and without running anything that the file names."""

from __future__ import annotations

import collections
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001


class _Storage:
    """The numbers that tensors of the file refer to; they follow behind the pickle."""

    def __init__(self, dtype: np.dtype[Any], count: int) -> None:
        self.dtype = dtype
        self.count = count
        self.values: np.ndarray = np.empty(0, dtype)


def _tensor(storage: _Storage, offset: int, size: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Any:
    return storage, offset, size, strides


_KNOWN: dict[tuple[str, str], Callable[..., Any] | np.dtype[Any]] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}
"""All that a dictionary of tensors needs, and what stands for it here."""


class _Unpickler(pickle.Unpickler):
    """Reads a dictionary of tensors; every other name is refused before it is looked up."""

    def __init__(self, file: io.BytesIO, storages: dict[str, _Storage]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} does not belong into a dictionary of tensors")
        return _KNOWN[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, count, view = pid
        if kind != "storage" or view is not None or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(f"{pid!r} is not the storage of a tensor")
        return self._storages.setdefault(key, _Storage(dtype, count))


def read_state_dict(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of a state dict in the format that PyTorch wrote before its version 1.6.

    Args:
        content: The file.

    Returns:
        Name to array. The arrays are read-only.

    Raises:
        ValueError: It is no such file, or it holds anything but tensors.

    Example:

    >>> from keras_advxai.pretrained.state_dict import read_state_dict
    >>> import pickle
    >>> try:
    ...     read_state_dict(pickle.dumps(print))
    ... except ValueError as error:
    ...     print(error)
    The weights cannot be read: builtins.print does not belong into a dictionary of tensors
    """
    try:
        return _read(io.BytesIO(content))
    except Exception as error:  # pickle's, NumPy's and Python's own, according to what is wrong
        raise ValueError(f"The weights cannot be read: {error}") from error


def _read(file: io.BytesIO) -> dict[str, np.ndarray]:
    storages: dict[str, _Storage] = {}
    magic, version, _ = (_Unpickler(file, storages).load() for _ in range(3))
    if (magic, version) != (_MAGIC, _VERSION):
        raise ValueError("it is not in PyTorch's format of before 1.6")
    tensors = _Unpickler(file, storages).load()
    for key in _Unpickler(file, storages).load():
        _fill(storages[key], file)
    if file.read(1):
        raise ValueError("there is more in the file than the tensors")
    return {name: _array(name, *parts) for name, parts in tensors.items()}


def _fill(storage: _Storage, file: io.BytesIO) -> None:
    (count,) = np.frombuffer(file.read(8), "<i8")
    if count != storage.count:
        raise ValueError(f"a storage has {count} numbers, where {storage.count} are declared")
    storage.values = np.frombuffer(file.read(int(count) * storage.dtype.itemsize), storage.dtype)


def _array(name: str, storage: _Storage, offset: int, size: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
    # Some tensors are transposed views, as they were converted from TensorFlow.
    last = offset + sum((length - 1) * step for length, step in zip(size, strides, strict=True))
    if min((offset, *size, *strides), default=0) < 0 or last >= len(storage.values):
        raise ValueError(f"{name} reaches beyond its storage")
    in_bytes = [step * storage.dtype.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(storage.values[offset:], size, in_bytes, writeable=False)
