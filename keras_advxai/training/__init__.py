"""Adversarial training: models that are trained on what attacks make of their images."""

from keras_advxai.training.adversarial_training import AdversarialTraining
from keras_advxai.training.batch import adversarial_batch
from keras_advxai.training.drift import explanation_drift
from keras_advxai.training.smoothing import SmoothReLU, smooth_relus
from keras_advxai.training.trades import DivergencePGD

__all__ = [
    "AdversarialTraining",
    "DivergencePGD",
    "SmoothReLU",
    "adversarial_batch",
    "explanation_drift",
    "smooth_relus",
]
