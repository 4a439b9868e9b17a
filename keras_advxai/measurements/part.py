"""What was found on one batch; parts in their order are an evaluation."""

from __future__ import annotations

import dataclasses

import numpy as np

from keras_advxai.measurements.examples import Example
from keras_advxai.measurements.measurements import Measurements

MOMENTS = ("mean", "variance", "known_mean", "known_variance")
"""What `Part.arriving` has, by channel: of the batch, and of the training as the layer knows them."""


@dataclasses.dataclass(frozen=True, eq=False)  # `==` of arrays has no truth value
class Part:
    """What was found on one batch: parts in their order are an evaluation.

    Attributes:
        first: The number of its first image.
        shape: The shape of an image, `(height, width, channels)`.
        measurements: What was measured of each image.
        examples: The first images of the data, with their heatmaps, for pictures.
        arriving: See `models.arriving.moments`; `None` if the model has no layer with statistics.
        last: The last clean heatmap by explainer, `(1, height, width, 1)`, which the next batch is measured beside;
            empty in a part that was read from a journal.
        border: The first clean heatmap by explainer, likewise.
    """

    first: int
    shape: tuple[int, ...]
    measurements: Measurements
    examples: tuple[Example, ...]
    arriving: dict[str, np.ndarray] | None
    last: dict[str, np.ndarray]
    border: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def end(self) -> int:
        """The number of the image after its last."""
        return self.first + len(self.measurements)
