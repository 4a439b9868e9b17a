"""What the tags call explainers, and which of them are those of a depth profile."""

from __future__ import annotations

import collections
import re
from collections.abc import Sequence

from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.tensorboard.names import safe
from keras_advxai.viewer.families import without_layer


def measured_name(name: str, metric: str) -> str:
    """The part of a tag that names an explainer, and the dissimilarity if it is not the usual one."""
    return name if metric == "nissim" else f"{name}/{safe(metric)}"


def profiles(report: EvaluationReport) -> dict[str, tuple[str, ...]]:
    """The explainers of each depth profile, by what they are called without their layers, in order of depth.

    `GradCAM.every_layer` makes an explainer for each layer, of which 13 would be 94 charts.

    Args:
        report: The report.
    """
    layers, depths = report.provenance["layers"], report.provenance["depths"]
    found: dict[str, list[str]] = collections.defaultdict(list)
    for name in report.explainers:
        if len(layers.get(name, ())) == 1:
            found[without_layer(name, layers[name][0])].append(name)
    return {
        family: tuple(sorted(names, key=lambda name: depths.get(name, [0])[0]))
        for family, names in found.items()
        if len({layers[name][0] for name in names}) > 1
    }


def charted(report: EvaluationReport) -> dict[str, str]:
    """The explainers that have charts, histograms and pictures of their own, and what the tags call them.

    Of those of a depth profile it is the deepest, under the name of all of them.

    Args:
        report: The report.
    """
    deep = {name: family for family, names in profiles(report).items() for name in names}
    last = {names[-1] for names in profiles(report).values()}
    return {name: safe(deep.get(name, name)) for name in report.explainers if name not in deep or name in last}


def numbered(report: EvaluationReport, names: Sequence[str]) -> dict[str, str]:
    """The explainers of a depth profile, and what the tags call their layers: `03_conv2d`.

    A number makes the order that of the network. The one that Keras puts behind `conv2d`, by counting what was built
    before, is left out, since it is another in each training.

    Args:
        report: The report.
        names: The explainers, in order of depth.
    """
    layers = report.provenance["layers"]
    width = max(2, len(str(len(names))))
    return {
        name: f"{place:0{width}d}_{safe(re.sub(r'_[0-9]+(?=/|$)', '', layers[name][0]).replace('/', '.'))}"
        for place, name in enumerate(names, 1)
    }
