"""Evaluation: one compiled pass over data, and the report that comes out of it."""

from keras_advxai.evaluation import quantities, render  # registered by being imported
from keras_advxai.evaluation.errors import EvaluationError
from keras_advxai.evaluation.evaluator import Evaluator
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.measurements import Coordinates, Example, Measurements, Row
from keras_advxai.settings.evaluation_settings import EvaluationSettings

__all__ = [
    "Coordinates",
    "EvaluationError",
    "EvaluationReport",
    "EvaluationSettings",
    "Evaluator",
    "Example",
    "Measurements",
    "Row",
    "quantities",
    "render",
]
