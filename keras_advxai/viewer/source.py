"""What the viewer asks of a report, which lies above it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

from keras_advxai._typing import Aim, Norm
from keras_advxai.measurements.examples import Example
from keras_advxai.measurements.finding import Finding
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.row import Row


class Source(Protocol):
    """What an `EvaluationReport` has."""

    @property
    def measurements(self) -> Measurements:
        """What was measured of each image."""

    @property
    def provenance(self) -> dict[str, Any]:
        """How it was measured."""

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What would be misread otherwise."""

    @property
    def examples(self) -> tuple[Example, ...]:
        """A few images with their heatmaps."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every figure."""

    @property
    def norms(self) -> Mapping[str, Norm]:
        """The norm of each attack."""

    @property
    def aims(self) -> Mapping[str, Aim]:
        """What each attack aims at."""

    @property
    def settings(self) -> Any:
        """What it was made with; a `ValueError` where that cannot be read."""

    @property
    def corrupted(self) -> Self:
        """The figures under corruptions: a report with these for attacks, and their severities for epsilons."""


def parts(report: Source) -> list[Source]:
    """A report in parts that have one scale each: its attacks with epsilons, its corruptions with severities.

    Args:
        report: The report.
    """
    return [report, report.corrupted] if report.measurements.coordinates.corruptions else [report]


def levels(report: Source) -> dict[str, tuple[float, ...]]:
    """The epsilons of each attack, and the severities of each corruption.

    Args:
        report: The report.
    """
    known = [part.measurements.coordinates for part in parts(report)]
    return {name: of.epsilons for of in known for name in of.attacks}


def controls(report: Source) -> dict[str, str | None]:
    """The noise control of each attack: noise of the same norm; `None` of the noise itself, and where there is none.

    Args:
        report: The report.
    """
    noise = {report.norms[name]: name for name, aim in report.aims.items() if aim == "noise"}
    return {
        name: None if report.aims[name] == "noise" else noise.get(report.norms[name])
        for name in report.measurements.coordinates.attacks
    }
