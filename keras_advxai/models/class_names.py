"""Whether there is a name for each class, and one that can be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any


def check_class_names(class_names: Sequence[str] | Mapping[int, str] | None, classes: int) -> None:
    """Raise unless there is a name for each class, or no names at all.

    Args:
        class_names: The names, in the order of the class indices or by them; or `None`.
        classes: How many classes the model has.

    Raises:
        ValueError: The number of names is another one.
        TypeError: They are not a sequence of strings.
    """
    if class_names is None:
        return
    try:  # of a generator nothing would be left for whoever writes the names, and a set has no order
        ordered = not isinstance(class_names, (str, bytes, Set)) and len(class_names) >= 0
        names: list[Any] = (
            list(class_names.values() if isinstance(class_names, Mapping) else class_names) if ordered else [None]
        )
    except Exception:  # numbers, arrays without dimensions, symbolic tensors: each has an error of its own
        names = [None]
    if not all(isinstance(name, str) for name in names):
        raise TypeError(
            "Argument `class_names` must be a sequence of strings, or a dictionary of them by class index. "
            f"Received: class_names={class_names!r}"
        )
    for name in names:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:  # half of a character, at which a file would fail, hours later
            raise ValueError(
                f"Argument `class_names` must be text that can be written. Received: a name with half of a character, "
                f"{name!r}"
            ) from None
    if isinstance(class_names, Mapping) and set(class_names) != set(range(classes)):
        raise ValueError(
            f"Argument `class_names` must name each of the {classes} classes of the model, from 0 to {classes - 1}. "
            f"Received: names of {list(class_names)[:5]}"
        )
    if len(class_names) != classes:
        raise ValueError(
            f"Argument `class_names` must name each of the {classes} classes of the model. "
            f"Received: {len(class_names)} names, {list(class_names)[:5]}"
        )


def class_names_of(data: Any, classes: int) -> tuple[str, ...] | None:
    """The names of the classes that data bring along, as `ImageFiles` and Keras' `image_dataset_from_directory` do.

    Args:
        data: The data.
        classes: How many classes the model has.

    Returns:
        The names; `None` where there are none, or not one for each class.
    """
    found = getattr(data, "class_names", None)
    if not isinstance(found, (list, tuple)) or len(found) != classes:
        return None
    return tuple(found) if all(isinstance(name, str) for name in found) else None
