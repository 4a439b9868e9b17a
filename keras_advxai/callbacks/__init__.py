"""Keras callbacks."""

from keras_advxai.callbacks.adversarial_evaluation import AdversarialEvaluation
from keras_advxai.callbacks.telling import FindingWarning

__all__ = ["AdversarialEvaluation", "FindingWarning"]
