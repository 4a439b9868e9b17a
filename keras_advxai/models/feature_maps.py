"""Feature maps in a pass, and the kinds of layers and operations that the search for them tells apart."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras

from keras_advxai.models.recording import Call

_L = keras.layers
# VGG and LeNet pool between the last convolution and Flatten: in front of the pooling, the map has four times the
# positions.
STEP_BACK = (
    *(_L.MaxPooling1D, _L.MaxPooling2D, _L.MaxPooling3D),
    *(_L.AveragePooling1D, _L.AveragePooling2D, _L.AveragePooling3D),
    *(_L.ZeroPadding1D, _L.ZeroPadding2D, _L.ZeroPadding3D),
    *(_L.Dropout, _L.SpatialDropout1D, _L.SpatialDropout2D, _L.SpatialDropout3D, _L.AlphaDropout),
    *(_L.GaussianDropout, _L.GaussianNoise, _L.ActivityRegularization, _L.Identity),
)
"""Layers between a map and what ends its extent, in front of which the map is taken."""

CONVOLUTIONS = (
    *(_L.Conv1D, _L.Conv2D, _L.Conv3D, _L.Conv1DTranspose, _L.Conv2DTranspose, _L.Conv3DTranspose),
    *(_L.DepthwiseConv1D, _L.DepthwiseConv2D, _L.SeparableConv1D, _L.SeparableConv2D),
)
"""Layers whose kernels move over positions."""

# What makes of a single convolution more than patches: CvT-like stems and small hybrids have an activation behind it.
NONLINEAR_OPS = frozenset(
    {"Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Softplus", "Softsign", "Sigmoid", "Tanh", "Erf", "Erfc"}
    | {"Maximum", "MaxPool"}
)
"""Operations that are no products of weights."""


@dataclasses.dataclass(frozen=True)
class FeatureMap:
    """The output of a call, or one of its inputs that no layer returned."""

    call: Call
    input: int | None = None

    @property
    def tensor(self) -> Any:
        """The symbolic tensor."""
        return self.call.output if self.input is None else self.call.inputs[self.input]
