"""Weights of trained models that tests begin from: shipped in `data/`, so that they are the same on every machine.

Where a training goes depends on the processor's kernels, and what the tests ask of a trained model would hang on that.
`pytest --train-seed 3` trains them anew instead, with another seed, and shows how far the tests hang on the weights.

    python tests/weights.py    # from the root of the repository: writes data/*.npz again
"""

from __future__ import annotations

import functools
import pathlib
import sys
from collections.abc import Callable

import digits
import helpers
import keras
import numpy as np
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.datasets import faces

DATA = pathlib.Path(__file__).with_name("data")
SIDE = 48
"""Height and width of the photos for `mobilenet`."""


def photos(x: np.ndarray) -> np.ndarray:
    """Faces as an image file would hold them: `(images, 48, 48, 3)`, whole numbers from 0 to 255."""
    larger = tf.image.resize(x, (SIDE, SIDE)).numpy()
    return np.repeat(np.round(larger * 255), 3, axis=-1).astype("uint8")


def mobilenet(weights: str | None = None) -> keras.Model:
    """The narrowest MobileNetV2, for two classes."""
    return keras.applications.MobileNetV2(weights=weights, alpha=0.35, input_shape=(SIDE, SIDE, 3), classes=2)


def _small_cnn(head: str, seed: int) -> keras.Model:
    """The faces' model, and for another seed with its first weights in another order."""
    model = helpers.small_cnn(head)
    if seed:
        generator = np.random.default_rng(seed)
        model.set_weights([generator.permuted(weight, axis=None) for weight in model.get_weights()])
    return model


def _faces(seed: int = 0) -> list[np.ndarray]:
    """Those of `helpers.small_cnn("softmax")`, trained on the faces."""
    model = _small_cnn("softmax", seed)
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    model.fit(*faces.load_data()[0], epochs=20, shuffle=False, verbose=0)
    return model.get_weights()


def _faces_adversarial(seed: int = 0) -> list[np.ndarray]:
    """Those of `helpers.small_cnn("linear")`, trained on the faces and on what FGSM makes of them."""
    x, y = faces.load_data()[0]
    model = _small_cnn("linear", seed)
    model.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, epochs=10, shuffle=False, verbose=0)
    for _ in range(15):
        model.fit(kax.attacks.FGSM()(model, x, y, 0.05), y, epochs=1, shuffle=False, verbose=0)
    return model.get_weights()


def _mobilenet(seed: int = 0) -> list[np.ndarray]:
    """Those of `mobilenet()`, trained on photos of the faces. BatchNorm's momentum of 0.999 is for longer trainings."""
    x, y = faces.load_data()[0]
    inputs = keras.applications.mobilenet_v2.preprocess_input(photos(x).astype("float32"))
    keras.utils.set_random_seed(seed)
    model = mobilenet()
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.8
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(inputs, y, batch_size=30, epochs=10, verbose=0)
    return model.get_weights()


TRAINERS: dict[str, Callable[..., list[np.ndarray]]] = {
    "faces": _faces,
    "faces_adversarial": _faces_adversarial,
    "mobilenet": _mobilenet,
    **{f"digits_{kind}": functools.partial(digits.train, kind) for kind in digits.EPOCHS},
}


def load(name: str, seed: int | None = None) -> list[np.ndarray]:
    """The shipped weights of one name, in the order of `model.get_weights()`; trained now where a seed is given."""
    if seed is not None:
        return TRAINERS[name](seed)
    with np.load(DATA / f"{name}.npz") as found:
        return [found[f"arr_{index}"].astype("float32") for index in range(len(found.files))]


def write(name: str) -> None:
    """Train one of them and ship it, in half precision where the file would be large."""
    weights = TRAINERS[name]()
    if name == "mobilenet":
        weights = [array.astype("float16" if array.ndim > 1 else "float32") for array in weights]
    np.savez_compressed(DATA / f"{name}.npz", *weights)


if __name__ == "__main__":
    for chosen in sys.argv[1:] or TRAINERS:
        write(chosen)
