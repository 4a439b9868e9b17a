"""The schema of a report on disk: what belongs into it, and the checks of it that both forms share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.measurements.finding import Finding
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.provenance import checked_provenance
from keras_advxai.measurements.quantity import QUANTITIES, Quantity
from keras_advxai.measurements.reading import as_dictionary, shown

SCHEMA = 3
"""The number of the newest schema, that of reports with corruptions. 1, without a number, was that of version 0.1."""

OLDEST = 2
"""The number of reports without corruptions, which have nothing that older versions do not read."""

Parts = tuple[Measurements, dict[str, Any], tuple[Finding, ...]]
"""What a report is made of: measurements, provenance and findings."""

_LISTS = ("attacks", "explainers", "metrics", "targets", "epsilons")
_OF_CORRUPTIONS = ("corruptions", "severities")


def schema_of(found: Measurements) -> int:
    """The number of the schema by which measurements are written."""
    return SCHEMA if found.coordinates.corruptions else OLDEST


def coordinates_config(found: Measurements) -> dict[str, Any]:
    """The labels along the dimensions of measurements, and how many images they have, as plain values."""
    known = found.coordinates
    if known.scale != "epsilon":  # which would be read as a report of attacks at epsilons of 1 to 5
        raise ValueError(
            "What was measured under corruptions is a part of its report, and no report to be saved itself."
        )
    lists = (*_LISTS, *_OF_CORRUPTIONS) if known.corruptions else _LISTS
    labels = {key: list(getattr(known, key)) for key in lists}
    return {"coordinates": {**labels, "classes": known.classes}, "images": len(found)}


def read_coordinates(config: Mapping[str, Any]) -> tuple[Coordinates, int]:
    """The labels along the dimensions of stored measurements, and how many images they have.

    Args:
        config: What `coordinates_config` returned, perhaps with more.

    Raises:
        ValueError: They do not fit; the message names the field.
    """
    stored = as_dictionary("measurements.coordinates", config.get("coordinates"))
    lists = (*_LISTS, *_OF_CORRUPTIONS) if set(_OF_CORRUPTIONS) & set(stored) else _LISTS
    for key in lists:
        if not isinstance(stored.get(key), list):
            raise ValueError(f"`measurements.coordinates.{key}` must be a list. Received: {shown(stored.get(key))}")
    unknown = [key for key in stored if key not in (*lists, "classes")]
    if unknown:
        raise ValueError(f"`measurements.coordinates` has {shown(unknown[0])}, which does not belong there.")
    labels: dict[str, Any] = {key: tuple(stored[key]) for key in lists}
    images = config.get("images")
    if type(images) is not int or not 1 <= images < 2**40:
        raise ValueError(f"`measurements.images` must be an integer from 1. Received: {shown(images)}")
    classes: Any = stored.get("classes")  # which `Coordinates` checks
    return Coordinates(**labels, classes=classes), images


def known_quantities(values: Mapping[str, Any]) -> dict[str, Quantity]:
    """The quantities of some names.

    Raises:
        ValueError: There is none of a name, or one is missing that every evaluation measures.
    """
    unknown = [name for name in values if name not in QUANTITIES]
    if unknown:
        raise ValueError(
            f"`measurements` has {shown(unknown[0])}, which is no quantity. Known: {', '.join(QUANTITIES)}"
        )
    for name, item in QUANTITIES.items():
        if name not in values and not item.optional:
            raise ValueError(f"`measurements.{name}` is missing.")
    return {name: QUANTITIES[name] for name in values}


def read_parts(config: Mapping[str, Any], coordinates: Coordinates, arrays: Mapping[str, np.ndarray]) -> Parts:
    """What a report is made of, with its provenance and findings read.

    Args:
        config: A dictionary with `provenance` and `warnings`.
        coordinates: The labels along the dimensions.
        arrays: The arrays by quantity, which were checked.

    Raises:
        ValueError: They do not fit; the message names the field.
    """
    found = Measurements(coordinates, dict(arrays))
    findings = config.get("warnings")
    if not isinstance(findings, list):
        raise ValueError(f"`warnings` must be a list. Received: {shown(findings)}")
    return found, checked_provenance(config.get("provenance"), found), tuple(map(Finding.from_dict, findings))
