"""Metrics of explanation drift: NISSIM of pairs of heatmaps, and MOD and VID over adversarial sets."""

from keras_advxai import _backend as _backend  # refuses other backends before Keras is imported
from keras_advxai.metrics.drift import MOD, VID, mod, vid
from keras_advxai.metrics.nissim import nissim

ALL_OBJECTS = (MOD, VID)

__all__ = ["ALL_OBJECTS", "MOD", "VID", "mod", "nissim", "vid"]
