"""How much of their budget attacks used: functions of measurements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_advxai.measurements.measurements import Measurements

WHOLE = 0.95
"""From which share on a budget counts as used: a MOD is then one at its epsilon."""


def budget_used(found: Measurements, attack: Any, epsilon: float) -> float:
    """The mean norm of the perturbations, as a share of epsilon.

    A MOD is one at its epsilon where this is near 1. Below that, the attack stopped early, left images alone, or found
    no room within the bounds, and its MOD is that of smaller perturbations. Minimum-norm attacks, such as DeepFool,
    look for the nearest misclassified image, and use as little as they can.

    Args:
        found: What was measured.
        attack: The attack or its name.
        epsilon: One of the epsilons.

    Returns:
        The share; NaN at epsilon 0, and where nothing was measured, as in reports of version 0.1.

    Raises:
        ValueError: There is no such attack or epsilon.
    """
    level = found.coordinates.label("epsilon", epsilon)
    norms = found.at("perturbation_norm", attack=attack, epsilon=level).astype("float64")
    norms = norms[np.isfinite(norms)]  # what an attack turned to NaN is reported as such
    return float(np.mean(norms)) / level if level and len(norms) else math.nan
