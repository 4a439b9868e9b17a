"""What images are called: the names of their files, or those that a user gives."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from typing import Any, Protocol, runtime_checkable

import numpy as np

from keras_advxai.models.inputs import describe
from keras_advxai.text import ending, is_line, one_line, shortened

LONGEST = 1024
"""Characters of a name; a path on Linux may have four times as many, and nobody's has."""


@runtime_checkable
class Named(Protocol):
    """A dataset by batches that says what its images are called, as `ImageFiles` does."""

    def named(self, index: int) -> tuple[Any, Sequence[str]]:
        """One batch, and the name of each of its images."""


def file_name(path: str) -> str:
    r"""The path of a file as a name: one line of text, whatever bytes it is made of.

    Args:
        path: The path within a folder.

    Example:

    >>> from keras_advxai.data.names import file_name
    >>> file_name("cats/first.png"), file_name("a\nb.png")
    ('cats/first.png', 'a\\nb.png')
    """
    return ending(one_line(path), LONGEST)  # which says more than the beginning, which others share


def check_names(names: Any, images: int | None = None, where: str = "Argument `names`") -> np.ndarray:
    """The names of images as an array of strings, `(images,)`, after each was looked at.

    Args:
        names: A sequence of strings or paths.
        images: How many images there are. Defaults to `None`, where the images are looked at later.
        where: What they are called in messages. Defaults to the argument.

    Raises:
        TypeError: They are something else.
        ValueError: There are more or fewer than images, or one cannot be shown and written.
    """
    try:
        ordered = not isinstance(names, (str, bytes, Mapping, Set)) and len(names) >= 0  # a generator may never end
        listed = [_text(name) for name in names] if ordered else None
    except Exception:  # numbers, generators that fail, symbolic tensors: each has an error of its own
        listed = None
    if listed is None or not all(isinstance(name, str) for name in listed):
        raise TypeError(
            f"{where} must be a sequence of strings, one for each image. Received: names of type {type(names).__name__}"
        )
    if images is not None and len(listed) != images:
        raise ValueError(f"{where} must have one name for each of the {images} images. Received: {len(listed)} names")
    for index, name in enumerate(listed):
        if not name.strip() or len(name) > LONGEST or not is_line(name):
            raise ValueError(
                f"{where} must be lines of text of up to {LONGEST} characters, without control characters. "
                f"Received: {shortened(name)} at the index {index}"
            )
    return np.array(listed, "str")


def given_names(names: Any, data: Any, images: int | None) -> np.ndarray:
    """Names that a user gives beside the data; see `check_names`.

    Args:
        names: A sequence of strings or paths.
        data: The data.
        images: How many images they have as arrays; `None` if they are a dataset.

    Raises:
        TypeError: The names are something else.
        ValueError: They do not fit, or the data are a dataset.
    """
    if images is None:
        raise ValueError(
            "Argument `names` needs the images as arrays, because a dataset may change their order. Pass arrays; or "
            "files by kax.data.load, which knows their names; or a keras.utils.PyDataset with a method `named(index)` "
            f"that returns a batch and its names. Received: names with {describe(data)}"
        )
    return check_names(names, images)


def _text(name: Any) -> Any:
    return os.fspath(name) if isinstance(name, os.PathLike) else name
