"""Linear models, whose strongest attacks can be worked out by hand."""

from __future__ import annotations

import helpers
import keras
import numpy as np

import keras_advxai as kax

SHAPE = (4, 4, 1)
PIXELS = 16


def images(count: int = 12, seed: int = 1) -> np.ndarray:
    """Images so far from the bounds that an attack at 0.1 does not meet them."""
    return np.random.default_rng(seed).uniform(0.3, 0.7, (count, *SHAPE)).astype("float32")


def weights(classes: int, seed: int = 0) -> np.ndarray:
    """Weights that add up to 0 for each class, so that images of any brightness are of all classes."""
    found = np.random.default_rng(seed).normal(size=(PIXELS, classes))
    return (found - found.mean(0)).astype("float32")


def model(kernel: np.ndarray, activation: str | None = None) -> keras.Model:
    return helpers.linear_model(kernel, SHAPE, activation=activation)


def predictions(network: keras.Model, x: np.ndarray) -> np.ndarray:
    return kax.ImageClassifier(network).forward(x).predictions.numpy()


def direction(slope: np.ndarray, norm: str) -> np.ndarray:
    """Of norm 1, along which a function with this slope, `(batch, 16)`, rises fastest."""
    return np.sign(slope) if norm == "linf" else slope / np.linalg.norm(slope, axis=1, keepdims=True)


def optimum(x: np.ndarray, y: np.ndarray, kernel: np.ndarray, epsilon: float, norm: str) -> np.ndarray:
    """The strongest attack on a model with two classes, while it stays off the bounds."""
    slope = (kernel.astype("float64").T)[1 - y] - kernel.T[y]
    return x + epsilon * direction(slope, norm).reshape(x.shape)


def leads(x: np.ndarray, y: np.ndarray, kernel: np.ndarray, epsilon: float, norm: str) -> np.ndarray:
    """By how much each other class can be brought to lead the label, `(batch, classes)`; -inf for the label itself."""
    kernel = kernel.astype("float64")
    logits = x.reshape(len(x), PIXELS) @ kernel
    slopes = kernel.T[None] - kernel.T[y][:, None]
    size = np.abs(slopes).sum(-1) if norm == "linf" else np.linalg.norm(slopes, axis=-1)
    found = logits - logits[np.arange(len(y)), y][:, None] + epsilon * size
    found[np.arange(len(y)), y] = -np.inf
    return found


def lengths(delta: np.ndarray, norm: str) -> np.ndarray:
    flat = delta.reshape(len(delta), -1).astype("float64")
    return np.abs(flat).max(1) if norm == "linf" else np.linalg.norm(flat, axis=1)
