"""Several models on the same images: who is compared with whom, on what, and what came of it."""

from keras_advxai.comparison import render  # registered by being imported
from keras_advxai.comparison.comparison import Comparison

__all__ = ["Comparison", "render"]
