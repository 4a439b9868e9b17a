"""Whether there is a name for each class, and one that can be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from keras_advxai._warnings import warn
from keras_advxai.text import shortened


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


def counted_names(data: Any) -> tuple[str, ...] | None:
    """The names that the labels of data count; `None` where they have none, or no labels.

    Args:
        data: The data.
    """
    found: Any = getattr(data, "class_names", None)
    # A dataset may know names and have no labels, as Keras' of `label_mode=None`.
    labelled = isinstance(getattr(data, "element_spec", ()), tuple) and getattr(data, "labels", ()) is not None
    named = isinstance(found, (list, tuple)) and all(isinstance(name, str) for name in found)
    return tuple(found) if labelled and named else None


def check_counted_names(data: Any, class_names: Any, classes: int) -> None:
    """Warn or raise where labels that were counted from names cannot be the model's classes.

    Folders are counted in alphabetical order. Where one of the model's classes has none, as of a validation set without
    an image of it, all labels behind the gap are those of other classes.

    Args:
        data: The data, which may bring along the names that their labels count; see `class_names_of`.
        class_names: Checked names of the model's classes; `None` where nobody gave any.
        classes: How many classes the model has.

    Raises:
        ValueError: The names that were given have those of the data at other places.
    """
    found = counted_names(data)
    if found is None:
        return
    if class_names is not None:
        by_index = isinstance(class_names, Mapping)
        given = [class_names[index] for index in sorted(class_names)] if by_index else list(class_names)
        if set(found) <= set(given):
            other = [(index, name) for index, name in enumerate(found) if given[index : index + 1] != [name]]
            if other:
                index, name = other[0]
                raise ValueError(
                    f"The labels of the data count {name!r} as class {index}, and `class_names` has it as class "
                    f"{given.index(name)}: all figures would be of other classes. Load them with "
                    "kax.data.load(..., classes=class_names), or Keras' class_names=."
                )
            return
    if len(found) != classes:
        few = ", ".join(map(shortened, found[:3])) + ", ..." * (len(found) > 3)
        warn(
            f"The data have {len(found)} class folders or names, {few}, and "
            f"the model has {classes} classes: labels are counted in alphabetical order, so that those behind one that "
            "is missing are of other classes. Give kax.data.load classes=[...], or Keras' loader class_names=[...], "
            f"all {classes} in the model's order.",
            stacklevel=4,
        )
