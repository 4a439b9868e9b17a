"""What an evaluation takes: declared, checked and documented once, and how it comes back from a file."""

from keras_advxai.settings.evaluation_settings import EvaluationSettings

__all__ = ["EvaluationSettings"]
