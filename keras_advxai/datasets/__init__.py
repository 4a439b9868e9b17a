"""Small real data sets that need no download, in the shape of `keras.datasets`."""

from keras_advxai.datasets import faces, photographs

__all__ = ["faces", "photographs"]
