"""The checks of what was measured: a file for each theme, and in it a function for each finding.

`keras_advxai.audit` has those that run the model and the attacks again.
"""

from __future__ import annotations

# Checks speak in the order in which they are declared: first what the evaluation was given, then what came of it. So
# these lines are no matter of the alphabet.
from keras_advxai.checks import settings

# isort: split
from keras_advxai.checks import own_ways

# isort: split
from keras_advxai.checks import data

# isort: split
from keras_advxai.checks import values

# isort: split
from keras_advxai.checks import attacks

# isort: split
from keras_advxai.checks import drift

# isort: split
from keras_advxai.checks.evidence import CHECKS, Evidence
from keras_advxai.checks.training import TRAINING, TrainingEvidence
from keras_advxai.measurements.finding import Finding

__all__ = [
    "CHECKS",
    "TRAINING",
    "Evidence",
    "TrainingEvidence",
    "attacks",
    "data",
    "drift",
    "findings",
    "own_ways",
    "settings",
    "values",
]


def findings(evidence: Evidence) -> tuple[Finding, ...]:
    """What all checks of measurements have to say.

    Args:
        evidence: What was measured, and what is known about how.

    Example:

    >>> from keras_advxai.evaluation import Coordinates, Measurements
    >>> from keras_advxai.checks import Evidence, findings
    >>> coordinates = Coordinates((), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    >>> found = Measurements.of(coordinates, label=[1, 0], prediction=[[0, 0]], confidence=[[0.6, 0.7]])
    >>> [finding.id for finding in findings(Evidence(found, attacks=()))]
    ['one-class', 'few-images']
    """
    return tuple(CHECKS.findings(evidence))
