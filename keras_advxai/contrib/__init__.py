"""The attacks and explainers of other packages, with the contracts of ours.

What they need is loaded when one of them runs: cleverhans and tf-keras-vis, which are installed with this package, and
alibi, which is an extra. `kax.attacks.get` and `kax.explainers.get` find them by name, too.
"""

from __future__ import annotations

from keras_advxai.attacks import Attack
from keras_advxai.contrib.alibi_integrated_gradients import AlibiIntegratedGradients
from keras_advxai.contrib.clever_hans import CleverHans
from keras_advxai.contrib.tf_keras_vis import TFKerasVis
from keras_advxai.explainers import Explainer

ALL_OBJECTS: tuple[type[Attack] | type[Explainer], ...] = (AlibiIntegratedGradients, CleverHans, TFKerasVis)

__all__ = ["ALL_OBJECTS", "AlibiIntegratedGradients", "CleverHans", "TFKerasVis"]
