"""What to do about images of another shape than a model takes: other channels, another size, another order."""

from __future__ import annotations

from collections.abc import Sequence

_IN_FILES = (1, 3)
"""As how many channels image files are read."""


def shape_hint(takes: Sequence[int | None], received: Sequence[int | None]) -> str:
    """Sentences on how such images become what the model takes, each with a space in front; none where nobody knows.

    Args:
        takes: What the model takes, `(height, width, channels)`, `None` for any.
        received: The shape of an image.

    Example:

    >>> from keras_advxai.models.shape_hint import shape_hint
    >>> shape_hint((28, 28, 1), (28, 28, 3)).strip()
    'For gray images, kax.data.load(..., channels=1) of files, tf.image.rgb_to_grayscale(x) of arrays.'
    """
    if len(takes) != 3 or len(received) != 3 or _fits(takes, received):
        return ""
    if _fits(takes, (*received[1:], received[0])):
        return " These have the channels first: pass np.moveaxis(x, 1, -1)."
    if _fits(takes, (received[-1], *received[:-1])):
        return " The model takes the channels first: pass np.moveaxis(x, -1, 1)."
    return _channels(takes[-1], received[-1]) + _size(takes[:-1], received[:-1])


def _fits(takes: Sequence[int | None], received: Sequence[int | None]) -> bool:
    return all(one is None or one == other for one, other in zip(takes, received, strict=True))


def _channels(takes: int | None, received: int | None) -> str:
    if takes is None or takes == received:
        return ""
    if takes == 1 and received == 3:
        return " For gray images, kax.data.load(..., channels=1) of files, tf.image.rgb_to_grayscale(x) of arrays."
    if takes == 3 and received == 1:
        return " For three channels, kax.data.load(..., channels=3) of files, tf.image.grayscale_to_rgb(x) of arrays."
    if (takes, received) == (3, 4):
        return " If the fourth channel is transparency, x[..., :3] leaves it out."
    if takes not in _IN_FILES and received in _IN_FILES:
        return f" Image files are read with 1 or 3 channels: pass arrays with {takes}, in an .npz file, say."
    return ""


def _size(takes: Sequence[int | None], received: Sequence[int | None]) -> str:
    # A side that may be any, or a side of one pixel such as of a signal, is not resized by these.
    if _fits(takes, received) or None in takes or 1 in takes:
        return ""
    size = f"({takes[0]}, {takes[1]})"
    return f" For that size, kax.data.load(..., size={size}) of files, tf.image.resize(x, {size}) of arrays."
