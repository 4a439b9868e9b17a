"""Explanations under attack, for Keras: Grad-CAM, adversarial evaluation and the drift between the two.

Importing this module loads neither Keras nor TensorFlow; each public name is loaded when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from keras_advxai._backend import check_environment

check_environment()

__version__ = "0.2.0"

_MODULES = (
    *("attacks", "audit", "callbacks", "comparison", "contrib", "corruptions", "data", "datasets", "distributed"),
    *("evaluation", "explainers", "figures", "metrics", "pretrained", "testing", "training", "wrappers"),
)
_NAMES = {
    "EvaluationError": "keras_advxai.execution",
    "EvaluationReport": "keras_advxai.evaluation",
    "EvaluationSettings": "keras_advxai.evaluation",
    "ExplainableModel": "keras_advxai.wrappers",
    "ImageClassifier": "keras_advxai.models",
    "compare": "keras_advxai.comparing",
    "compare_scores": "keras_advxai.api",
    "evaluate": "keras_advxai.api",
    "layers": "keras_advxai.api",
    "list_layers": "keras_advxai.api",
    "load_model": "keras_advxai.models",
}

__all__ = [
    "EvaluationError",
    "EvaluationReport",
    "EvaluationSettings",
    "ExplainableModel",
    "ImageClassifier",
    "__version__",
    "attacks",
    "audit",
    "callbacks",
    "compare",
    "compare_scores",
    "comparison",
    "contrib",
    "corruptions",
    "data",
    "datasets",
    "distributed",
    "evaluate",
    "evaluation",
    "explainers",
    "figures",
    "list_layers",
    "load_model",
    "metrics",
    "pretrained",
    "testing",
    "training",
    "wrappers",
]

if TYPE_CHECKING:
    from keras_advxai import (
        attacks,
        audit,
        callbacks,
        comparison,
        contrib,
        corruptions,
        data,
        datasets,
        distributed,
        evaluation,
        explainers,
        figures,
        metrics,
        pretrained,
        testing,
        training,
        wrappers,
    )
    from keras_advxai.api import compare_scores, evaluate, layers, list_layers
    from keras_advxai.comparing import compare
    from keras_advxai.evaluation import EvaluationReport, EvaluationSettings
    from keras_advxai.execution import EvaluationError
    from keras_advxai.models import ImageClassifier
    from keras_advxai.wrappers import ExplainableModel


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
