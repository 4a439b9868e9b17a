"""What the square attack proposes: squares of noise, bumps and windows, for images of any number of dimensions.

Everything here is in the layout `(batch, *positions, channels)`; a position is a sample of a signal, a pixel of an
image, or a pixel of a frame of a video. A *window* is an interval, square or cube of positions.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_advxai._typing import Bounds, Norm, Tensor
from keras_advxai.models import ImageClassifier
from keras_advxai.ops import norms, random

_TILES = 5
"""How many bumps there are along each side of the first proposal under the Euclidean norm."""
_DRAWS = 4
"""How many different draws one step takes."""


class Grid:
    """Brings images to the layout `(batch, *positions, channels)` and back, as the model lays them out.

    Args:
        model: The classifier.
        x: The images, as the model takes them.
    """

    def __init__(self, model: ImageClassifier, x: Tensor) -> None:
        self._model = model
        self._shape = tf.TensorShape([None, *x.shape[1:]])
        # As numbers of the graph too, for sides that a model leaves open.
        self._sizes = tf.shape(x)[1:]
        self._found = model.topology(x.shape[1:])

    def lay_out(self, images: Tensor) -> Tensor:
        """Images as `(batch, *positions, channels)`."""
        return self._model.to_channels_last(images)

    def lay_back(self, images: Tensor) -> Tensor:
        """The inverse."""
        rank = self._shape.rank if self._found.grid is None else 1 + len(self._found.grid)
        if rank > 2:
            images = keras.ops.moveaxis(images, -1, self._found.channel)
        return tf.ensure_shape(tf.reshape(images, tf.concat([[-1], self._sizes], axis=0)), self._shape)


def begin_linf(x: Tensor, keys: Tensor, epsilon: Tensor, bounds: Bounds) -> Tensor:
    """Stripes along the first side of the images, each up or down by epsilon."""
    # One sign for each place along the last axis of positions, the same along all others: that makes stripes.
    shape = tf.concat([tf.ones(x.shape.rank - 3, tf.int32), tf.shape(x)[-2:]], axis=0)
    return tf.clip_by_value(x + epsilon * random.signs(keys, 0, shape), *bounds)


def propose_linf(
    x: Tensor, found: Tensor, keys: Tensor, step: Tensor, part: Tensor, epsilon: Tensor, bounds: Bounds
) -> Tensor:
    """What was found, with one window at `x - epsilon` or `x + epsilon` in each channel."""
    # One position less than the image: a window of all of it would shift whole channels and undo what was found.
    window = _Window(x, keys, _DRAWS * step, _side(x, part), most=-1)
    signs = random.signs(keys, _DRAWS * step + 1, _channels(x))
    one, other = (
        tf.where(window.inside, tf.clip_by_value(x + sign * epsilon * signs, *bounds), found) for sign in (1.0, -1.0)
    )
    changes = tf.reduce_any(one != found, axis=range(1, x.shape.rank), keepdims=True)
    return tf.where(changes, one, other)  # a query that shows what is known already would be lost


def begin_l2(x: Tensor, keys: Tensor, epsilon: Tensor, bounds: Bounds) -> Tensor:
    """A grid of bumps, each up or down."""
    # On a side of fewer than five positions, bumps of one position, and fewer of them.
    sizes = [tf.maximum(size // _TILES, 1) for size in _sizes(x)]
    local, numbers, inside = [], tf.constant(0), tf.constant(True)
    for place, side, size in zip(_places(x), _sizes(x), sizes, strict=True):
        # What five bumps leave over is shared between both ends.
        shifted = place - tf.maximum(side - _TILES * size, 0) // 2
        number = tf.math.floordiv(shifted, size)
        inside = inside & (number >= 0) & (number < _TILES)
        numbers = numbers * _TILES + tf.clip_by_value(number, 0, _TILES - 1)
        local.append(tf.math.floormod(shifted, size))
    signs = random.signs(keys, 1, (_TILES ** len(sizes), tf.shape(x)[-1]))
    bumps = _bump(local, sizes, _split(x, keys, 0)) * tf.gather(signs, numbers[0, ..., 0], axis=1)
    return tf.clip_by_value(x + epsilon * norms.steepest(tf.where(inside, bumps, 0.0), "l2"), *bounds)


def propose_l2(
    x: Tensor, found: Tensor, keys: Tensor, step: Tensor, part: Tensor, epsilon: Tensor, bounds: Bounds
) -> Tensor:
    """What was found, with the change in one window spent on a bump in another, and with what was not spent yet."""
    side = tf.maximum(_side(x, part), 3)
    # Odd, so that a bump has a middle; of three positions at least, or it has no slope.
    side += 1 - side % 2
    window = _Window(x, keys, _DRAWS * step, side)
    # The budget is spent already after the first proposal, so a window can only change by what another one gives up.
    emptied = _Window(x, keys, _DRAWS * step + 2, side)
    signs = random.signs(keys, _DRAWS * step + 1, _channels(x))
    # What clipping to the bounds has saved so far is spent as well, in equal parts on the channels.
    delta = found - x
    left = tf.maximum(tf.square(epsilon) - _squares(delta, everywhere=True), 0.0) / tf.cast(tf.shape(x)[-1], tf.float32)
    spent = _squares(tf.where(window.inside | emptied.inside, delta, 0.0))
    # The old change weighs as much as the new bump: what was found in the window is turned, and not thrown away.
    old = _direction(tf.where(window.inside, delta, 0.0))
    new = _direction(old + signs * window.bump(_split(x, keys, _DRAWS * step + 3))) * tf.sqrt(left + spent)
    moved = tf.where(window.inside, new, tf.where(emptied.inside, 0.0, delta))
    return tf.clip_by_value(x + epsilon * norms.steepest(moved, "l2"), *bounds)


PROPOSALS: dict[Norm, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    "linf": (begin_linf, propose_linf),
    "l2": (begin_l2, propose_l2),
}
"""For each norm the first proposal, and those that follow."""


class _Window:
    """One window for each image, anywhere in it.

    Args:
        x: The images.
        keys: Their keys, `(batch,)`.
        counter: The number of the draw.
        side: How many positions each side of the window has, a scalar.
        most: How many positions a side of the window may have more than a side of the images. Defaults to 0.
    """

    def __init__(self, x: Tensor, keys: Tensor, counter: Tensor, side: Tensor, most: int = 0) -> None:
        drawn = random.uniform(keys, counter, (x.shape.rank - 2,))
        self._local: list[Tensor] = []
        self._sides: list[Tensor] = []
        self.inside = tf.constant(True)
        for axis, (place, length) in enumerate(zip(_places(x), _sizes(x), strict=True)):
            # Also where the image is flatter than a window of that part would be, such as a strip.
            own = tf.clip_by_value(side, 1, tf.maximum(length + most, 1))
            start = tf.cast(drawn[:, axis] * tf.cast(length - own + 1, tf.float32), tf.int32)
            local = place - tf.reshape(start, [-1] + [1] * (x.shape.rank - 1))
            self.inside = self.inside & (local >= 0) & (local < own)
            self._local.append(local)
            self._sides.append(own)

    def bump(self, split: Tensor) -> Tensor:
        """A bump up in one half of the window and as much down in the other, `(batch, *positions, 1)`."""
        bump = tf.where(self.inside, _bump(self._local, self._sides, split), 0.0)
        # Each half by itself, so that both weigh the same where one of them has a position more.
        halves = [_direction(tf.where(chosen, bump, 0.0)) for chosen in (bump > 0, bump < 0)]
        return _direction(halves[0] + halves[1])


def _bump(local: list[Tensor], sides: list[Tensor], split: Tensor) -> Tensor:
    """A bump in each half of windows, up in the first half and down in the second.

    At the distance `d` from the middle of its half, it has the height `sum over m > d of 1 / m^2`.

    Args:
        local: For each axis, the places of all positions from the start of their window on.
        sides: For each axis, how long the windows are.
        split: The axis along which windows are halved, `(batch, 1, ...)`.
    """
    far, reach, sign = tf.constant(0), tf.constant(0), tf.constant(1.0)
    for axis, (place, side) in enumerate(zip(local, sides, strict=True)):
        half = tf.where(tf.equal(split, axis), side // 2, 0)
        second = place >= half
        size = tf.where(second, side - half, half)
        sign = sign * tf.where(tf.equal(split, axis) & second, -1.0, 1.0)
        far = tf.maximum(far, tf.abs(place - tf.where(second, half, 0) - size // 2))
        reach = tf.maximum(reach, size // 2 + 1)
    heights = tf.cumsum(1.0 / tf.square(tf.range(1.0, tf.cast(tf.reduce_max(reach), tf.float32) + 1.0)))
    heights = tf.concat([[0.0], heights], axis=0)
    return sign * (tf.gather(heights, reach) - tf.gather(heights, tf.minimum(far, reach)))


def _split(x: Tensor, keys: Tensor, counter: int | Tensor) -> Tensor:
    """An axis of the positions for each image, `(batch, 1, ...)` int32."""
    axes = x.shape.rank - 2
    # The largest draw is 1 - 2**-24, and what it makes of a whole number rounds to less than that.
    return tf.cast(random.uniform(keys, counter, [1] * (axes + 1)) * axes, tf.int32)


def _side(x: Tensor, part: Tensor) -> Tensor:
    """The side of a window that has a part of all positions."""
    positions = tf.cast(tf.reduce_prod(tf.shape(x)[1:-1]), tf.float32)
    return tf.cast(tf.round(tf.pow(part * positions, 1 / (x.shape.rank - 2))), tf.int32)


def _sizes(x: Tensor) -> list[Tensor]:
    """How many positions there are along each axis."""
    sizes: list[Tensor] = tf.unstack(tf.shape(x)[1:-1], num=x.shape.rank - 2)
    return sizes


def _places(x: Tensor) -> list[Tensor]:
    """The places of all positions along each axis, which broadcast against the images."""
    rank = x.shape.rank
    return [
        tf.reshape(tf.range(size), [-1 if dimension == axis else 1 for dimension in range(rank)])
        for axis, size in enumerate(_sizes(x), start=1)
    ]


def _channels(x: Tensor) -> Tensor:
    """The shape of one number for each channel."""
    return tf.concat([tf.ones(x.shape.rank - 2, tf.int32), tf.shape(x)[-1:]], axis=0)


def _squares(delta: Tensor, everywhere: bool = False) -> Tensor:
    """The sum of squares over the positions of each channel, or over all of each image."""
    rank = delta.shape.rank
    return tf.reduce_sum(tf.square(delta), axis=range(1, rank if everywhere else rank - 1), keepdims=True)


def _direction(delta: Tensor) -> Tensor:
    """Every channel of each image, with a Euclidean length of 1 over its positions, or of 0."""
    return tf.math.divide_no_nan(delta, tf.sqrt(_squares(delta)))
