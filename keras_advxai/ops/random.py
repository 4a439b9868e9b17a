"""Random numbers that depend on a seed, a counter and the image, and never on its position in the batch.

Every number is an integer hash of the image's key, of a counter (the step, the restart) and of the position within
the draw. So an image gets the same numbers alone and among others, in every order, at every batch size and on every
device, and no state is kept: the functions may be called inside loops and of gathered rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from keras_advxai._typing import Tensor

_GOLDEN = 0x9E3779B9  # 2**32 over the golden ratio; for `_mix`, which leaves 0 as it is


def image_keys(images: Tensor, seed: int | Tensor = 0) -> Tensor:
    """A key for each image, made of its pixels and a seed.

    Args:
        images: `(batch, height, width, channels)`, float32, or of any other rank from 2.
        seed: An integer of 32 bits. Defaults to 0.

    Returns:
        Keys, `(batch,)` int32. Images with the same pixels have the same key.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.ops import random
    >>> keys = random.image_keys(np.array([[[[0.5]]], [[[0.25]]], [[[0.5]]]], "float32"), seed=1)
    >>> bool(keys[0] == keys[2]), bool(keys[0] == keys[1])
    (True, False)
    """
    # The bits of the pixels, so that images which differ in the last of them are different.
    bits = tf.bitcast(tf.cast(images, tf.float32), tf.uint32)
    bits = tf.reshape(bits, [tf.shape(bits)[0], tf.reduce_prod(tf.shape(bits)[1:])])
    # With the positions among them, so that the order of the pixels counts, and images of one colour differ.
    mixed = tf.bitcast(_mix(bits + _mix(_positions(tf.shape(bits)[1]))[None]), tf.int32)
    # A sum of whole numbers is the same in every order of summation, on every device; one of floats is not.
    content = tf.bitcast(tf.reduce_sum(mixed, axis=1), tf.uint32)
    return tf.bitcast(_mix(content + _mix(_word(seed) + _GOLDEN)), tf.int32)


def content_keys(images: Tensor) -> Tensor:
    """A number that images with the same pixels have in common, and hardly any others; 0 for images of one value.

    Args:
        images: `(batch, height, width, channels)`, float32, or of any other rank from 2.

    Returns:
        `(batch,)` int32, from 0 on.
    """
    axes = range(1, images.shape.rank)
    plain = tf.reduce_max(images, axes) == tf.reduce_min(images, axes)  # such as black frames, which are no copies
    return tf.where(plain, 0, tf.maximum(image_keys(images) & 0x7FFFFFFF, 1))


def uniform(keys: Tensor, counter: int | Tensor, shape: Sequence[int] | Tensor = ()) -> Tensor:
    """Numbers drawn uniformly from [0, 1), of 24 bits each.

    Args:
        keys: One key for each image, `(batch,)` int32, as `image_keys` makes them.
        counter: An integer; another one gives other numbers.
        shape: What is drawn for each image. Defaults to one number.

    Returns:
        `(batch, *shape)` float32.

    Example:

    >>> from keras_advxai.ops import random
    >>> random.uniform([7, 8, 7], counter=0, shape=(2, 2)).shape
    TensorShape([3, 2, 2])
    """
    return _shaped(_unit(_draw(keys, counter, shape)), shape)


def normal(keys: Tensor, counter: int | Tensor, shape: Sequence[int] | Tensor = ()) -> Tensor:
    """Numbers drawn from the standard normal distribution, by the transform of Box and Muller.

    Args:
        keys: One key for each image, `(batch,)` int32.
        counter: An integer; another one gives other numbers.
        shape: What is drawn for each image. Defaults to one number.

    Returns:
        `(batch, *shape)` float32, at most 5.8 from 0. The last bit may differ with the batch size.
    """
    bits = _draw(keys, counter, shape)
    distance = tf.sqrt(-2.0 * tf.math.log(1.0 - _unit(bits)))  # never the logarithm of 0: numbers are below 1
    return _shaped(distance * tf.cos(2.0 * math.pi * _unit(_mix(bits + _GOLDEN))), shape)


def signs(keys: Tensor, counter: int | Tensor, shape: Sequence[int] | Tensor = ()) -> Tensor:
    """-1 or 1, either with the same probability.

    Args:
        keys: One key for each image, `(batch,)` int32.
        counter: An integer; another one gives other numbers.
        shape: What is drawn for each image. Defaults to one number.

    Returns:
        `(batch, *shape)` float32.
    """
    return _shaped(tf.where(tf.bitcast(_draw(keys, counter, shape), tf.int32) < 0, -1.0, 1.0), shape)


def _draw(keys: Tensor, counter: int | Tensor, shape: Sequence[int] | Tensor) -> Tensor:
    """32 random bits for each image and position, `(batch, positions)` uint32."""
    # Positions are mixed before key and counter are added, so that no draw is another one shifted.
    stream = _mix(_mix(_word(keys) ^ _GOLDEN) + _mix(_word(counter)))
    positions = _mix(_positions(tf.reduce_prod(tf.cast(shape, tf.int32))))
    return _mix(stream[:, None] + positions[None])


def _mix(words: Tensor) -> Tensor:
    """A bijection of 32 bits in which every bit of the input changes each bit of the output about half of the time.

    These are the shifts and factors that Wellons found by search ("lowbias32").
    """
    words = tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, tf.constant(16, tf.uint32)))
    words *= tf.constant(0x7FEB352D, tf.uint32)
    words = tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, tf.constant(15, tf.uint32)))
    words *= tf.constant(0x846CA68B, tf.uint32)
    return tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, tf.constant(16, tf.uint32)))


def _positions(count: Tensor) -> Tensor:
    return tf.bitcast(tf.range(count), tf.uint32) + tf.constant(1, tf.uint32)  # as `_mix` leaves 0


def _word(number: int | Tensor) -> Tensor:
    """Whole numbers of 32 bits as words."""
    return tf.bitcast(tf.cast(number, tf.int32), tf.uint32)


def _unit(bits: Tensor) -> Tensor:
    """The upper 24 bits of each word as a number in [0, 1)."""
    # A float32 has 24 bits: of more, the largest would round up to 1.
    upper = tf.bitcast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.int32)
    return tf.cast(upper, tf.float32) * 2.0**-24


def _shaped(drawn: Tensor, shape: Sequence[int] | Tensor) -> Tensor:
    result = tf.reshape(drawn, tf.concat([tf.shape(drawn)[:1], tf.cast(shape, tf.int32)], axis=0))
    # Layers of a model ask for the shape while they are traced.
    known = tf.get_static_value(shape) if tf.is_tensor(shape) else shape
    if known is None:
        return result
    return tf.ensure_shape(result, [drawn.shape[0], *(None if tf.is_tensor(size) else size for size in known)])
