"""Datasets of batches, which may not say where they end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._warnings import warn
from keras_advxai.data.names import Named
from keras_advxai.data.shards import SAY_HOW_MANY

MOST_BATCHES = 10_000
"""After so many batches, a dataset that does not say how many it has is taken for infinite."""
MANY_BATCHES = 1_000
"""After so many, it is asked about."""
_Read = tuple[Any, Sequence[str] | None]
"""A batch as arrays, and the names of its images."""


def batch_count(data: tf.data.Dataset | keras.utils.PyDataset) -> float | None:
    """How many batches there are: infinity where there is no end, `None` where that is not known.

    Args:
        data: A dataset.

    Example:

    >>> import tensorflow as tf
    >>> from keras_advxai.data.streams import batch_count
    >>> data = tf.data.Dataset.range(10).batch(4)
    >>> batch_count(data), batch_count(data.repeat()), batch_count(data.filter(lambda x: True))
    (3, inf, None)
    """
    if isinstance(data, tf.data.Dataset):
        count = int(data.cardinality())
        known = {tf.data.INFINITE_CARDINALITY: math.inf, tf.data.UNKNOWN_CARDINALITY: None}
        return known.get(count, count)
    try:
        batches: int | None = data.num_batches  # which is `len` where there is one
    except NotImplementedError:  # Keras' own, of a `PyDataset` that declares neither: `fit` reads on for ever, too
        return math.inf
    return math.inf if batches is None else batches


def images_in(data: Any, first: int, batches: int | None) -> int | None:
    """How many images some batches have at most; `None` where a dataset cannot say, as `ImageFiles` can.

    Args:
        data: A dataset.
        first: The number of the first batch.
        batches: How many; `None` where nobody knows.
    """
    count = getattr(data, "images_in", None)
    return None if count is None or batches is None else int(count(first, first + batches))


def check_length(data: tf.data.Dataset | keras.utils.PyDataset, kind: str, steps: int | None) -> None:
    """Raise for a dataset that is empty, or infinite where nobody says how much of it is read.

    Args:
        data: The dataset.
        kind: What it is called in messages.
        steps: How many of its batches are read; `None` for all.
    """
    batches = batch_count(data)
    if batches == 0:
        raise ValueError(f"The {kind} is empty. Pass at least one image.")
    if batches == math.inf and steps is None:  # an evaluation would never end
        raise ValueError(
            f"The {kind} is infinite. Say how many of its batches are to be read, such as steps=10."
            + (" Or leave `repeat` out." if kind == "dataset" else " Or say how many it has by `num_batches`.")
        )


def read(
    data: tf.data.Dataset | keras.utils.PyDataset, steps: int | None = None, first: int = 0
) -> Iterator[tuple[Any, Sequence[str] | None]]:
    """The batches as arrays, with the names of their images or `None`, each read while the one before is in use.

    Args:
        data: A dataset.
        steps: At most so many of them. Defaults to `None`, all.
        first: The number of the first one that is read. Defaults to 0.

    Raises:
        ValueError: It does not say how many it has, nothing else does, and there are more than `MOST_BATCHES`.

    Warns where such a dataset begins again with its first batch, or has not ended after `MANY_BATCHES`.
    """
    count = batch_count(data)
    if isinstance(data, tf.data.Dataset):
        skipped = data.skip(first) if first else data
        limited = skipped if steps is None else skipped.take(steps)  # before it is read ahead
        batches: Iterable[Any] = ((as_arrays(batch), None) for batch in limited.prefetch(tf.data.AUTOTUNE))
    else:
        most = None if steps is None else first + steps
        ends = [int(end) for end in (count, most) if end is not None and end < math.inf]
        batches = _read_ahead(max(0, min(ends) - first), lambda index: _item(data, first + index))
    if count is None and steps is None:
        batches = _watched(batches)
    yield from batches


def _watched(batches: Iterable[_Read]) -> Iterator[_Read]:
    """Batches of which nobody knows how many there are."""
    first, is_asked = None, False
    for index, batch in enumerate(batches):
        if index == MOST_BATCHES:
            raise ValueError(
                f"The dataset does not say how many batches it has, and did not end after {MOST_BATCHES}. "
                + SAY_HOW_MANY
            )
        first = batch[0] if index == 0 else first
        again = not is_asked and index > 0 and _is_same(batch[0], first)
        if again or (not is_asked and index == MANY_BATCHES):
            what = f"batch {index} is batch 0 once more" if again else f"it did not end after {MANY_BATCHES}"
            warn(
                f"The dataset does not say how many batches it has, and {what}. If it has no end, as a generator in an "
                f"endless loop, an error follows after {MOST_BATCHES}. {SAY_HOW_MANY}",
                stacklevel=2,
            )
            is_asked = True
        yield batch


def _is_same(batch: Any, other: Any) -> bool:
    """Whether two batches hold the same values, which are more than one."""
    pairs = list(zip(keras.tree.flatten(batch), keras.tree.flatten(other), strict=False))
    # Black frames come again by themselves.
    varied = any(np.size(one) and np.any(one != np.ravel(one)[0]) for one, _ in pairs[:1])
    return varied and all(np.array_equal(one, two) for one, two in pairs)


def first_inputs(data: Any) -> Any:
    """The inputs of one image, to build a model on that has no weights yet.

    Args:
        data: What `Batches` takes.

    Raises:
        ValueError: There is none.
    """
    if isinstance(data, (tf.data.Dataset, keras.utils.PyDataset)):
        batches: Any = data.take(1) if isinstance(data, tf.data.Dataset) else (data[0] if batch_count(data) else None,)
        data = next(iter(batches), None)
    if data is None:
        raise ValueError("The dataset is empty. Pass at least one image.")
    inputs = data[0] if isinstance(data, (tuple, list)) else data
    return keras.tree.map_structure(lambda part: part[:1], inputs)


def is_empty(x: Any) -> bool:
    """Whether a batch has no images, as one of image files of which none could be decoded."""
    return any(np.shape(part)[:1] == (0,) for part in keras.tree.flatten(x))


def as_arrays(element: Any) -> Any:
    """The tensors of a batch as arrays."""
    return keras.tree.map_structure(np.asarray, element)


def _item(data: keras.utils.PyDataset, index: int) -> tuple[Any, Sequence[str] | None]:
    """A batch with the names of its images; `None` where the data have no names."""
    batch, names = data.named(index) if isinstance(data, Named) else (data[index], None)
    return as_arrays(batch), names


def _read_ahead(count: int, read: Callable[[int], Any]) -> Iterator[Any]:
    """What `read` returns for 0, 1, ..., each read by a thread while the one before is in use."""
    with futures.ThreadPoolExecutor(max_workers=1) as reader:  # a loop that is left early leaves no thread
        coming = [reader.submit(read, index) for index in range(min(1, count))]
        for index in range(count):
            item = coming.pop().result()  # raises here what went wrong in the thread
            if index + 1 < count:
                coming.append(reader.submit(read, index + 1))
            yield item
