"""How far explanations drift at each depth of a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_advxai.evaluation.row import pandas
from keras_advxai.evaluation.table import render_profile

if TYPE_CHECKING:
    from keras_advxai.evaluation.drift import DriftFigures


@dataclasses.dataclass(frozen=True, eq=False)
class DepthProfile:
    """MOD by layer and strength: where in a network the drift begins. Printed, it is a table.

    Attributes:
        attack: Name of the attack.
        layers: The explained layers, in execution order.
        explainers: The name of the explainer of each.
        epsilons: The attack strengths.
        mod: Mean observed dissimilarity, `(layers, epsilons)`; NaN where every clean heatmap is blank.
        vid: Variation in dissimilarity over the strengths, `(layers,)`; NaN with fewer than two strengths.
    """

    attack: str
    layers: tuple[str, ...]
    explainers: tuple[str, ...]
    epsilons: tuple[float, ...]
    mod: np.ndarray
    vid: np.ndarray

    @property
    def labels(self) -> tuple[str, ...]:
        """The layers, or the explainers where several look at the same layer."""
        return self.layers if len(set(self.layers)) == len(self.layers) else self.explainers

    def __str__(self) -> str:
        return render_profile(self)

    def to_dataframe(self) -> Any:
        """One row for each layer and one column for each strength, as a `pandas.DataFrame`.

        Raises:
            ImportError: pandas is not installed.
        """
        index = pandas().Index(self.labels, name="layer")
        return pandas().DataFrame(self.mod, index=index, columns=pandas().Index(self.epsilons, name="epsilon"))


def depth_profile(report: DriftFigures, attack: str, explainers: Sequence[str]) -> DepthProfile:
    """MOD by layer and strength; see `DriftFigures.depth_profile`.

    Args:
        report: The report.
        attack: The name of the attack.
        explainers: The names of the explainers.

    Raises:
        ValueError: No explainer of the report looks at one layer.
    """
    layers, depths = report.provenance["layers"], report.provenance.get("depths", {})
    single = [name for name in explainers if len(layers.get(name, ())) == 1]
    if not single:
        raise ValueError(
            "A depth profile needs explainers that look at one layer each. Evaluate with "
            f"explainers=GradCAM.every_layer(model). Received: explainers {', '.join(explainers) or 'none'}"
        )
    names = tuple(sorted(single, key=lambda name: depths.get(name, [0])[0]))
    return DepthProfile(
        attack=attack,
        layers=tuple(layers[name][0] for name in names),
        explainers=names,
        epsilons=report.epsilons,
        mod=np.array([[report.mod(attack, name, epsilon) for epsilon in report.epsilons] for name in names]),
        vid=np.array([report.vid(attack, name) for name in names]),
    )
