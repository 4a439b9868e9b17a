"""How far explanations drift at each depth of several networks, on one scale of depth."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_advxai.evaluation import EvaluationReport
from keras_advxai.explainers import Explainer


@dataclasses.dataclass(frozen=True, eq=False)
class LayerProfile:
    """MOD at each layer of one model, under one attack at one epsilon.

    Attributes:
        layers: The layers, in execution order, as the first run calls them.
        depth: How deep each lies between the first explained layer, 0, and the last one, 1, by how many layers have
            run before it, `(layers,)`.
        mod: Mean observed dissimilarity, `(layers,)`, the mean over the runs.
        noise: The same under the noise control; NaN without one.
        chance: What MOD would be by chance.
    """

    layers: tuple[str, ...]
    depth: np.ndarray
    mod: np.ndarray
    noise: np.ndarray
    chance: np.ndarray


def at_layers(report: EvaluationReport, explainer: str) -> list[str]:
    """The explainers of a report that differ from one in their layer alone, one for each layer, by depth.

    Args:
        report: The report.
        explainer: Name of the explainer, which is among them where it looks at one layer.
    """
    layers, depths = report.provenance["layers"], report.provenance["depths"]
    single = of_one_kind(report, explainer)
    by_layer = {layers[name][0]: name for name in reversed(single)}  # of two at one layer, the first
    return sorted(by_layer.values(), key=lambda name: depths.get(name, [0])[0])


def of_one_kind(report: EvaluationReport, explainer: str) -> list[str]:
    """The explainers that look at one layer and differ from one in it alone.

    Args:
        report: The report.
        explainer: Name of the explainer.
    """
    single = [name for name in report.explainers if len(report.provenance["layers"].get(name, ())) == 1]
    try:
        known = {item.name: item for item in report.settings.explainers}
    except (ValueError, TypeError):  # of a report that was made by hand, or with explainers that are not known here
        return single
    if explainer not in known:
        return single
    own = _but_layer(known[explainer])
    return [name for name in single if name in known and _but_layer(known[name]) == own]


def shown(report: EvaluationReport, explainers: Sequence[str]) -> tuple[str, ...]:
    """The explainers whose figures stand in tables: of those that differ in their layer alone, the first.

    Args:
        report: One of the reports.
        explainers: The explainers that all reports have.
    """
    found: list[str] = []
    for name in explainers:
        if not any(name in of_one_kind(report, other) for other in found):
            found.append(name)
    return tuple(found)


def layer_profile(
    reports: Sequence[EvaluationReport], attack: str, noise: str | None, explainer: str, epsilon: float, metric: str
) -> LayerProfile:
    """MOD at each layer of one model.

    Args:
        reports: The reports of its runs.
        attack: Name of the attack.
        noise: Name of the noise control; `None` for none.
        explainer: Name of the explainer.
        epsilon: One of the epsilons.
        metric: Name of the dissimilarity.

    Raises:
        ValueError: The explainer looks at one layer alone, or runs have other layers.
    """
    names = [at_layers(report, explainer) for report in reports]
    first = reports[0]
    depths = [_depths(report, each) for report, each in zip(reports, names, strict=True)]
    for each in names:
        if len(each) < 2:
            raise ValueError(
                f"A profile by depth needs {explainer!r} at several layers of each model: compare with "
                f"every_layer=True. Received: {first.provenance['model']!r} with {', '.join(each) or 'none'}"
            )
    if any(not np.array_equal(each, depths[0]) for each in depths):
        raise ValueError(f"The runs of {first.provenance['model']!r} have other layers: they are no runs of one model.")

    def mods(attack: str) -> np.ndarray:
        found = [
            [report.mod(attack, name, epsilon, metric=metric) for name in each]
            for report, each in zip(reports, names, strict=True)
        ]
        means: np.ndarray = np.mean(found, axis=0)
        return means

    chance = [[one.chance(name, metric=metric) for name in each] for one, each in zip(reports, names, strict=True)]
    return LayerProfile(
        layers=tuple(first.provenance["layers"][name][0] for name in names[0]),
        depth=(depths[0] - depths[0][0]) / (depths[0][-1] - depths[0][0]),
        mod=mods(attack),
        noise=np.full(len(names[0]), np.nan) if noise is None else mods(noise),
        chance=np.mean(chance, axis=0),
    )


def _depths(report: EvaluationReport, names: Sequence[str]) -> np.ndarray:
    return np.array([report.provenance["depths"].get(name, [place])[0] for place, name in enumerate(names)], float)


def _but_layer(explainer: Explainer) -> tuple[object, ...]:
    config = explainer.get_config()
    return type(explainer), tuple((key, repr(value)) for key, value in config.items() if key != "layer")
