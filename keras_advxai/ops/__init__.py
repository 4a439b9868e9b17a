"""Pure functions on arrays: norms, losses, heatmaps, structural similarity."""

from keras_advxai._backend import check_keras

check_keras()
