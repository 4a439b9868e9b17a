"""A model wrapper that explains, attacks and evaluates beside training and predicting."""

from keras_advxai.wrappers.explainable_model import ExplainableModel

__all__ = ["ExplainableModel"]
