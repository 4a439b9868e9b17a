"""The output of a layer as a feature map: positions in between, channels last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_advxai._typing import Tensor


def as_map(
    output: Tensor, frames: Sequence[Any] = (), order: Sequence[int] | None = None, lacking: Sequence[int] = ()
) -> Tensor:
    """A layer's output, or the gradient to it, as `(batch, *positions, channels)`.

    Args:
        output: What the layer returned.
        frames: How many frames each outer `TimeDistributed` layer has folded into the batch.
        order: The order of its dimensions with the positions in front and the channels last; `None` to leave them.
        lacking: Which of the images' positions it lacks, in that order, such as 1 for the frames of a video. They get a
            size of 1.
    """
    if order is not None:
        output = ops.transpose(output, order)
    for index in lacking:
        output = ops.expand_dims(output, index)
    # The frames of a video were folded into the batch, so that one call served them all.
    if not frames:
        return output
    return ops.reshape(output, (-1, *frames, *ops.shape(output)[1:]))
