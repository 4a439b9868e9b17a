"""Data as they come: arrays, datasets, streams."""

from keras_advxai.data.batches import Batches
from keras_advxai.data.fingerprint import Fingerprint, fingerprint
from keras_advxai.data.streams import first_inputs

__all__ = ["Batches", "Fingerprint", "fingerprint", "first_inputs"]
