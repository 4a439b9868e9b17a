"""Pure functions on arrays: norms, losses, heatmaps, structural similarity."""

from keras_advxai import _backend as _backend  # refuses other backends before Keras is imported
