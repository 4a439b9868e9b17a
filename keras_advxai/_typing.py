"""Aliases for the types that recur in public signatures."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

Tensor: TypeAlias = Any
"""A NumPy array or a TensorFlow tensor. Neither package is imported to say so."""

Bounds: TypeAlias = tuple[float, float]
"""The smallest and the largest value that a pixel may take, in image space."""

Shape: TypeAlias = Sequence[int | None] | None
"""The shape of one image as the model takes it, `(height, width, channels)`; `None` where it says so itself."""

Norm: TypeAlias = Literal["linf", "l2"]
"""The norm in which a perturbation is measured."""

Aim: TypeAlias = Literal["label", "explanation", "noise"]
"""What an attack is after."""

Score: TypeAlias = Literal["logit", "probability", "centered_logit"]
"""What an explainer differentiates: the value before or after the softmax, or before it less the mean of all logits."""

TargetMode: TypeAlias = Literal["predicted", "clean", "label"]
"""Whose class a heatmap explains: each image's own prediction, the clean one, or the label."""

Checks: TypeAlias = Literal["cheap", "all"]
"""Which checks an evaluation makes: those of what it found, or also those that run the model again."""

OnError: TypeAlias = Literal["raise", "partial"]
"""What an evaluation does where a batch fails: raise an error that has the report, or return it, marked as partial."""

AttackTargets: TypeAlias = str | int | Sequence[int] | Tensor | None
"""Which target classes of targeted attacks: the name of a rule, one class, or one for each image."""

ImageNames: TypeAlias = Sequence[str | os.PathLike[str]] | None
"""What the images of arrays are called, one name for each, in their order; `None` where nobody knows."""

Preprocess: TypeAlias = str | Callable[[Any], Any] | None
"""A map from image space to what the network takes, or the name of a `keras.applications` module."""

Reduce: TypeAlias = Callable[[Any], Any] | None
"""A map from a model's output of another shape to `(batch, classes)`."""

Labels: TypeAlias = Literal["single", "multi"] | None
"""Whether a model predicts one class for each image or several labels; `None` where its head and the labels tell."""

TaskName: TypeAlias = Literal["classification", "regression"] | None
"""What a model is for; `None` for a classification, unless it was compiled with the loss of a regression."""

Quadrature: TypeAlias = Literal["gausslegendre", "riemann_trapezoid", "riemann_left", "riemann_right", "riemann_middle"]
"""How an integral over a path is approximated."""
