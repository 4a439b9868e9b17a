"""What was measured of each image: named arrays with named dimensions."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_advxai._choice import nearest
from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.measurements.limits import check_limits
from keras_advxai.measurements.quantity import QUANTITIES


@dataclasses.dataclass(frozen=True, eq=False)
class Measurements:
    """The quantities of each image, as arrays whose dimensions have names; the image is always the last.

    The quantities are those that the decorator `quantity` declared, as in `evaluation/quantities.py`. They are chosen,
    appended, saved and loaded by their declarations, so that a resumed evaluation and one that was divided among
    machines are concatenations.

    Attributes:
        coordinates: The labels along the dimensions.
        arrays: The arrays, by quantity.

    Example:

    >>> from keras_advxai.evaluation import Coordinates, Measurements
    >>> coordinates = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1, 0.2), classes=2)
    >>> found = Measurements.of(coordinates, label=[1, 0], prediction=[[1, 0], [0, 0], [0, 1]])
    >>> found.at("prediction").tolist(), found.at("prediction", attack="fgsm", epsilon=0.2).tolist()
    ([1, 0], [0, 1])
    """

    coordinates: Coordinates
    arrays: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.arrays["label"])

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    @property
    def nbytes(self) -> int:
        """How many bytes the arrays take."""
        return sum(array.nbytes for array in self.arrays.values())

    @classmethod
    def of(cls, coordinates: Coordinates, **arrays: Any) -> Measurements:
        """Measurements of given arrays; what is left out of the usual quantities is unknown.

        Args:
            coordinates: The labels along the dimensions.
            **arrays: Array-likes by quantity, in the shapes of their dimensions; `label` and `prediction` among them.

        Raises:
            ValueError: There is no such quantity, or an array has another shape or values out of range.
        """
        if not {"label", "prediction"} <= set(arrays):
            raise ValueError(f"Pass `label` and `prediction` at least. Received: {', '.join(arrays) or 'none'}")
        images = len(arrays["label"])
        found = {}
        for name, item in QUANTITIES.items():
            if name not in arrays:
                if not item.optional:
                    found[name] = np.array(item.missing(coordinates, images))
                continue
            given, shape = np.asarray(arrays.pop(name)), item.shape(coordinates, images)
            if given.shape != shape:
                raise ValueError(f"The quantity {name!r} must have the shape {shape}. Received: {given.shape}")
            if item.is_text and given.dtype.kind != "U":  # NumPy would make "2" of 2, and "None" of None
                raise ValueError(f"The quantity {name!r} must be of strings. Received: {given.dtype}")
            whole = np.can_cast(given.dtype, item.dtype, "same_kind") or np.array_equal(given, given.astype(item.dtype))
            if given.size and not whole:  # NumPy would make 2.9 a 2
                raise ValueError(f"The quantity {name!r} must be of {item.dtype}. Received: {given.dtype}")
            found[name] = check_limits(given.astype(item.dtype), item, coordinates)
        if arrays:
            raise ValueError(f"There is no quantity {', '.join(arrays)}. There are: {', '.join(QUANTITIES)}")
        return cls(coordinates, found)

    @classmethod
    def gather(cls, coordinates: Coordinates, measured: Mapping[str, Any]) -> Measurements:
        """The measurements of one batch, from what the compiled step returned for it; see `Quantity.gather`."""
        images = len(measured["clean"]["label"])
        # By declaration: what the step returned beside them, such as the pictures, is not of every image.
        arrays = {name: item.gather(measured, coordinates, images) for name, item in QUANTITIES.items()}
        return cls(coordinates, {name: array for name, array in arrays.items() if array is not None})

    @classmethod
    def concat(cls, parts: Sequence[Measurements]) -> Measurements:
        """The measurements of several parts of the data, one behind the other, bit by bit as they are.

        Args:
            parts: One or more, of the same quantities and coordinates.

        Raises:
            ValueError: There are none, or they were not measured alike; the message says what differs.
        """
        if not parts:
            raise ValueError("There are no measurements to put together. Pass at least one part.")
        first = parts[0]
        # Parts may come from other machines and days; a mean over two targets would look like any other.
        for part in parts[1:]:
            for field in dataclasses.fields(Coordinates):
                one, other = (getattr(item.coordinates, field.name) for item in (first, part))
                if one != other:
                    raise ValueError(
                        f"Only what was measured alike can be put together. Received: {field.name} {one} and {other}"
                    )
            if set(part.arrays) != set(first.arrays):
                apart = ", ".join(sorted(set(part.arrays) ^ set(first.arrays)))
                raise ValueError(f"Only what was measured alike can be put together. In one part alone: {apart}")
        arrays = {name: np.concatenate([part.arrays[name] for part in parts], axis=-1) for name in first.arrays}
        # The image is the last dimension of all of them, so one concatenation serves every quantity.
        return cls(first.coordinates, arrays)

    @functools.cached_property
    def corrupted(self) -> Measurements:
        """What was measured under corruptions: these for attacks, and their severities for epsilons. It is a view.

        Whatever asks measurements of attacks and epsilons asks it of corruptions, too.

        Raises:
            ValueError: There are none.
        """
        known = self.coordinates
        found, kept = {}, np.r_[0, known.corrupted_conditions()]
        for name, array in self.arrays.items():
            dims = QUANTITIES[name].dims
            if "condition" in dims:
                found[name] = np.take(array, kept, axis=dims.index("condition"))
            elif QUANTITIES[name].source:
                found[QUANTITIES[name].source] = array
            elif "attack" not in dims:
                found[name] = array
        return Measurements(known.corrupted, found)

    def append(self, other: Measurements) -> Measurements:
        """These images and further ones; see `concat`."""
        return Measurements.concat([self, other])

    def select(self, images: Any) -> Measurements:
        """Some of the images.

        Args:
            images: A slice, indices, or a mask `(images,)`.
        """
        return Measurements(self.coordinates, {name: array[..., images] for name, array in self.arrays.items()})

    def at(self, name: str, *, attack: Any | None = None, **labels: Any) -> np.ndarray:
        """A part of a quantity, by the labels along its dimensions. It is a view.

        Args:
            name: The quantity.
            attack: The attack or its name, or a corruption, which has a `severity` for the epsilon; of a quantity that
                the clean images have too, `None` means these.
            **labels: The labels along other dimensions, such as `epsilon=0.1`, `explainer="grad_cam"`. A dimension that
                is not named stays, but for the metric and the target, of which the first counts.

        Returns:
            The array, less the dimensions that were named; `(images,)` if all were.

        Raises:
            KeyError: There is no such quantity.
            ValueError: There is no such label, or the quantity has no such dimension.
        """
        if name not in QUANTITIES:
            raise KeyError(
                f"There is no quantity {name!r}.{nearest(name, QUANTITIES)} There are: {', '.join(QUANTITIES)}"
            )
        if self.coordinates.is_corruption(attack):
            level = labels.pop("severity", None)
            return self.corrupted.at(name, attack=attack, **labels, **({} if level is None else {"epsilon": level}))
        dims = QUANTITIES[name].dims
        allowed = {*dims, *(("attack", "epsilon") if "condition" in dims else ())}
        given = {key for key, label in {"attack": attack, **labels}.items() if label is not None}
        if not given <= allowed or ("condition" in dims and "epsilon" in given and attack is None):
            raise ValueError(
                f"The quantity {name!r} has the dimensions {', '.join(dims)}, and an epsilon is that of an attack. "
                f"Received: {', '.join(sorted(given))}"
            )
        known = self.coordinates
        array = self.arrays[name] if name in self.arrays else QUANTITIES[name].missing(known, len(self))
        index: list[Any] = []
        for dim in dims[:-1]:
            label = attack if dim == "attack" else labels.get(dim)
            if dim == "condition":  # an attack and an epsilon are one place along it
                index.append(known.conditions(attack, labels.get("epsilon")))
            elif label is None and dim in ("metric", "target"):
                index.append(0)  # the report's own, which stands first
            else:
                index.append(slice(None) if label is None else known.index(dim, label))
        found: np.ndarray = array[tuple(index)]
        return found
