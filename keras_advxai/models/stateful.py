"""Which layers of a model keep a state from one call to the next."""

from __future__ import annotations

import keras

from keras_advxai.models.recording import all_operations


def stateful_layers(model: keras.Model) -> tuple[str, ...]:
    """The names of the layers that go on from the state that the call before has left, as Keras' recurrent ones may.

    Args:
        model: The model.

    Example:

    >>> import keras
    >>> from keras_advxai.models.stateful import stateful_layers
    >>> layers = [keras.layers.LSTM(2, stateful=True, name="remembers"), keras.layers.Dense(2)]
    >>> stateful_layers(keras.Sequential([keras.Input((4, 3), batch_size=1), *layers]))
    ('remembers',)
    """
    # A `Bidirectional` has the word of the layers that it runs; a model says it where one of its layers does.
    found = [item for item in all_operations(model) if getattr(item, "stateful", False) is True]
    inner = [item for item in found if isinstance(item, keras.layers.RNN)]
    return tuple(dict.fromkeys(item.name for item in inner or found if not isinstance(item, keras.Model)))
