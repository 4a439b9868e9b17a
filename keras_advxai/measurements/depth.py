"""How far explanations drift at each depth of a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_advxai.measurements import drift
from keras_advxai.measurements.budget import budget_used
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.row import pandas
from keras_advxai.tables import Tabulated


@dataclasses.dataclass(frozen=True, eq=False)
class DepthProfile(Tabulated):
    """MOD by layer and epsilon: where in a network the drift begins. Printed, it is a table.

    Attributes:
        attack: Name of the attack.
        metric: Name of the dissimilarity.
        layers: The explained layers, in execution order.
        explainers: The name of the explainer of each.
        epsilons: The attack's budgets.
        mod: Mean observed dissimilarity, `(layers, epsilons)`; NaN where every clean heatmap is blank.
        vid: Variation in dissimilarity over the epsilons, `(layers,)`; NaN with fewer than two.
        chance: What MOD would be by chance, between clean heatmaps of different images, `(layers,)`.
        budget_used: The mean norm of the perturbations as a share of epsilon, `(epsilons,)`.
    """

    attack: str
    metric: str
    layers: tuple[str, ...]
    explainers: tuple[str, ...]
    epsilons: tuple[float, ...]
    mod: np.ndarray
    vid: np.ndarray
    chance: np.ndarray
    budget_used: np.ndarray

    @property
    def labels(self) -> tuple[str, ...]:
        """The layers, or the explainers where several look at the same layer."""
        return self.layers if len(set(self.layers)) == len(self.layers) else self.explainers

    def to_dataframe(self) -> Any:
        """One row for each layer and one column for each epsilon, as a `pandas.DataFrame`.

        Raises:
            ImportError: pandas is not installed.
        """
        index = pandas().Index(self.labels, name="layer")
        return pandas().DataFrame(self.mod, index=index, columns=pandas().Index(self.epsilons, name="epsilon"))


def depth_profile(
    found: Measurements,
    attack: Any,
    explainers: Sequence[Any] | None,
    layers: Mapping[str, Sequence[str]],
    depths: Mapping[str, Sequence[int]],
    metric: Any | None = None,
) -> DepthProfile:
    """MOD by layer and epsilon.

    Args:
        found: What was measured.
        attack: The attack or its name.
        explainers: The explainers or their names; `None` for all that look at one layer.
        layers: Name of each explainer to the layers that it looks at.
        depths: The same to how many layers have run before each of them.
        metric: The dissimilarity or its name. Defaults to the first.

    Raises:
        ValueError: There is no such attack, or none of the explainers looks at one layer.
    """
    known = found.coordinates
    name_of_attack = known.label("attack", attack)
    given = known.explainers if explainers is None else explainers
    names = [known.label("explainer", item) for item in given]
    single = [name for name in names if len(layers.get(name, ())) == 1]
    if not single:
        raise ValueError(
            "A depth profile needs explainers that look at one layer each. Evaluate with "
            f"explainers=GradCAM.every_layer(model). Received: explainers {', '.join(names) or 'none'}"
        )
    # By where they run, since explainers may be named in any order.
    names = sorted(single, key=lambda name: depths.get(name, [0])[0])
    mods = [[drift.mod(found, name_of_attack, name, each, metric=metric) for each in known.epsilons] for name in names]
    return DepthProfile(
        attack=name_of_attack,
        metric=known.metrics[0] if metric is None else known.label("metric", metric),
        layers=tuple(layers[name][0] for name in names),
        explainers=tuple(names),
        epsilons=known.epsilons,
        mod=np.array(mods),
        vid=np.array([drift.vid(found, name_of_attack, name, metric=metric) for name in names]),
        chance=np.array([drift.chance(found, name, metric=metric) for name in names]),
        budget_used=np.array([budget_used(found, name_of_attack, epsilon) for epsilon in known.epsilons]),
    )
