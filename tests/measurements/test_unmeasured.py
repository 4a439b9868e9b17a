"""Why a drift could not be measured."""

from __future__ import annotations

import pytest

from keras_advxai.measurements import Coordinates, Measurements
from keras_advxai.measurements.unmeasured import cause_text

COORDINATES = Coordinates((), (), ("nissim",), ("predicted",), (0.1,), classes=2)


def measured(*predictions: int) -> Measurements:
    return Measurements.of(COORDINATES, label=[0] * len(predictions), prediction=[predictions])


GOOD, BAD, WORSE = measured(0, 1, 1), measured(0, -1, 0), measured(-1, -1, -1)


@pytest.mark.parametrize(
    ("reports", "epoch", "said"),
    [
        ({0: GOOD}, 0, "Every heatmap of the clean images is blank"),
        ({0: WORSE}, 0, "since epoch 1, for 3 of 3 clean images"),
        ({0: GOOD, 1: BAD, 2: WORSE}, 2, "since epoch 2, for 3 of 3"),
        ({0: BAD, 1: GOOD, 2: BAD}, 2, "since epoch 3, for 1 of 3"),
        # Of a second training, whose reports of later epochs are those of the first.
        ({0: GOOD, 1: BAD, 2: WORSE, 3: WORSE}, 1, "since epoch 2, for 1 of 3"),
        ({0: GOOD, 4: BAD, 9: WORSE}, 9, "since epoch 5"),
    ],
)
def test_the_cause_and_since_when(reports, epoch, said):
    assert said in cause_text(reports[epoch], reports)
