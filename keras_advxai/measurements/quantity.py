"""What a measured quantity is: a name, named dimensions, a type, and the function that measures it."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np

from keras_advxai.measurements.coordinates import Coordinates

Dimension: TypeAlias = Literal[
    "class",
    "metric",
    "explainer",
    "target",
    "score",
    "attack",
    "epsilon",
    "corruption",
    "severity",
    "condition",
    "image",
]
Limits: TypeAlias = tuple[float, float | Literal["classes", "metric"]]
"""The smallest value, and the largest: `"classes"` stands for the last class, `"metric"` for what each metric says."""

NAMED: tuple[Dimension, ...] = ("metric", "explainer", "target", "score")
"""The dimensions whose labels are the keys of what a quantity's function returns, from the outside in."""


@dataclasses.dataclass(frozen=True)
class Quantity:
    """One quantity of each image, declared once by the decorator `quantity`.

    Attributes:
        name: Its name.
        dims: Its dimensions in the order of the array, the image last. `"condition"` has the clean images first and
            then each attack at each epsilon, and each corruption at each severity; a quantity that the clean images do
            not have has `"attack"` and `"epsilon"` instead, and of corruptions `"corruption"` and `"severity"`. A
            `"class"` stands first; its function returns `(batch, classes)`.
        dtype: The type of the array; `"str"` for strings of any length.
        unknown: What stands where it was not measured, such as the completeness gap of an explainer that promises none.
        limits: Between which values it lies, for reading what somebody else wrote; `unknown` may lie outside. Of
            strings, how many characters they have.
        null: What a `null` in JSON stands for, which has neither NaN nor infinity.
        optional: Whether evaluations without it are usual. It is left out where nobody measured it.
        measure: The function that measures it.
        source: The name under which the step returns it, of what is measured of attacks and corruptions both and kept
            as two quantities. Defaults to its own.
    """

    name: str
    dims: tuple[Dimension, ...]
    dtype: str
    unknown: Any
    limits: Limits
    null: float
    optional: bool
    measure: Callable[..., Any]
    source: str = ""

    @property
    def doc(self) -> str:
        """What it is, in a line."""
        return (self.measure.__doc__ or "").strip().partition("\n")[0]

    @property
    def is_text(self) -> bool:
        """Whether its values are strings."""
        return self.dtype == "str"

    @property
    def of_attack(self) -> bool:
        """Whether it depends on which attack made the images, beside the images themselves."""
        # Asked of the function, so that nobody has to say it a second time in the declaration.
        return "attack" in inspect.signature(self.measure).parameters

    def is_of(self, adversarial: bool) -> bool:
        """Whether it is measured on passes over adversarial images, or over clean ones."""
        if self.source:
            return False  # the quantity of attacks is measured, and gathered here, too
        return "condition" in self.dims or ("epsilon" in self.dims) == adversarial

    def missing(self, coordinates: Coordinates, images: int) -> np.ndarray:
        """The array where nobody measured it: unknown everywhere, in the memory of one number."""
        # A view: three of these arrays would be the largest in a report of an evaluation without explainers.
        return np.broadcast_to(np.asarray(self.unknown, self.dtype), self.shape(coordinates, images))

    def shape(self, coordinates: Coordinates, images: int) -> tuple[int, ...]:
        """The shape of the array."""
        return (*(coordinates.size(dim) for dim in self.dims[:-1]), images)

    def gather(self, measured: Mapping[str, Any], coordinates: Coordinates, images: int) -> np.ndarray | None:
        """The array of one batch, from what the compiled step returned for it.

        Args:
            measured: `"clean"`, each attack and each corruption, to name of the quantity, to its values: in nested
                dictionaries by the labels of its named dimensions, `(batch,)` for the clean images and for what has no
                epsilon, else `(epsilons, batch)`, or `(severities, batch)`.
            coordinates: The labels of the dimensions.
            images: How many images the batch has.

        Returns:
            The array; `None` if it is optional and nobody measured it.
        """
        # Filled first: a costly explainer has no heatmaps for a second target, and only some attacks have a distance.
        name = self.source or self.name
        places = {
            place: values[name]
            for place, values in measured.items()
            if values.get(name) is not None and self._has(place, coordinates)
        }
        dtype: Any = np.dtype(self.dtype)
        if self.is_text:  # of which each array has its own type, as wide as the longest string in it
            arrays = (array for values in places.values() for _, array in _leaves(values))
            dtype = np.result_type(dtype, *arrays)
        found = np.full(self.shape(coordinates, images), self.unknown, dtype)
        for place, values in places.items():
            for labels, array in _leaves(values):
                # In the order of the declaration, which is the order in which the function nests its dictionaries.
                named = zip((dim for dim in self.dims if dim in NAMED), labels, strict=True)
                where = (*(coordinates.index(*item) for item in named), *self._place(place, coordinates))
                if "class" in self.dims:
                    found[(slice(None), *where)] = np.moveaxis(array, -1, 0)
                else:
                    found[where] = array
        # Completeness without Integrated Gradients would be two arrays of NaN in every file.
        return found if places or not self.optional else None

    def _has(self, place: str, coordinates: Coordinates) -> bool:
        """Whether the values of one attack, of a corruption or of the clean images belong here."""
        return "condition" in self.dims or coordinates.is_corruption(place) == ("severity" in self.dims)

    def _place(self, place: str, coordinates: Coordinates) -> tuple[Any, ...]:
        """Where the values of one attack, of a corruption or of the clean images, lie behind the named dimensions."""
        if coordinates.is_corruption(place):
            return (
                (coordinates.corrupted_conditions(place),)
                if "condition" in self.dims
                else (coordinates.index("corruption", place),)
            )
        if "condition" in self.dims:
            return (coordinates.conditions(None if place == "clean" else place),)
        return (coordinates.index("attack", place),) if "attack" in self.dims else ()


QUANTITIES: dict[str, Quantity] = {}
"""Every quantity, by name."""


def quantity(
    *dims: Dimension,
    dtype: str,
    unknown: Any = np.nan,
    limits: Limits = (-np.inf, np.inf),
    null: float = np.nan,
    optional: bool = False,
    corrupted: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares a quantity: the decorated function measures it, and its name is the quantity's.

    The function takes an `Observation` of the evaluation, one pass over the images as they are under one condition.
    With a second argument, `attack`, it also gets the attack that is at work, or, for a quantity without an epsilon,
    each attack in turn with the clean pass. It returns `(batch,)`, in nested dictionaries where it has named
    dimensions; `None` stands for what is not measured there. Tracing, gathering, choosing, merging, saving and loading
    follow from the declaration.

    Args:
        *dims: Its dimensions; see `Quantity`.
        dtype: The type of the array.
        unknown: What stands where it was not measured. Defaults to NaN.
        limits: Between which values it lies. Defaults to any.
        null: What a `null` in JSON stands for. Defaults to NaN.
        optional: Whether evaluations without it are usual. Defaults to `False`.
        corrupted: Whether a quantity of attacks and epsilons is also one of corruptions and severities, by the name
            `"corrupted_"` and its own. Defaults to `False`.

    Example:

    >>> import tensorflow as tf
    >>> from keras_advxai.measurements import QUANTITIES, quantity
    >>> @quantity("condition", "image", dtype="float32", optional=True)
    ... def brightest_pixel(seen):
    ...     "The largest value of a pixel."
    ...     return tf.reduce_max(seen.images, axis=(1, 2, 3))
    >>> QUANTITIES.pop("brightest_pixel").doc  # evaluations measure it from the declaration on, and here no longer
    'The largest value of a pixel.'
    """

    def declare(measure: Callable[..., Any]) -> Callable[..., Any]:
        name: str = measure.__name__
        QUANTITIES[name] = Quantity(name, dims, dtype, unknown, limits, null, optional, measure)
        if corrupted:
            swapped: dict[str, Dimension] = {"attack": "corruption", "epsilon": "severity"}
            others = tuple(swapped.get(dim, dim) for dim in dims)
            other = f"corrupted_{name}"
            QUANTITIES[other] = Quantity(other, others, dtype, unknown, limits, null, True, measure, name)
        return measure

    return declare


def _leaves(values: Any, labels: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The arrays in nested dictionaries, with the keys that lead to each."""
    if isinstance(values, Mapping):
        for label, inner in values.items():
            yield from _leaves(inner, (*labels, label))
    else:
        yield labels, values
