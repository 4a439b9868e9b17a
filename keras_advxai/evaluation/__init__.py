"""Evaluation: one compiled pass over data, and the report that comes out of it."""

from keras_advxai.evaluation.evaluator import Evaluator
from keras_advxai.evaluation.examples import Example
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.evaluation.row import Row
from keras_advxai.evaluation.samples import Samples

__all__ = ["EvaluationReport", "Evaluator", "Example", "Row", "Samples"]
