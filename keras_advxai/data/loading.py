"""From a path to data: folders, tables and arrays."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Bounds
from keras_advxai.data import files
from keras_advxai.data.image_files import ImageFiles
from keras_advxai.data.pictures import Picture
from keras_advxai.models.inputs import check_flag, check_whole_number

_PAIRS = (("x", "y"), ("images", "labels"), ("x_test", "y_test"), ("data", "labels"))
_WAYS = (
    "a folder of images, with a sub-folder for each class or without labels; a .csv table with a path and a label in "
    "each line; an .npz file with the arrays x and y; or a folder that tf.data.Dataset.save wrote"
)


def load(
    path: str | os.PathLike[str],
    *,
    size: int | Sequence[int] | None = None,
    crop: bool | float = True,
    channels: int = 3,
    batch_size: int = 32,
    limit: int | None = None,
    shuffle: bool = False,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    numbers: bool = False,
    labels: bool = True,
    strict: bool = False,
    bounds: Bounds = (0.0, 255.0),
    interpolation: str = "bicubic",
) -> Any:
    """Images and labels from a path, in the form that `evaluate` takes.

    Image files are decoded when their batch is read, each once: JPEG, PNG, BMP, the first frame of a GIF, WebP and TIFF
    where Pillow can, turned as their EXIF says (`tf.io.decode_jpeg` and Keras' `image_dataset_from_directory` leave
    them as they lie), with 16 bits and gray scaled to the range of 8. With a `size`, the middle of a photograph is
    resized by default, as wide as its shorter side allows, since a network takes a photograph that was stretched for
    something else.

    Args:
        path: A folder of images, with a sub-folder for each class or without labels; a `.csv` table with a path and a
            label in each line; an `.npz` file with the arrays `x` and `y`; or a folder that `tf.data.Dataset.save`
            wrote.
        size: `(height, width)`, or both as one number, which image files are resized to. Defaults to `None`, as they
            are.
        crop: What of an image is resized: `True`, its middle with the proportions of `size`; a share such as 0.875 of
            it; or `False`, all of it, which is stretched. Defaults to `True`.
        channels: 3 for colour or 1 for gray, of image files. Defaults to 3.
        batch_size: How many image files are read at a time. Defaults to 32.
        limit: At most so many image files, uniformly spread over all of them. Defaults to `None`, all.
        shuffle: Whether image files are read in an order that is drawn, always the same for a `seed`, and not in
            that of their names. Then neither *chance* nor the first images are of one class. Defaults to `False`.
        seed: Of `shuffle`. Defaults to 0.
        classes: The names of the classes in the order of the model's outputs, if sub-folders or labels are names.
            Defaults to `None`: alphabetical order; what are all numbers are classes by number.
        numbers: Whether all that stands behind the path in a line of a table are numbers, and no class: what a
            regression is to say, or 0 and 1 for each of several labels. A heading names them. Defaults to `False`.
        labels: Whether there are labels to be read. Defaults to `True`. With `False`, sub-folders are no classes and
            may stand beside images, and what follows the path in a table, `y` in an `.npz` file and the second part of
            a saved dataset are passed over.
        strict: Whether a file that cannot be decoded is an error. Defaults to `False`: it is left out, and stands in
            `skipped`.
        bounds: The range that the pixels of image files are scaled to, for a model that takes pixels in [0, 1], say.
            Defaults to `(0, 255)`, as they are in the files.
        interpolation: How image files are resized: `"bicubic"` over all pixels that a new one covers, as networks of
            ImageNet are usually tested; or `"bilinear"` between the four nearest, as
            `keras.utils.image_dataset_from_directory` does. A model that was trained with that loader sees images
            resized as it knows them with `interpolation="bilinear", crop=False`, and may be far less right on others.
            (JPEG files are decoded by the accurate method, and there by the fast one: a level apart.) Defaults to
            `"bicubic"`.

    Returns:
        `ImageFiles`, a `keras.utils.PyDataset` with the files' `names`, `class_names` and what was `skipped`; `(x, y)`
        or `x` of an `.npz` file; a batched `tf.data.Dataset` of a saved one.

    Raises:
        FileNotFoundError: There is nothing at the path.
        ValueError: What is there is none of these, or something in it does not fit; the message says what.

    Example:

    >>> import pathlib, tempfile
    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         pathlib.Path(folder, name).mkdir()
    ...         keras.utils.save_img(f"{folder}/{name}/first.png", np.zeros((30, 40, 3)), scale=False)
    ...     data = kax.data.load(folder, size=24)
    ...     x, y = data[0]
    >>> x.shape, y.tolist(), data.names, data.class_names
    ((2, 24, 24, 3), [0, 1], ('cat/first.png', 'dog/first.png'), ('cat', 'dog'))
    """
    place = pathlib.Path(path).expanduser()
    picture = Picture(_sides(size), crop, channels, bounds, interpolation)
    batch_size = check_whole_number("batch_size", batch_size, 1)
    if limit is not None:
        limit = check_whole_number("limit", limit, 1)
    check_flag("strict", strict)
    seed = check_whole_number("seed", seed, 0)
    shuffle = check_flag("shuffle", shuffle)
    check_flag("numbers", numbers)
    check_flag("labels", labels)
    if not place.exists():
        raise FileNotFoundError(f"There is nothing at {str(place)!r}. Pass {_WAYS}.")
    if place.is_dir() and (place / "dataset_spec.pb").exists():
        return _saved(place, batch_size, labels)
    if place.suffix.lower() == ".npz":
        return _arrays(place, labels)
    if place.is_dir():
        found = files.in_folder(place, classes, labels)
        if numbers and found.labels is not None:
            raise ValueError(
                f"The sub-folders of {str(place)!r} are classes. Numbers for each image stand in a .csv table "
                "behind its path, or in an .npz file."
            )
    elif place.suffix.lower() in (".csv", ".tsv", ".txt"):
        found = files.in_table(place, classes, numbers, labels)
    else:
        raise ValueError(f"{str(place)!r} is no data set. Pass {_WAYS}.")
    found = found.first(limit)
    return ImageFiles(found.shuffled(seed) if shuffle else found, picture, batch_size, strict)


def _sides(size: int | Sequence[int] | None) -> tuple[int, int] | None:
    if size is None or isinstance(size, int):
        return None if size is None else (size, size)
    if isinstance(size, str) or len(size) != 2:
        raise ValueError(f"Argument `size` must be (height, width), or both as one number. Received: size={size!r}")
    return size[0], size[1]


def _arrays(path: pathlib.Path, labels: bool) -> Any:
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = archive.files
            pair = next((pair for pair in _PAIRS if pair[0] in names), None)
            if pair is None:
                raise ValueError(f"it has the arrays {', '.join(names)}, and none of them is named x or images")
            images = archive[pair[0]]
            return (images, archive[pair[1]]) if labels and pair[1] in names else images
    except Exception as error:  # NumPy's and zipfile's own, according to what is wrong; objects are not unpickled
        raise ValueError(f"{str(path)!r} holds no images: {error}") from error


def _saved(path: pathlib.Path, batch_size: int, labels: bool) -> tf.data.Dataset:
    data = tf.data.Dataset.load(str(path))
    if not labels and isinstance(data.element_spec, tuple):
        data = data.map(lambda image, *others: image)
    spec = data.element_spec
    image = spec[0] if isinstance(spec, tuple) else spec
    # A batch of images has a dimension more than an image, whose channels are the last.
    return data.batch(batch_size) if image.shape.rank == 3 else data
