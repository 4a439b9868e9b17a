"""A small model in a file and a folder of small images, with which the commands run."""

from __future__ import annotations

import pathlib

import keras
import numpy as np
import pytest
from PIL import Image

from keras_advxai.cli import main

COLOURS = ("blue", "green", "red")
SIDE = 16


def save_model(path: pathlib.Path) -> None:
    """A network that names the colour which dominates an image, trained on pixels in [0, 1]."""
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Conv2D(3, 1, use_bias=False, name="conv")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(3, activation="softmax")(x), name="colours")
    turned = np.eye(3, dtype="float32")[::-1]  # blue is the first class, and the last channel
    model.get_layer("conv").set_weights([turned[None, None]])
    statistics = [np.full(3, value, "float32") for value in (1, 0, 0.4, 0.07)]
    model.get_layer("norm").set_weights(statistics)
    model.layers[-1].set_weights([3 * np.eye(3, dtype="float32"), np.zeros(3, "float32")])
    model.save(path)


def save_images(folder: pathlib.Path, each: int = 4) -> None:
    """Images of noise in which one colour dominates, in a sub-folder for each."""
    draws = np.random.default_rng(0)
    for place, colour in enumerate(COLOURS):
        (folder / colour).mkdir(parents=True)
        for number in range(each):
            pixels = draws.integers(0, 160, (SIDE + 4, SIDE + 8, 3))
            pixels[..., 2 - place] += 95
            Image.fromarray(pixels.astype("uint8")).save(folder / colour / f"{number}.png")


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with `model.keras`, the images in `colours`, and the table and arrays of the same."""
    folder = tmp_path_factory.mktemp("command line")
    save_model(folder / "model.keras")
    save_images(folder / "colours")
    files = sorted((folder / "colours").rglob("*.png"))
    rows = [f"{file.relative_to(folder)},{COLOURS.index(file.parent.name)}" for file in files]
    (folder / "table.csv").write_text("\n".join(rows))
    (folder / "names.txt").write_text("\n".join(COLOURS))
    x = np.random.default_rng(0).random((6, SIDE, SIDE, 3)).astype("float32")
    np.savez(folder / "arrays.npz", x=x, y=np.array([0, 1, 2, 0, 1, 2]))
    return folder


@pytest.fixture
def run(here, monkeypatch, capsys):
    """Runs the program in that folder; returns its exit code, standard output and standard error."""
    monkeypatch.chdir(here)

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return call
