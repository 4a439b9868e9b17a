"""Data as they come: arrays, datasets, streams."""

from keras_advxai.data.batches import Batches, Fingerprint, first_inputs

__all__ = ["Batches", "Fingerprint", "first_inputs"]
