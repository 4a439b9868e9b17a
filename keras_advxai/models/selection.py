"""Which of a model's inputs has the images, and which of its outputs the classes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

import keras

from keras_advxai._choice import is_one_of, nearest
from keras_advxai.text import to_be_said


class Selection:
    """One of the tensors that a model takes or returns, chosen by name or index.

    Args:
        model: The model. It is not kept.
        what: `"input"` or `"output"`.
        chosen: The name or index; `None` where there is only one. An index counts as `model.inputs` and `model.outputs`
            do: a dictionary by its sorted keys, as Keras flattens it.

    Attributes:
        names: The names that the model declares, in the order of `model.inputs` or `model.outputs`; none for most
            subclassed models.

    Raises:
        ValueError: There are several and none was chosen, or there is no such one.
    """

    def __init__(self, model: keras.Model, what: Literal["input", "output"], chosen: str | int | None) -> None:
        self.what = what
        self.chosen = chosen
        self.names = _names(model, what)
        self._check(self.names)

    def pick(self, parts: Any) -> Any:
        """The chosen one among `parts`, a dictionary or a sequence; `parts` itself if it is neither.

        Raises:
            ValueError: There are several, and the model takes one.
        """
        self._check_single(parts)
        return parts[self._key(parts)] if is_structure(parts) else parts

    def others(self, parts: Any) -> dict[str, Any]:
        """The other ones among `parts`, by their names, or by their indices where they have none."""
        if not is_structure(parts):
            return {}
        key = self._key(parts)
        if isinstance(parts, Mapping):
            return {str(name): part for name, part in parts.items() if name != key}
        names = self.names if len(self.names) == len(parts) else [str(index) for index in range(len(parts))]
        return {name: part for index, (name, part) in enumerate(zip(names, parts, strict=True)) if index != key}

    def replace(self, parts: Any, value: Any) -> Any:
        """`parts` with `value` for the chosen one; `value` itself if `parts` is not a structure."""
        if not is_structure(parts):
            return value
        key = self._key(parts)
        if isinstance(parts, Mapping):
            # A copy: the dictionary is the user's.
            return {**parts, key: value}
        return [value if index == key else part for index, part in enumerate(parts)]

    def _check_single(self, parts: Any) -> None:
        if is_structure(parts) and not parts:
            raise ValueError(
                f"The {'images' if self.what == 'input' else 'classes'} are missing. Received: an empty "
                f"{type(parts).__name__}"
            )
        # Else the first of several images would be taken for the batch, and its shape be the error.
        several = isinstance(parts, (list, tuple)) and len(parts) > 1
        if several and self.what == "input" and len(self.names) == 1:
            raise ValueError(
                f"The images must be one array. Received: a list of {len(parts)} where the model takes one input. "
                "Images of one size become an array by np.stack(images)."
            )

    def _key(self, parts: Any) -> Any:
        if not isinstance(parts, Mapping):
            # A subclassed model says what it takes at its first call, so the choice is checked then.
            self._check(self.names or [str(index) for index in range(len(parts))])
            index = self.names.index(self.chosen) if isinstance(self.chosen, str) else self.chosen or 0
            return index % len(parts)
        names = self.names if self.names and all(name in parts for name in self.names) else flat_keys(parts)
        if names is not self.names and len(self.names) > 1 and isinstance(self.chosen, int):
            # Counted among the model's own, of which not all need be there: labels may be those of one output.
            meant = self.names[self.chosen]
            if meant not in parts:
                raise ValueError(
                    f"The model's {self.what} {self.chosen} is {meant!r}, which is not among what was given. Received: "
                    f"{', '.join(map(str, names))}"
                )
            return meant
        self._check(names)
        if self.chosen in parts:
            return self.chosen
        return names[int(self.chosen or 0)]

    def _check(self, names: list[str]) -> None:
        if len(names) > 1 and self.chosen is None:
            raise ValueError(
                f"The model has {len(names)} {self.what}s, {', '.join(names)}. Pass "
                f"{to_be_said(f'{self.what}=...')} with the name or index of the one with the "
                f"{'images' if self.what == 'input' else 'classes'}."
            )
        if self.chosen is None:
            return
        if isinstance(self.chosen, int):
            known = not isinstance(self.chosen, bool)  # `True` is 1 to Python
            known = known and (not names or -len(names) <= self.chosen < len(names))
        else:
            known = is_one_of(self.chosen, names) if names else isinstance(self.chosen, str)
        if not known:
            choice = f"one of {', '.join(names)}" if names else "a name"
            raise ValueError(
                f"Argument `{self.what}` must be {choice}, or an index."
                f"{nearest(str(self.chosen), names)} Received: {self.what}={self.chosen!r}"
            )


def is_structure(parts: Any) -> bool:
    """Whether `parts` are several things: a dictionary, a list or a tuple."""
    return isinstance(parts, (Mapping, list, tuple))


def flat_keys(parts: Mapping[Any, Any]) -> list[Any]:
    """The keys of a dictionary in the order in which Keras flattens it, that of `model.inputs` and `model.outputs`.

    Args:
        parts: The dictionary.

    Example:

    >>> from keras_advxai.models.selection import flat_keys
    >>> flat_keys({"odd": 1, "digit": 2})
    ['digit', 'odd']
    """
    if not isinstance(parts, dict):
        return list(parts)
    keys = copy.copy(parts)  # of its own kind: an ordered dictionary is not sorted
    for key in parts:
        keys[key] = key
    flat: list[Any] = keras.tree.flatten(keys)
    return flat


def _names(model: keras.Model, what: str) -> list[str]:
    # The keys of a dictionary are what the user passes; `input_names` has the names of the layers, which may be
    # others.
    structure = getattr(model, what, None) if hasattr(model, f"{what}s") else None
    if isinstance(structure, dict):
        return flat_keys(structure)
    names = getattr(model, f"{what}_names", None)
    if names:
        return list(names)
    tensors = getattr(model, f"{what}s", None)
    return [tensor.name for tensor in tensors] if isinstance(tensors, list) else []
