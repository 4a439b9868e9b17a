"""Where the numbers of a report come from: model, settings, data and versions."""

from __future__ import annotations

import functools
from importlib import metadata
from typing import Any

from keras_advxai.evaluation.plan import MeasurementPlan
from keras_advxai.models import ImageClassifier
from keras_advxai.models.origins import source_of
from keras_advxai.ops.ssim import SMALLEST_WINDOW, window_size
from keras_advxai.settings.arguments import FUNCTION_SETTINGS
from keras_advxai.settings.evaluation_settings import EvaluationSettings
from keras_advxai.settings.restoring import function_name

_PACKAGES = ("keras-advxai", "tensorflow", "keras", "numpy")


def provenance(
    classifier: ImageClassifier,
    settings: EvaluationSettings,
    plan: MeasurementPlan,
    *,
    has_labels: bool,
    data_sha256: str,
    shape: tuple[int, ...],
    several_sizes: bool,
) -> dict[str, Any]:
    """The provenance of a report, as it can be written to a file.

    Args:
        classifier: What was evaluated.
        settings: How.
        plan: What was measured.
        has_labels: Whether the data have labels.
        data_sha256: The hash of the data; see `data.fingerprint`.
        shape: The shape of an image.
        several_sizes: Whether others have another one.
    """
    functions = {key: getattr(classifier, key) for key in FUNCTION_SETTINGS}
    # JSON holds no functions.
    said = {key: function_name(item) if callable(item) else item for key, item in functions.items()}
    layers = {item.name: list(item.layers(classifier, shape)) for item in plan.explainers}
    topology = classifier.topology(shape)
    # Of images of several sizes, that of the last batch would say nothing of the others.
    size = [] if several_sizes else [int(side or 0) for side in classifier.map_shape((None, *shape))[1:-1]]
    return {
        "model": classifier.model.name,
        "source": source_of(classifier.model),
        "bounds": list(classifier.bounds),
        "preprocess": said["preprocess"],
        "reduce": said["reduce"],
        "task": classifier.kind.name,
        "fold_batch_norm": classifier.fold_batch_norm,
        "jit_compile": classifier.jit_compile,
        "head": classifier.head(shape),
        "target": plan.target,
        "labels": "given" if has_labels else "clean prediction",
        "norms": {item.name: item.norm for item in plan.attacks},
        "aims": {item.name: item.aim for item in plan.attacks},
        "attack_targets": None if plan.rule is None else plan.rule.rule,
        "score_pairs": plan.score_pairs,
        "layers": layers,
        "depths": {name: [topology.depth(path) for path in paths] for name, paths in layers.items()},
        "heatmap_size": size,
        "ssim": _ssim_text(*size) if plan.explainers and size else "",
        "seed": settings.seed,
        "data_sha256": data_sha256,
        "versions": versions(),
        "settings": settings.to_dict(),
    }


@functools.cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def versions() -> dict[str, str]:
    """The versions of the packages that numbers depend on."""
    return {name: _version(name) for name in _PACKAGES}


def _ssim_text(*size: int) -> str:
    if any(1 < side < SMALLEST_WINDOW for side in size) or all(side == 1 for side in size):
        return ""  # too small for SSIM, and measured by other dissimilarities
    window = "x".join([str(window_size(*size))] * sum(side > 1 for side in size))
    # Window and resizing are part of the metric: another library with other ones has another NISSIM.
    return f"{window} uniform window, K1 0.01, K2 0.03, data range 1, bilinear resizing"
