"""Which tensors of a pass are maps of the image, and how the dimensions of each lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_advxai.models.recording import Call


class Layouts:
    """The maps among the tensors of a pass.

    A map has as many dimensions as the images, and comes from the images through operations that keep these
    dimensions: the heads of an attention, which have as many, do not. For each dimension of a map behind the batch
    it is known which dimension of the images it stands for, whatever was transposed in between; the channels of all
    maps stand for the channels of the images. Which dimension these are, the convolutions and poolings say.

    Args:
        images: The images, `(batch, *positions, channels)` or in another order.
        way: The operations between the images and the classes, by their ids.
        calls: The calls of layers on this way, in the order in which they returned.
        also: Further tensors that hold the images, such as what a preprocessing made of them.
    """

    def __init__(self, images: Any, way: Mapping[int, Any], calls: Sequence[Call], also: Any = None) -> None:
        self._rank = images.shape.rank
        self._way = way
        same = tuple(range(1, self._rank))
        self._axes = {id(images): same}
        if also is not None:
            self._axes[id(also)] = self.axes(also) or same
        self._channel: int | None = None
        self._sizes: set[tuple[int | None, ...]] = {tuple(images.shape[1:3])}
        for call in calls:
            self._note(call)
        self.channel = self._settled(images)

    def axes(self, tensor: Any, frames: int = 0) -> tuple[int, ...] | None:
        """The image's dimension that each dimension of a map stands for; `None` for what is no map.

        Args:
            tensor: A tensor.
            frames: How many dimensions of positions were folded into the batch.
        """
        if not tf.is_symbolic_tensor(tensor) or tensor.shape.rank != self._rank - frames:
            return None
        queue = [(tensor, tuple(range(1, tensor.shape.rank)))]
        seen = set()
        while queue:
            current, order = queue.pop(0)
            if id(current) in self._axes:
                known = self._axes[id(current)]
                return tuple(known[place - 1] for place in order)
            operation = current.op
            if id(operation) in seen or id(operation) not in self._way:
                continue
            seen.add(id(operation))
            order = _before(operation, order)
            for item in operation.inputs:
                if item.shape.rank == current.shape.rank:
                    queue.append((item, order))
                elif frames and operation.type == "Reshape" and item.shape.rank == current.shape.rank + frames:
                    queue.append((item, tuple(place + frames for place in order)))
        return None

    def order(self, tensor: Any, frames: int = 0) -> tuple[int, ...] | None:
        """The order of a map's dimensions that brings its positions in front and its channels to the end.

        Args:
            tensor: A tensor.
            frames: How many dimensions of positions were folded into the batch.

        Returns:
            The order, as `tf.transpose` takes it; `None` for what is no map.
        """
        axes = self.axes(tensor, frames)
        if axes is None:
            return None
        places = {axis: place for place, axis in enumerate(axes, start=1)}
        channel = places.pop(self.channel, None)
        return (0, *(places[axis] for axis in sorted(places)), *([] if channel is None else [channel]))

    def shape(self, tensor: Any, frames: Sequence[Any] = ()) -> tuple[int | None, ...] | None:
        """The shape of a tensor as a map, `(*positions, channels)`; `None` for what is no map.

        Args:
            tensor: A tensor.
            frames: The sizes of the dimensions that were folded into the batch.
        """
        order = self.order(tensor, len(frames))
        if order is None:
            return None
        folded = (size if isinstance(size, int) else None for size in frames)
        return (*folded, *(tensor.shape[place] for place in order[1:]))

    def has_extent(self, tensor: Any, frames: Sequence[Any] = ()) -> bool:
        """Whether a tensor is a map with more than one position."""
        shape = self.shape(tensor, frames)
        return shape is not None and any(size is None or size > 1 for size in shape[:-1])

    def _note(self, call: Call) -> None:
        """Note how the dimensions of a call's output lie, if it is a map."""
        tensor, frames = call.output, len(call.frames)
        if tensor.shape.rank is None or tensor.shape.rank != self._rank - frames:
            return
        before = next((axes for axes in (self.axes(item, frames) for item in call.inputs) if axes is not None), None)
        if before is None and not self._returns(call):
            return
        before = before or tuple(range(1, self._rank))
        declared = _declared_channel(call.operation, len(before))
        if declared is None:
            after = self.axes(tensor, frames) or before
        else:
            self._channel = before[declared - 1] if self._channel is None else self._channel
            rest = [axis for axis in before if axis != self._channel]
            after = (*rest[: declared - 1], self._channel, *rest[declared - 1 :])
        self._axes.setdefault(id(tensor), after)
        self._sizes.add(tuple(tensor.shape[1:3]))

    def _returns(self, call: Call) -> bool:
        """Whether a call makes a map of a sequence, or of single channels, at a size that an earlier map had."""
        makes = isinstance(call.operation, keras.layers.Reshape) or type(call.operation).__name__ == "Stack"
        flat = bool(call.inputs) and all(item.shape.rank == 3 for item in call.inputs)
        return self._rank == 4 and not call.frames and makes and flat and tuple(call.output.shape[1:3]) in self._sizes

    def _settled(self, images: Any) -> int:
        """The dimension of the images' channels: as the layers say, or else the first if it looks like channels."""
        if self._channel is not None:
            return self._channel
        first, last = images.shape[1], images.shape[-1]
        looks_first = self._rank == 4 and first in (1, 3) and last is not None and last > 4
        return 1 if looks_first else self._rank - 1


def _declared_channel(operation: keras.Operation, dimensions: int) -> int | None:
    """Where a convolution or pooling has its channels, counted with the batch; `None` for others."""
    if not hasattr(operation, "kernel_size") and not hasattr(operation, "pool_size"):
        return None
    return {"channels_first": 1, "channels_last": dimensions}.get(getattr(operation, "data_format", None) or "")


def _before(operation: Any, order: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions of an operation's input that those of its output were."""
    if operation.type != "Transpose":
        return order
    permutation = tf.get_static_value(operation.inputs[1])
    return order if permutation is None else tuple(int(permutation[place]) for place in order)
