"""The same images for models of several sizes: each batch at the size, the channels and the range that one takes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Bounds
from keras_advxai.data import load, streams
from keras_advxai.data.names import Named, given_names
from keras_advxai.models import ImageClassifier
from keras_advxai.models.class_names import counted_names
from keras_advxai.models.inputs import describe
from keras_advxai.ops.random import content_keys


def fitted(
    data: Any,
    classifier: ImageClassifier,
    *,
    size: tuple[int, int] | None,
    bounds: Bounds | None,
    batch_size: int,
    names: Any = None,
) -> Any:
    """The data as one model takes them: as they are where they fit, and else resized batch by batch.

    Args:
        data: A path, as `kax.data.load` takes it; arrays `x` or `(x, y)`, a batched `tf.data.Dataset` or a
            `keras.utils.PyDataset`.
        classifier: The model.
        size: `(height, width)` for a model that takes images of any size; `None` for that of the data.
        bounds: The range of the pixels of the data, which are scaled to that of the model; `None` for as they are.
        batch_size: How many images of arrays, or files, are read at a time.
        names: What the images of arrays are called. Defaults to `None`.

    Raises:
        ValueError: They cannot be made to fit; the message says why.
    """
    shape = classifier.image_shape
    takes = (None, None, None) if shape is None else tuple(shape)
    first = takes[0] in (1, 3) and takes[-1] not in (1, 3, None)  # channels in front
    if len(takes) != 3 or first or classifier.takes_several_inputs:
        return data  # not resized: an evaluation says what does not fit
    wanted = tuple(side if side is not None else (size or (None, None))[place] for place, side in enumerate(takes[:2]))
    if isinstance(data, (str, os.PathLike)):
        if not all(wanted):
            raise ValueError(f"The model {classifier.model.name!r} takes images of any size: say which, as size=224.")
        return load(
            data,
            size=(int(wanted[0] or 0), int(wanted[1] or 0)),
            channels=takes[2] or 3,
            batch_size=batch_size,
            bounds=classifier.bounds,
            numbers=classifier.labels == "multi" or classifier.task == "regression",
            shuffle=True,  # of folders sorted by class, chance would be one within classes
        )
    given = shape_of(data)
    scaled = bounds is not None and tuple(bounds) != tuple(classifier.bounds)
    fits = all(
        mine is None or theirs is None or mine == theirs
        for mine, theirs in zip((*wanted, takes[2]), given, strict=True)
    )
    if fits and not scaled:
        return data
    target = [mine or theirs for mine, theirs in zip((*wanted, takes[2]), given, strict=True)]
    if None in target:
        raise ValueError("The data do not say the size of their images. Pass arrays, or say it by their element_spec.")
    height, width, channels = (int(side or 0) for side in target)
    return Fitted(data, (height, width, channels), (bounds, classifier.bounds), batch_size, names)


class Fitted(keras.utils.PyDataset):
    """Data whose images are brought to another size, number of channels and range, batch by batch.

    The middle of an image is resized, with the proportions of the new size, as `kax.data.load` does with files: linear
    in each dimension, averaging where it becomes smaller.

    Args:
        data: Arrays `x` or `(x, y)`, a batched `tf.data.Dataset` or a `keras.utils.PyDataset`.
        shape: `(height, width, channels)` of the new images.
        bounds: The range of the pixels of the data, `None` for as they are, and that of the new images.
        batch_size: How many images of arrays are read at a time.
        names: What the images of arrays are called. Defaults to `None`.

    Raises:
        ValueError: A dataset does not say how many batches it has, or `names` do not fit.
    """

    def __init__(
        self,
        data: Any,
        shape: tuple[int, int, int],
        bounds: tuple[Bounds | None, Bounds],
        batch_size: int,
        names: Any = None,
    ) -> None:
        super().__init__()
        self._data, self.shape, self._bounds, self._batch_size = data, shape, bounds, batch_size
        self.class_names = counted_names(data)  # of a folder, which labels count
        self._arrays = None if isinstance(data, (tf.data.Dataset, keras.utils.PyDataset)) else _parts(data)
        self._names = None
        if names is not None:
            self._names = given_names(names, data, None if self._arrays is None else len(self._arrays[0]))
        if self._arrays is not None:
            self._count = math.ceil(len(self._arrays[0]) / batch_size)
        else:
            count = streams.batch_count(data)
            if count is None or count == math.inf:
                raise ValueError(
                    "To bring its images to another size, a dataset has to say how many batches it has: use "
                    f"dataset.apply(tf.data.experimental.assert_cardinality(count)). Received: {describe(data)}"
                )
            self._count = int(count)
        self._reading: Iterator[Any] = iter(())
        self._next = -1
        self._keys: dict[int, np.ndarray] = {}

    @property
    def num_batches(self) -> int:
        """How many batches there are."""
        return self._count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        return self.named(index)[0]

    def named(self, index: int) -> tuple[Any, Sequence[str] | None]:
        """One batch, and the names of its images, `None` where nobody knows."""
        element, names = self._read(index)
        x, y = _parts(element)
        self._keys[index] = content_keys(tf.cast(x, tf.float32)).numpy() if len(x) else np.zeros(0, "int32")
        images = self._fit(tf.cast(x, tf.float32)).numpy()
        return (images if y is None else (images, y)), names

    def sources(self, images: int) -> np.ndarray:
        """A number for each image that was read, by its pixels before they were changed, `(images,)`.

        It is that of `content_keys`, as an evaluation of the data as they are measures it.

        Args:
            images: How many were evaluated.
        """
        return np.concatenate([self._keys[index] for index in sorted(self._keys)])[:images]

    def _read(self, index: int) -> tuple[Any, Sequence[str] | None]:
        if self._arrays is not None:
            part = slice(index * self._batch_size, (index + 1) * self._batch_size)
            x, y = self._arrays
            names = None if self._names is None else self._names[part].tolist()
            return (x[part] if y is None else (x[part], y[part])), names
        if isinstance(self._data, keras.utils.PyDataset):
            element, names = self._data.named(index) if isinstance(self._data, Named) else (self._data[index], None)
            return streams.as_arrays(element), names
        if index != self._next:  # batches are read in order; whoever looks at the first ones begins anew
            self._reading, self._next = iter(self._data.skip(index)), index
        self._next += 1
        return streams.as_arrays(next(self._reading)), None

    def _fit(self, images: tf.Tensor) -> tf.Tensor:
        height, width, channels = self.shape
        rows, columns = int(images.shape[1]), int(images.shape[2])
        scale = min(rows / height, columns / width)
        tall, wide = round(scale * height), round(scale * width)
        top, left = (rows - tall) // 2, (columns - wide) // 2
        middle = images[:, top : top + tall, left : left + wide]
        found = tf.image.resize(middle, (height, width), antialias=True)
        if channels != found.shape[-1]:
            if {channels, int(found.shape[-1])} != {1, 3}:
                raise ValueError(f"Images of {found.shape[-1]} channels cannot be made images of {channels}.")
            found = tf.image.grayscale_to_rgb(found) if channels == 3 else tf.image.rgb_to_grayscale(found)
        (low, high), (lower, upper) = self._bounds[0] or self._bounds[1], self._bounds[1]
        if (low, high) != (lower, upper):
            found = lower + (found - low) * ((upper - lower) / (high - low))
        # Rounding may lead past a bound, and what lies beyond by more is wrong: an evaluation refuses it.
        slack = 1e-5 * (upper - lower)
        inside = (found > lower - slack) & (found < upper + slack)
        return tf.where(inside, tf.clip_by_value(found, lower, upper), found)


def _parts(data: Any) -> tuple[Any, Any]:
    """Images and labels of arrays, or of a batch."""
    if isinstance(data, (tuple, list)) and len(data) in (1, 2, 3) and hasattr(data[0], "shape"):
        return data[0], data[1] if len(data) > 1 else None
    if not hasattr(data, "shape"):
        raise TypeError(
            "Only images that are one array, with or without labels, are brought to the size of a model. "
            f"Received: {describe(data)}"
        )
    return data, None


def shape_of(data: Any) -> tuple[int | None, int | None, int | None]:
    """Height, width and channels of the images, `None` for what is not known before they are read.

    Args:
        data: Arrays or a dataset.
    """
    if isinstance(data, Fitted):
        return data.shape
    if isinstance(data, tf.data.Dataset):
        spec = data.element_spec
        image = spec[0] if isinstance(spec, (tuple, list)) else spec
        shape = getattr(image, "shape", None)
        sides = shape.as_list() if shape is not None and shape.rank is not None else []
    elif isinstance(data, keras.utils.PyDataset):
        first = data[0] if streams.batch_count(data) else None
        sides = [] if first is None else list(np.shape(_parts(first)[0]))
    else:
        try:
            sides = list(np.shape(_parts(data)[0]))
        except TypeError:
            sides = []  # of other kinds an evaluation says what is wrong with them
    if len(sides) != 4:
        return None, None, None
    _, height, width, channels = sides
    return height, width, channels
