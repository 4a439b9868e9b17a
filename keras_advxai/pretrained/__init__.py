"""Models with real weights and the names of their classes, without a download: the extra `pretrained`."""

from keras_advxai.pretrained.efficientnet_lite0 import efficientnet_lite0
from keras_advxai.pretrained.imagenet import imagenet_class_names

__all__ = ["efficientnet_lite0", "imagenet_class_names"]
