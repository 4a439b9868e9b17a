"""How an evaluation is carried out: batch by batch, on several devices or machines, interrupted and resumed."""

from keras_advxai.execution.errors import EvaluationError
from keras_advxai.execution.evaluator import Evaluator

__all__ = ["EvaluationError", "Evaluator"]
