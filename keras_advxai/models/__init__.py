"""What is known about a user's model, and the only code that differentiates it."""

from keras_advxai.models.classifier import ImageClassifier, as_classifier
from keras_advxai.models.discovery import LayerInfo
from keras_advxai.models.forward import Forward

__all__ = ["Forward", "ImageClassifier", "LayerInfo", "as_classifier"]
