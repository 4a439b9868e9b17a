"""Which layers of a model leave out steps by the values that these have."""

from __future__ import annotations

import keras

from keras_advxai.models.recording import all_operations


def masking_layers(model: keras.Model) -> tuple[str, ...]:
    """The names of the layers by which steps that hold one value alone, as padding does, are left out.

    Args:
        model: The model.

    Example:

    >>> import keras
    >>> from keras_advxai.models.masking import masking_layers
    >>> layers = [keras.layers.Masking(name="padding"), keras.layers.LSTM(2)]
    >>> masking_layers(keras.Sequential([keras.Input((4, 3)), *layers]))
    ('padding',)
    """
    found = (item.name for item in all_operations(model) if isinstance(item, keras.layers.Masking))
    return tuple(dict.fromkeys(found))
