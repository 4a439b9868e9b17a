"""Dissimilarities of two heatmaps, found by name, and MOD and VID over adversarial sets."""

from __future__ import annotations

from keras_advxai.metrics.at_size import at_size
from keras_advxai.metrics.center_shift import center_shift
from keras_advxai.metrics.cosine_distance import cosine_distance
from keras_advxai.metrics.dissimilarity import Dissimilarity
from keras_advxai.metrics.drift import MOD, VID, mod, vid
from keras_advxai.metrics.nissim import nissim
from keras_advxai.metrics.rank_distance import rank_distance
from keras_advxai.metrics.registry import declared, deserialize, get, register, serialize
from keras_advxai.metrics.top_k_distance import top_k_distance

ALL_OBJECTS: tuple[Dissimilarity, ...] = declared()

__all__ = [
    "ALL_OBJECTS",
    "MOD",
    "VID",
    "Dissimilarity",
    "at_size",
    "center_shift",
    "cosine_distance",
    "declared",
    "deserialize",
    "get",
    "mod",
    "nissim",
    "rank_distance",
    "register",
    "serialize",
    "top_k_distance",
    "vid",
]
