"""The figures that stand in a report's JSON beside the measurements, for people and other programs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_advxai.measurements import accuracy, drift, statistics
from keras_advxai.measurements.completeness import completeness, decides_steps, promises_completeness, steps_used
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.row import finite


def summary(
    found: Measurements, norms: Mapping[str, str], mods: Callable[[str, str, str], np.ndarray]
) -> dict[str, Any]:
    """VID, chance, robust accuracy, perturbations, completeness and steps as plain values, NaN as `None`.

    Args:
        found: What was measured.
        norms: The norm of each attack.
        mods: What `drift.resampled` returned, by attack, explainer and dissimilarity.
    """
    known = found.coordinates
    vids = []
    for attack, explainer, metric in itertools.product(known.attacks, known.explainers, known.metrics):
        low, high = statistics.vid_interval(mods(attack, explainer, metric))
        vid = {"vid": drift.vid(found, attack, explainer, metric=metric), "vid_low": low, "vid_high": high}
        vids.append({"attack": attack, "explainer": explainer, "metric": metric, **finite(vid)})
    chances = [
        {"explainer": explainer, "metric": metric, **finite({"chance": drift.chance(found, explainer, metric=metric)})}
        for explainer, metric in itertools.product(known.explainers, known.metrics)
    ]
    robust = []  # by norm, because 0.1 is much in L-infinity and little in L2
    for norm, epsilon in itertools.product(dict.fromkeys(norms.values()), known.epsilons):
        alike = [attack for attack in known.attacks if norms[attack] == norm]
        share = finite({"robust_accuracy": accuracy.robust_accuracy(found, alike, epsilon)})
        robust.append({"norm": norm, "epsilon": epsilon, **share})
    steps = {name: steps_used(found, name)._asdict() for name in known.explainers if decides_steps(found, name)}
    return {
        "vid": vids,
        "chance": chances,
        "robust_accuracy": robust,
        "median_perturbation": finite({name: accuracy.median_perturbation(found, name) for name in known.attacks}),
        "completeness": {
            name: finite(completeness(found, name)._asdict())
            for name in known.explainers
            if promises_completeness(found, name)
        },
        **({"steps_used": steps} if steps else {}),
    }
