"""What a report says of corruptions."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, Self, cast

from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.row import Row


class Corruptible:
    """Gives `EvaluationReport` what was measured under corruptions."""

    measurements: Measurements

    @property
    def corruptions(self) -> tuple[str, ...]:
        """Names of the corruptions, which are no attacks and have severities for epsilons."""
        return self.measurements.coordinates.corruptions

    @property
    def severities(self) -> tuple[int, ...]:
        """The severities of the corruptions, as they were given."""
        return self.measurements.coordinates.severities

    @functools.cached_property
    def corrupted(self) -> Self:
        """The figures under corruptions: a report with these for attacks, and their severities for epsilons.

        `report.corrupted.mod("fog", "grad_cam", 3)` is `report.mod("fog", "grad_cam", severity=3)`. Printed, it is the
        tables of corruptions. It has no findings and no examples, and is saved with its report and not by itself.

        Raises:
            ValueError: There are none.
        """
        made = dataclasses.replace(cast(Any, self), measurements=self.measurements.corrupted, warnings=(), examples=())
        return cast(Self, made)

    def asked(self, attack: Any) -> Self:
        """The report that knows the figures of an attack: itself, or `corrupted` of a corruption.

        Args:
            attack: The attack or corruption, or its name.
        """
        return self.corrupted if self.measurements.coordinates.is_corruption(attack) else self

    def corrupted_rows(self) -> list[Row]:
        """The rows of `corrupted`, with severities in place of epsilons; none without corruptions."""
        rows: tuple[Row, ...] = cast(Any, self).corrupted.rows if self.corruptions else ()
        return [dataclasses.replace(row, epsilon=math.nan, severity=round(row.epsilon)) for row in rows]
