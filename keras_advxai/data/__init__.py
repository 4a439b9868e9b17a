"""Data as they come: arrays, datasets, streams."""

from keras_advxai.data.batches import Batches, first_inputs
from keras_advxai.data.fingerprint import Fingerprint, fingerprint

__all__ = ["Batches", "Fingerprint", "fingerprint", "first_inputs"]
