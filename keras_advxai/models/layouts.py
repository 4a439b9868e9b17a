"""Which tensors of a pass are feature maps, and what each of their dimensions is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai.models.recording import Call

_REDUCTIONS = ("Mean", "Sum", "Max", "Min", "Prod")


class Layouts:
    """The feature maps among the tensors of a pass.

    A feature map has as many dimensions as the images, and comes from the images through operations that keep these
    dimensions: the heads of an attention, which have as many, do not. For each dimension after the batch
    it is known which dimension of the images it stands for, whatever was transposed in between; the channels of all
    maps stand for the channels of the images. Which dimension these are, the convolutions and poolings say.

    A map may lack one of the images' positions that a layer has summed up: the frames of a video, behind a `ConvLSTM2D`
    that returns its last state or behind a mean over time. It is the same for all frames then.

    Args:
        images: The images, `(batch, *positions, channels)` or in another order.
        between: The operations between the images and the classes, by their ids.
        calls: The calls of layers between them, in the order in which they returned.
        also: Further tensors that hold the images, such as what a preprocessing made of them.
    """

    def __init__(self, images: Any, between: Mapping[int, Any], calls: Sequence[Call], also: Any = None) -> None:
        self._rank = images.shape.rank
        self._between = between
        same = tuple(range(1, self._rank))
        self._axes = {id(images): same}
        # A preprocessing that transposes, say to the channels first, makes the network's images lie otherwise than the
        # user's.
        if also is not None:
            self._axes[id(also)] = self.axes(also) or same
        self._channel: int | None = None
        # A sequence of 64 tokens counts as 8x8 positions only where the model had such a map before; see `_returns`.
        self._sizes: set[tuple[int | None, ...]] = {tuple(images.shape[1:3])}
        for call in calls:
            self._note(call)
        self.channel = self._settled(images)

    def axes(self, tensor: Any, frames: int = 0) -> tuple[int, ...] | None:
        """The image's dimension that each dimension of a map stands for; `None` for what is not a map.

        Args:
            tensor: A tensor.
            frames: How many dimensions of positions were folded into the batch.
        """
        if not tf.is_symbolic_tensor(tensor) or not self._may_be_map(tensor, frames):
            return None
        queue = [(tensor, tuple(range(1, tensor.shape.rank)))]
        seen = set()
        while queue:
            current, order = queue.pop(0)
            if id(current) in self._axes:
                # What layers declared is known of their outputs, so the search ends at the layer in front.
                known = self._axes[id(current)]
                return tuple(known[dimension - 1] for dimension in order)
            # Away from the path between images and classes lie weights and constants, which may have the rank of a map.
            operation = current.op
            if id(operation) in seen or id(operation) not in self._between:
                continue
            seen.add(id(operation))
            earlier = _before(operation, order)
            if earlier is None:  # laid out anew: no dimension is one of before
                continue
            order = earlier
            for item in operation.inputs:
                # A change of rank is the end: the heads of an attention, or a decoder's map made of a vector, are not
                # the image's positions.
                if item.shape.rank == current.shape.rank:
                    queue.append((item, order))
                # Or a sum over the frames, which leaves the others as they are.
                elif self._sums_frames and not frames and item.shape.rank == current.shape.rank + 1 == self._rank:
                    left = _left(operation, self._rank)
                    queue += [] if left is None else [(item, tuple(left[dimension - 1] for dimension in order))]
                # The exception is the reshape by which `TimeDistributed` folds the frames of a video into the batch.
                elif frames and operation.type == "Reshape" and item.shape.rank == current.shape.rank + frames:
                    queue.append((item, tuple(dimension + frames for dimension in order)))
        return None

    def order(self, tensor: Any, frames: int = 0) -> tuple[int, ...] | None:
        """The order of a map's dimensions that brings its positions in front and its channels to the end.

        Args:
            tensor: A tensor.
            frames: How many dimensions of positions were folded into the batch.

        Returns:
            The order, as `tf.transpose` takes it; `None` for what is not a map.
        """
        axes = self.axes(tensor, frames)
        if axes is None:
            return None
        dimensions_of = {axis: dimension for dimension, axis in enumerate(axes, start=1)}
        # Summed over the channels, or over one side of an image, it is no map of the image any more.
        if len(axes) < self._rank - frames - 1 and self.channel not in dimensions_of:
            return None
        channel = dimensions_of.pop(self.channel, None)
        return (0, *(dimensions_of[axis] for axis in sorted(dimensions_of)), *([] if channel is None else [channel]))

    def lacking(self, tensor: Any, frames: int = 0) -> tuple[int, ...]:
        """Which dimensions of the images a map lacks, counted as `order` arranges them.

        Args:
            tensor: A map.
            frames: How many dimensions of positions were folded into the batch.
        """
        axes = self.axes(tensor, frames)
        if axes is None or len(axes) == self._rank - frames - 1:
            return ()
        positions = [axis for axis in range(1, self._rank) if axis != self.channel]
        return tuple(index for index, axis in enumerate(positions, start=1) if axis not in axes)

    def shape(self, tensor: Any, frames: Sequence[Any] = ()) -> tuple[int | None, ...] | None:
        """The shape of a tensor as a map, `(*positions, channels)`; `None` for what is not a map.

        Args:
            tensor: A tensor.
            frames: The sizes of the dimensions that were folded into the batch.
        """
        order = self.order(tensor, len(frames))
        if order is None:
            return None
        folded = (size if isinstance(size, int) else None for size in frames)
        sides = [tensor.shape[dimension] for dimension in order[1:]]
        for index in self.lacking(tensor, len(frames)):
            sides.insert(index - 1, 1)
        return (*folded, *sides)

    def positions(self, tensor: Any, frames: Sequence[Any] = ()) -> float:
        """How many positions a map has; infinitely many where that is open."""
        return math.prod(side or math.inf for side in (self.shape(tensor, frames) or ())[:-1])

    def has_extent(self, tensor: Any, frames: Sequence[Any] = ()) -> bool:
        """Whether a tensor is a map with more than one position."""
        shape = self.shape(tensor, frames)
        return shape is not None and any(size is None or size > 1 for size in shape[:-1])

    def has_others(self, tensor: Any) -> bool:
        """Whether a tensor, which is no map, has positions of its own, which are made of the images' positions."""
        rank = tensor.shape.rank
        if rank != self._rank:
            # A convolution over the channels, as of ECA-Net, has one channel itself, and no positions.
            return bool(rank > 3 or (rank == 3 and tensor.shape[1] != 1 and tensor.shape[-1] != 1))
        # As many dimensions: patches that became images, or rows that were put side by side. A single position is none,
        # nor is what a decoder makes of a vector.
        queue, seen = [tensor] if self.shape(tensor) is None else [], set()
        while queue:
            current = queue.pop()
            if self.axes(current) is not None:
                return True
            if id(current.op) in self._between and id(current.op) not in seen:
                seen.add(id(current.op))
                queue.extend(item for item in current.op.inputs if (item.shape.rank or 0) > 2)
        return False

    def _note(self, call: Call) -> None:
        """Note how the dimensions of a call's output lie, if it is a map."""
        tensor, frames = call.output, len(call.frames)
        if tensor.shape.rank is None or not self._rank - frames - 1 <= tensor.shape.rank <= self._rank - frames:
            return
        before = next((axes for axes in (self.axes(item, frames) for item in call.inputs) if axes is not None), None)
        # A vector or a sequence. Reshaped to four dimensions it is not a map, but for `_returns`.
        if before is None and not self._returns(call):
            return
        if not frames and self._is_laid_out_anew(tensor):
            return
        before = before or tuple(range(1, self._rank))
        if len(before) == tensor.shape.rank and _keeps_last_state(call.operation):
            before = before[1:]  # of the frames, the first of the positions
        elif len(before) != tensor.shape.rank - 1:
            before = self.axes(tensor, frames) or ()
        if not before:
            return
        declared = _declared_channel(call.operation, len(before))
        # Activations, sums and normalizations say nothing of their layout: it is followed through the operations
        # inside.
        if declared is None:
            after = self.axes(tensor, frames) or before
        else:
            # The first convolution or pooling decides which dimension of the images has the channels; later ones may
            # work on what was transposed in between.
            self._channel = before[declared - 1] if self._channel is None else self._channel
            rest = [axis for axis in before if axis != self._channel]
            after = (*rest[: declared - 1], self._channel, *rest[declared - 1 :])
        # A layer that returns its input, such as dropout, returns a tensor that is known already.
        self._axes.setdefault(id(tensor), after)
        self._sizes.add(tuple(tensor.shape[1:3]))

    def _may_be_map(self, tensor: Any, frames: int) -> bool:
        """Whether a tensor has as many dimensions as a map, or lacks one that may have been summed up."""
        if tensor.shape.rank == self._rank - frames:
            return True
        # A convolution without frames of its own, in `TimeDistributed`, has nothing to lack.
        lacks = not frames and tensor.shape.rank == self._rank - 1
        return bool(lacks and (self._sums_frames or id(tensor) in self._axes))

    @property
    def _sums_frames(self) -> bool:
        """Whether maps may lack a dimension because of an operation, and not by what a layer is."""
        # Of a video or a volume, what is left is an image. Of an image, it would be a signal: models that read text sum
        # over its height, and go on with a sequence.
        return bool(self._rank == 5)

    def _is_laid_out_anew(self, tensor: Any) -> bool:
        """Whether a tensor has the values of a map in other rows, as by `Reshape((height * width, 1, channels))`."""
        # By the last operation alone: what a layer does inside, such as windows of attention, it may undo.
        operation = tensor.op
        laid_out = operation.type == "Reshape" and _before(operation, tuple(range(1, tensor.shape.rank))) is None
        return laid_out and self.axes(operation.inputs[0]) is not None

    def _returns(self, call: Call) -> bool:
        """Whether a call makes a map of a sequence, or of single channels, at a size that an earlier map had."""
        # Attention over the positions of a map that is laid out as a map again; and Caffe's `preprocess_input` written
        # into the model, which takes the channels apart and stacks them the other way round.
        makes = isinstance(call.operation, keras.layers.Reshape) or type(call.operation).__name__ == "Stack"
        flat = bool(call.inputs) and all(item.shape.rank == 3 or 1 in item.shape[1:3] for item in call.inputs)
        return self._rank == 4 and not call.frames and makes and flat and tuple(call.output.shape[1:3]) in self._sizes

    def _settled(self, images: Any) -> int:
        """The dimension of the images' channels: as the layers say, or else the first if it looks like channels."""
        if self._channel is not None:
            return self._channel
        first, last = images.shape[1], images.shape[-1]
        # A model without convolutions, such as an MLP on (3, 32, 32), declares nothing.
        looks_first = self._rank == 4 and first in (1, 3) and last is not None and last > 4
        return 1 if looks_first else self._rank - 1


def _declared_channel(operation: keras.Operation, dimensions: int) -> int | None:
    """Where a convolution or pooling has its channels, counted with the batch; `None` for others."""
    # Flatten, UpSampling and others have a `data_format` too, which may be the default and mean nothing for them.
    if not hasattr(operation, "kernel_size") and not hasattr(operation, "pool_size"):
        return None
    return {"channels_first": 1, "channels_last": dimensions}.get(getattr(operation, "data_format", None) or "")


def _keeps_last_state(operation: keras.Operation) -> bool:
    """Whether a layer makes of a sequence of maps its last one."""
    layers = keras.layers
    return isinstance(operation, (layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D)) and not (
        operation.return_sequences or operation.return_state
    )


def _left(operation: Any, rank: int) -> tuple[int, ...] | None:
    """The dimensions of an input of so many that an operation leaves, if it takes one of them away; else `None`."""
    if operation.type in _REDUCTIONS and not operation.get_attr("keep_dims"):
        axes = tf.get_static_value(operation.inputs[1])
        taken = set() if axes is None else {int(axis) % rank for axis in np.ravel(axes)}
    elif operation.type == "Squeeze":
        taken = {int(axis) % rank for axis in operation.get_attr("squeeze_dims")}
    elif operation.type == "StridedSlice":  # such as the last frame, `x[:, -1]`
        mask = operation.get_attr("shrink_axis_mask")
        # An ellipsis or a new axis in front would count the dimensions otherwise.
        plain = not operation.get_attr("ellipsis_mask") and not operation.get_attr("new_axis_mask")
        taken = {axis for axis in range(rank) if mask >> axis & 1} if plain else set()
    else:
        return None
    left = tuple(axis for axis in range(1, rank) if axis not in taken)
    return left if len(taken) == 1 and 0 not in taken else None


def _before(operation: Any, order: tuple[int, ...]) -> tuple[int, ...] | None:
    """The dimensions of an operation's input that those of its output were; `None` where they are none of them."""
    # `Permute`, `tf.transpose` and convolutions that change the layout inside all end in a transposition.
    if operation.type == "Transpose":
        permutation = tf.get_static_value(operation.inputs[1])
        return order if permutation is None else tuple(int(permutation[dimension]) for dimension in order)
    if operation.type == "Reshape" and operation.inputs[0].shape.rank == operation.outputs[0].shape.rank:
        places = _places(operation.inputs[0].shape, operation.outputs[0].shape)
        return None if places is None else tuple(places[dimension] for dimension in order)
    return order


def _places(before: Any, after: Any) -> list[int] | None:
    """The dimensions that those behind a reshape were, where it leaves each value in its row; else `None`."""
    if all(old == new or old is None or new is None for old, new in zip(before[1:], after[1:], strict=True)):
        return list(range(len(after)))
    # A dimension of one is put elsewhere: (1, 28, 28) becomes (28, 28, 1).
    if None in before[1:] or None in after[1:] or [i for i in before[1:] if i > 1] != [i for i in after[1:] if i > 1]:
        return None
    old, new = _ones_last(before), _ones_last(after)
    return [0, *(old[new.index(axis)] for axis in range(1, len(after)))]


def _ones_last(shape: Any) -> list[int]:
    """The dimensions behind the batch in their order, those of size one behind the others."""
    return sorted(range(1, len(shape)), key=lambda axis: bool(shape[axis] == 1))
