"""Data as batches: arrays, tf.data datasets and Keras' PyDataset behind one interface."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai.data import streams
from keras_advxai.models import ImageClassifier
from keras_advxai.models.inputs import check_whole_number, describe
from keras_advxai.models.labels import check_labels


class Batches:
    """Images and labels, batch by batch, checked against a classifier before anything is computed.

    Arrays are checked as a whole when this is built; what arrives as a stream is checked as it arrives,
    and the message names the batch.

    Args:
        data: `(x, y)` arrays, `x` alone, a batched `tf.data.Dataset` or a `keras.utils.PyDataset` of either.
        classifier: What the images and labels have to fit.
        batch_size: How many images a batch of arrays has; datasets keep their own batches.
        attack_targets: For targeted attacks, a class for each image of arrays. Defaults to `None`.
        steps: At most so many batches are read. Defaults to `None`, all of them.
        remember: How many of the first images to keep when they are read, for whoever looks at them again: a stream
            may give others the next time. Defaults to 0.

    Attributes:
        images: How many images there are; `None` where a dataset cannot say.
        has_labels: Whether there are labels; known after the first batch.
        attack_targets: The target class for each image, `(images,)`; `None` where none are given.
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
    ) -> None:
        self.classifier = classifier
        self.batch_size = check_whole_number("batch_size", batch_size, 1)
        self.steps = steps if steps is None else check_whole_number("steps", steps, 1)
        self.images: int | None = None
        self.has_labels = True
        self.ignored_weights = False
        self.remembered: list[tuple[Any, np.ndarray | None]] = []
        self._remember = remember
        self._data = data
        self._arrays: tuple[Any, Any] | None = None
        if isinstance(data, tf.data.Dataset):
            self._check_dataset(data)
        elif isinstance(data, keras.utils.PyDataset):
            self._check_length(streams.batch_count(data), "PyDataset")
        else:
            self._arrays = self._checked_arrays(data)
        self.attack_targets = attack_targets
        if attack_targets is not None:
            if self._arrays is None:
                raise ValueError(
                    "One target class for each image needs the images as arrays, because a dataset may change their "
                    "order. Pass arrays, or attack_targets='least_likely', 'runner_up', 'random' or one class. "
                    f"Received: attack_targets of shape {attack_targets.shape} with {describe(data)}"
                )
            x, y = self._arrays
            count = len(classifier.images_of(x))
            self.attack_targets = _check_given(attack_targets, y, count, classifier)[: self.images]

    @property
    def count(self) -> int | None:
        """How many batches there are; `None` where a dataset cannot say."""
        if self._arrays is not None:
            return -(-(self.images or 0) // self.batch_size)
        known = [item for item in (streams.batch_count(self._data), self.steps) if item is not None]
        return int(min(known)) if known and min(known) < math.inf else None

    @property
    def length(self) -> int | None:
        """How many images there are, as far as it is known before they are read."""
        return None if self._arrays is None else self.images

    def __iter__(self) -> Iterator[tuple[Any, np.ndarray | None]]:
        """Yields the inputs, with images `(batch, height, width, channels)`, and labels `(batch,)` or `None`."""
        self.remembered = []  # of this round only: a shuffled stream gives others each time
        left = self._remember
        for x, y in self._read():
            if left > 0:
                self.remembered.append((_take(x, slice(left)), None if y is None else y[:left]))
                left -= len(self.classifier.images_of(x))
            yield x, y

    def _read(self) -> Iterator[tuple[Any, np.ndarray | None]]:
        if self._arrays is not None:
            yield from self._slices(*self._arrays)
            return
        count = 0
        for index, element in enumerate(streams.read(self._data, self.steps)):
            x, y = self._split(element)
            if not all(map(len, keras.tree.flatten(x))):  # of image files of which none could be decoded
                continue
            where = f"batch {index} of the data"
            images = self.classifier.check_images(x, where)
            if not count:
                self.has_labels = y is not None
            yield x, None if y is None else self._labels(y, len(images), f"the labels of {where}")
            count += len(images)
        if not count:
            raise ValueError("The dataset is empty. Pass at least one image.")
        self.images = count

    def sample(self, count: int, seed: int) -> tuple[Any, np.ndarray | None]:
        """A fixed random sample, as arrays: `(inputs, labels)`, in the order of the data.

        Args:
            count: At most so many images.
            seed: Seed of the drawing.
        """
        generator = np.random.default_rng(seed)
        if self._arrays is not None:
            x, y = self._arrays
            chosen = self._chosen(count, seed)
            return _take(x, chosen), None if y is None else y[chosen]
        kept: list[tuple[int, Any, Any]] = []
        seen = 0
        for x, y in self:
            for position in range(len(self.classifier.images_of(x))):
                # Reservoir sampling: how long a stream is shows at its end, and it may not fit into memory.
                slot = seen if seen < count else int(generator.integers(0, seen + 1))
                item = (seen, _take(x, [position]), None if y is None else y[position])
                if slot < len(kept):
                    kept[slot] = item
                elif slot < count:
                    kept.append(item)
                seen += 1
        kept.sort(key=lambda item: item[0])  # in the order of the data, as of arrays
        x = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *(item[1] for item in kept))
        return x, np.stack([item[2] for item in kept]) if self.has_labels else None

    def sampled(self, count: int, seed: int) -> Batches:
        """A fixed random sample, as batches; see `sample`."""
        targets = None if self.attack_targets is None else self.attack_targets[self._chosen(count, seed)]
        return Batches(self.sample(count, seed), self.classifier, self.batch_size, targets, self._remember)

    def _chosen(self, count: int, seed: int) -> np.ndarray:
        """The indices of a sample of arrays."""
        total = self.images or 0
        drawn = np.random.default_rng(seed).permutation(total)  # the global generator is the training's
        return np.sort(drawn[:count]) if total > count else np.arange(total)

    def _checked_arrays(self, data: Any) -> tuple[Any, Any]:
        x, y = self._split(data)
        self._check_inputs(x)
        parts = keras.tree.flatten(x)
        if not parts or not all(hasattr(part, "shape") for part in parts):
            raise TypeError(
                "Argument `data` must be (x, y) arrays, x alone, a batched tf.data.Dataset or a "
                f"keras.utils.PyDataset. Received: {describe(data)}"
            )
        x = keras.tree.map_structure(np.asarray, x)
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
        self._check_length(streams.batch_count(data), "dataset")
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

    def _check_length(self, batches: float | None, kind: str) -> None:
        if batches == 0:
            raise ValueError(f"The {kind} is empty. Pass at least one image.")
        if batches == math.inf and self.steps is None:  # an evaluation would never end
            raise ValueError(
                f"The {kind} is infinite. Say how many of its batches are to be read, such as steps=10."
                + (" Or leave `repeat` out." if kind == "dataset" else " Or say how many it has by `num_batches`.")
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

    def _slices(self, x: Any, y: Any) -> Iterator[tuple[Any, np.ndarray | None]]:
        for start in range(0, self.images or 0, self.batch_size):
            chosen = slice(start, start + self.batch_size)
            yield _take(x, chosen), None if y is None else y[chosen]


def _take(x: Any, chosen: Any) -> Any:
    return keras.tree.map_structure(lambda part: part[chosen], x)


def _check_given(
    targets: np.ndarray, labels: np.ndarray | None, images: int, classifier: ImageClassifier
) -> np.ndarray:
    """Targets that were given one for each image, after they were compared with the labels.

    Args:
        targets: Class indices or one-hot rows.
        labels: Class indices, `(images,)`; `None` where there are none.
        images: How many images there are.
        classifier: Whose classes they are.

    Raises:
        ValueError: They do not fit the images or the model, or some are the label of their image.
    """
    found = check_labels(targets, images, classifier.classes, classifier.binary, "Argument `attack_targets`")
    same = np.flatnonzero(classifier.kind.is_own(found, labels)) if labels is not None else ()
    if len(same):
        few = ", ".join(map(str, same[:5])) + (", ..." if len(same) > 5 else "")
        raise ValueError(
            "Argument `attack_targets` must name another class than the label for each image: towards its own class "
            f"there is nothing to attack. Received: the label for {len(same)} of {images} images, at the indices "
            f"{few}. attack_targets='least_likely', 'runner_up' and 'random' never do."
        )
    return found
