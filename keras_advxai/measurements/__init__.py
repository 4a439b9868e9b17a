"""What was measured of each image, and every figure of it. Knows neither models nor images: arrays and their names."""

from keras_advxai.measurements import render
from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.measurements.examples import Example
from keras_advxai.measurements.finding import Finding
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.quantity import QUANTITIES, Quantity, quantity
from keras_advxai.measurements.row import Row

__all__ = [
    "QUANTITIES",
    "Coordinates",
    "Example",
    "Finding",
    "Measurements",
    "Quantity",
    "Row",
    "quantity",
    "render",
]
