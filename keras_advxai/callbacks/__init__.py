"""Keras callbacks."""

from keras_advxai._failures import FailureWarning
from keras_advxai.callbacks.adversarial_evaluation import AdversarialEvaluation
from keras_advxai.callbacks.telling import FindingWarning

__all__ = ["AdversarialEvaluation", "FailureWarning", "FindingWarning"]
