"""Keras callbacks."""

from keras_advxai.callbacks.adversarial_evaluation import AdversarialEvaluation

__all__ = ["AdversarialEvaluation"]
