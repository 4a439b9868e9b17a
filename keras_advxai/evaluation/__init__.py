"""What is measured on a batch, by one compiled step, and what is reported of it."""

from keras_advxai.evaluation import quantities, render  # registered by being imported
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.measurements import Coordinates, Example, Measurements, Row
from keras_advxai.settings.evaluation_settings import EvaluationSettings

__all__ = [
    "Coordinates",
    "EvaluationReport",
    "EvaluationSettings",
    "Example",
    "Measurements",
    "Row",
    "quantities",
    "render",
]
