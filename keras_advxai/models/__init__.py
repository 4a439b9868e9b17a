"""What is known about a user's model, and the only code that differentiates it."""

from keras_advxai.models.classifier import ImageClassifier
from keras_advxai.models.coercion import as_classifier
from keras_advxai.models.forward import Forward
from keras_advxai.models.layer_table import LayerInfo, LayerReference, LayerTable
from keras_advxai.models.loading import load_model

__all__ = ["Forward", "ImageClassifier", "LayerInfo", "LayerReference", "LayerTable", "as_classifier", "load_model"]
