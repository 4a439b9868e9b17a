"""Data as batches: arrays, tf.data datasets and Keras' PyDataset behind one interface."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai.data import streams
from keras_advxai.data.given_targets import check_given
from keras_advxai.data.names import check_names, given_names
from keras_advxai.data.sampling import Read, chosen, reservoir, take, take_labelled
from keras_advxai.data.shards import SAY_HOW_MANY, Shard, Slice
from keras_advxai.models import ImageClassifier
from keras_advxai.models.arrays import as_array
from keras_advxai.models.inputs import check_whole_number, describe

_KINDS = "Argument `data` must be (x, y) arrays, x alone, a batched tf.data.Dataset or a keras.utils.PyDataset."


class Batches:
    """Images and labels, batch by batch, checked against a classifier before anything is computed.

    Arrays are checked as a whole when this is built; what arrives as a stream is checked as it arrives,
    and the message names the batch.

    Args:
        data: `(x, y)` arrays, `x` alone, a batched `tf.data.Dataset` or a `keras.utils.PyDataset` of either.
        classifier: What the images and labels have to fit.
        batch_size: How many images a batch of arrays has; datasets keep their own batches.
        attack_targets: For targeted attacks, a class for each image of arrays. Defaults to `None`.
        names: What the images of arrays are called, one string for each; what a dataset calls its own, `named` says,
            see `data.names.Named`. Defaults to `None`, nobody knows.
        steps: At most so many batches are read. Defaults to `None`, all of them.
        remember: How many of the first images to keep when they are read: a stream may give others then. Defaults to 0.
        shard: One of several parts of the data, of which no others are read; or that the data are one that was cut out
            by somebody else. Defaults to `None`, all of the data.

    Attributes:
        images: How many images there are, in the shard; `None` where a dataset cannot say.
        has_labels: Whether there are labels; known after the first batch.
        attack_targets: The target class for each image, `(images,)`; `None` where none are given.
        names: What each image of arrays is called, `(images,)`; `None` where nobody knows, or a dataset does.
        shard: The shard; `None` where it is all of the data, or data that somebody else cut out.
        source: What the data came from, as a runner passes it on: they themselves, or a function that makes them.
        total_images: How many images all shards have; `None` where a dataset cannot say.
        remembered: The first images that were read last, as batches of inputs and labels.

    Raises:
        TypeError: `data` is something else.
        ValueError: It is empty, not batched, infinite without `steps`, or does not fit the classifier. When it is read:
            it does not say how long it is, and has more than 10,000 batches.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> from keras_advxai import ImageClassifier
    >>> from keras_advxai.data.batches import Batches
    >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> batches = Batches((np.zeros((5, 4, 4, 1)), [0, 1, 0, 1, 0]), ImageClassifier(model), batch_size=2)
    >>> [(x.shape, y.tolist()) for x, y in batches]
    [((2, 4, 4, 1), [0, 1]), ((2, 4, 4, 1), [0, 1]), ((1, 4, 4, 1), [0])]
    """

    def __init__(
        self,
        data: Any,
        classifier: ImageClassifier,
        batch_size: int,
        attack_targets: np.ndarray | None = None,
        remember: int = 0,
        steps: int | None = None,
        shard: Shard | Slice | None = None,
        names: Any = None,
    ) -> None:
        self.classifier = classifier
        self.batch_size = check_whole_number("batch_size", batch_size, 1)
        self.steps = steps if steps is None else check_whole_number("steps", steps, 1)
        self.images: int | None = None
        self.has_labels = True
        self.ignored_weights = False
        self.remembered: list[tuple[Any, np.ndarray | None]] = []
        self._remember = remember
        self._data = self.source = data
        self._arrays: tuple[Any, Any] | None = None
        if isinstance(data, tf.data.Dataset):
            self._check_dataset(data)
        elif isinstance(data, keras.utils.PyDataset):
            streams.check_length(data, "PyDataset", self.steps)
        else:
            self._arrays = self._checked_arrays(data)
        self.total_images = self.images
        self._first, self._offset = 0, 0
        self._end: int | None = None
        self.attack_targets, self.names = attack_targets, names
        if attack_targets is not None:
            if self._arrays is None:
                raise ValueError(
                    "One target class for each image needs the images as arrays, because a dataset may change their "
                    "order. Pass arrays, or attack_targets='least_likely', 'runner_up', 'random' or one class. "
                    f"Received: attack_targets of shape {attack_targets.shape} with {describe(data)}"
                )
            x, y = self._arrays
            count = len(classifier.images_of(x))
            self.attack_targets = check_given(attack_targets, y, count, classifier)[: self.images]
        if names is not None:
            given = None if self._arrays is None else len(classifier.images_of(self._arrays[0]))
            self.names = given_names(names, data, given)
        self._choose(shard)

    @property
    def total_batches(self) -> int | None:
        """How many batches the data have, those of all shards; `None` where a dataset cannot say."""
        if self._arrays is not None:
            return -(-(self.total_images or 0) // self.batch_size)
        known = [item for item in (streams.batch_count(self._data), self.steps) if item is not None]
        return int(min(known)) if known and min(known) < math.inf else None

    @property
    def batch_range(self) -> tuple[int, int | None]:
        """The number of the first batch that is read, and of the one after the last, `None` for the end of the data."""
        return self._first, self._end

    @property
    def are_arrays(self) -> bool:
        """Whether the data are arrays, and no stream."""
        return self._arrays is not None

    def _choose(self, shard: Shard | Slice | None) -> None:
        """Limit what is read to a shard."""
        self.shard = shard if isinstance(shard, Shard) else None
        if isinstance(shard, Slice):
            self._first = shard.before
            self._offset = shard.first - shard.before * self.batch_size
        elif shard is not None:
            if self.total_batches is None:
                raise ValueError(
                    "A shard needs to know how many batches the data have, and the dataset does not say so. "
                    + SAY_HOW_MANY
                )
            self._first, self._end = shard.batches(self.total_batches)
        if self._arrays is not None and self.total_images is not None:
            ends = [self.total_images] if self._end is None else [self.total_images, self._end * self.batch_size]
            self.images = min(ends) - self._first * self.batch_size

    def all_arrays(self) -> Iterator[tuple[Any, np.ndarray | None]]:
        """The batches of arrays, those of all shards."""
        if self._arrays is not None:
            yield from ((x, y) for x, y, _ in self._slices(*self._arrays, 0, self.total_images or 0))

    def cut(self, begin: int, end: int) -> tuple[Any, np.ndarray | None, np.ndarray | None, Slice]:
        """Arrays of some batches and the one before them, for another process: data, attack targets, names, and place.

        Args:
            begin: The number of the first batch.
            end: The number of the one after the last.
        """
        if self._arrays is None:
            raise TypeError("Only arrays can be cut out.")
        before, size, (x, y) = min(begin, 1), self.batch_size, self._arrays
        part = slice((begin - before) * size, min(end * size, self.total_images or 0))
        targets, names = (None if item is None else item[part] for item in (self.attack_targets, self.names))
        data = (take(x, part),) if y is None else (take(x, part), y[part])
        return data, targets, names, Slice(before, begin * size)

    def remember_first(self) -> None:
        """Read as many of the first images as are to be remembered."""
        for _ in self:
            if sum(len(self.classifier.images_of(x)) for x, _ in self.remembered) >= self._remember:
                break

    def before(self) -> tuple[Any, np.ndarray | None] | None:
        """The batch before the first one that is read; `None` if that is the first of the data."""
        if not self._first:
            return None
        if self._arrays is not None:
            x, y = self._arrays
            return take_labelled(x, y, slice((self._first - 1) * self.batch_size, self._first * self.batch_size))
        for number in range(self._first - 1, -1, -1):  # past image files of which none could be decoded
            for element, _ in streams.read(self._data, 1, number):
                x, y = self._split(element)
                if not streams.is_empty(x):
                    return self._checked(x, y, number)
        return None

    def first_image(self, before: tuple[Any, np.ndarray | None] | None) -> int:
        """The number of the first image that is read.

        Args:
            before: What `before` returned. The batches of a dataset have the size of this one, all but the last.
        """
        if before is None:
            return self._offset
        size = self.batch_size if self._arrays is not None else len(self.classifier.images_of(before[0]))
        return self._offset + self._first * size

    def targets(self, first: int, count: int) -> np.ndarray | None:
        """The target classes of some images, where they are given.

        Args:
            first: The number of the first of them.
            count: How many they are.
        """
        begin = first - self._offset
        return None if self.attack_targets is None else self.attack_targets[begin : begin + count]

    @property
    def batch_count(self) -> int | None:
        """How many batches are read; `None` where a dataset cannot say."""
        end = self.total_batches if self._end is None else self._end
        return None if end is None else end - self._first

    @property
    def expected_images(self) -> int | None:
        """How many images are read at most, for who shows how far it is; `None` where nobody can say."""
        return self.images or streams.images_in(self._data, self._first, self.batch_count)

    @property
    def known_images(self) -> int | None:
        """How many images there are, as far as it is known before they are read."""
        return None if self._arrays is None else self.images

    def __iter__(self) -> Iterator[tuple[Any, np.ndarray | None]]:
        """Yields the inputs, with images `(batch, height, width, channels)`, and labels `(batch,)` or `None`."""
        return ((x, y) for x, y, _ in self.named())

    def named(self) -> Iterator[Read]:
        """Yields the inputs, the labels and the names of the images, `(batch,)` or `None`."""
        self.remembered = []  # of this round only: a shuffled stream gives others each time
        left = self._remember
        for x, y, names in self._read():
            if left > 0:
                self.remembered.append(take_labelled(x, y, slice(left)))
                left -= len(self.classifier.images_of(x))
            yield x, y, names

    def _read(self) -> Iterator[Read]:
        if self._arrays is not None:
            begin = self._first * self.batch_size
            yield from self._slices(*self._arrays, begin, begin + (self.images or 0))
            return
        count = 0
        steps = self.steps if self._end is None else self._end - self._first
        for index, (element, known) in enumerate(streams.read(self._data, steps, self._first)):
            x, y = self._split(element)
            if streams.is_empty(x):  # of image files of which none could be decoded
                continue
            x, y = self._checked(x, y, self._first + index)
            if not count:
                self.has_labels = y is not None
            images = len(self.classifier.images_of(x))
            names = None if known is None else check_names(known, images, f"`named({self._first + index})` of the data")
            yield x, y, names
            count += images
        if not count:
            raise ValueError("The dataset is empty. Pass at least one image.")
        self.images = count

    def _checked(self, x: Any, y: Any, index: int) -> tuple[Any, np.ndarray | None]:
        """A batch of a stream."""
        where = f"batch {index} of the data"
        images = self.classifier.check_images(x, where)
        return x, None if y is None else self._labels(y, len(images), f"the labels of {where}")

    def sample(self, count: int, seed: int) -> tuple[Any, np.ndarray | None]:
        """A fixed random sample, as arrays: `(inputs, labels)`, in the order of the data.

        Args:
            count: At most so many images.
            seed: Seed of the drawing.
        """
        return self._drawn(count, seed)[:2]

    def _drawn(self, count: int, seed: int) -> Read:
        if self._arrays is None:
            return reservoir(self.named(), count, seed)
        which = chosen(self.images or 0, count, seed)
        return (*take_labelled(*self._arrays, which), None if self.names is None else self.names[which])

    def sampled(self, count: int, seed: int) -> Batches:
        """A fixed random sample, as batches; see `sample`."""
        targets = None if self.attack_targets is None else self.attack_targets[chosen(self.images or 0, count, seed)]
        x, y, names = self._drawn(count, seed)
        return Batches((x, y), self.classifier, self.batch_size, targets, self._remember, names=names)

    def _checked_arrays(self, data: Any) -> tuple[Any, Any]:
        if isinstance(data, Iterator):  # which is over after the first round, and says nothing of what it yields
            raise TypeError(
                f"{_KINDS} Received: a {type(data).__name__}. Of a Python generator make a dataset: "
                "tf.data.Dataset.from_generator(function, output_signature=...)."
            )
        x, y = self._split(data)
        self._check_inputs(x)
        parts = keras.tree.flatten(x)
        if not parts or not all(hasattr(part, "shape") for part in parts):
            raise TypeError(f"{_KINDS} Received: {describe(data)}")
        x = keras.tree.map_structure(lambda part: as_array(part, "Argument `data`"), x)
        images = self.classifier.check_images(x, "the images of `data`")
        # As `fit` and `evaluate` of Keras, which count batches of arrays, too.
        self.images = len(images) if self.steps is None else min(len(images), self.steps * self.batch_size)
        self.has_labels = y is not None
        return x, None if y is None else self._labels(y, len(images), "the labels of `data`")

    def _check_inputs(self, x: Any) -> None:
        if isinstance(x, Mapping) and not self.classifier.takes_several_inputs:  # as TensorFlow Datasets has them
            raise ValueError(
                f"The data must be pairs of images and labels. Received: dictionaries with {', '.join(map(str, x))}. "
                "For a dataset: dataset.map(lambda item: (item['image'], item['label'])), with its own keys."
            )

    def _check_dataset(self, data: tf.data.Dataset) -> None:
        streams.check_length(data, "dataset", self.steps)
        spec = data.element_spec
        inputs = spec[0] if isinstance(spec, tuple) else spec
        self._check_inputs(inputs)
        # Without a batch the rows of an image would pass for images.
        image = self.classifier.images_of(inputs) if isinstance(inputs, (Mapping, list, tuple)) else inputs
        shape = self.classifier.image_shape
        if getattr(image, "shape", None) is not None and image.shape.rank == (3 if shape is None else len(shape)):
            raise ValueError(
                f"The dataset must be batched. Received: elements of shape {tuple(image.shape)}. "
                "Pass dataset.batch(32)."
            )

    def _split(self, element: Any) -> tuple[Any, Any]:
        """Inputs and labels. A pair is inputs and labels, unless the model takes several inputs as a list."""
        if isinstance(element, (tuple, list)) and len(element) in (2, 3):
            # An evaluation counts every image once, and says so in the report.
            self.ignored_weights |= len(element) == 3 and element[2] is not None
            return element[0], element[1]
        if isinstance(element, (tuple, list)) and len(element) == 1:
            return element[0], None
        return element, None

    def _labels(self, y: Any, count: int, where: str) -> np.ndarray:
        # A list of arrays has labels of several outputs, as `fit` takes them; a list of numbers is labels itself.
        parts = isinstance(y, (list, tuple)) and len(y) > 1 and all(getattr(part, "ndim", 0) for part in y)
        if isinstance(y, Mapping) or (parts and self.classifier.output is not None):
            y = self.classifier.output_of(y)
        return self.classifier.check_labels(y, count, where)

    def _slices(self, x: Any, y: Any, begin: int, end: int) -> Iterator[Read]:
        for start in range(begin, end, self.batch_size):
            part = slice(start, min(end, start + self.batch_size))
            yield (*take_labelled(x, y, part), None if self.names is None else self.names[part])
