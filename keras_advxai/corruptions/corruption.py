"""What a corruption is: a function of one image with a name, of which the same image always gets the same result."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from keras_advxai._typing import Bounds
from keras_advxai.models.inputs import check_bounds, check_whole_number

CorruptionFunction: TypeAlias = Callable[[np.ndarray, int, np.random.Generator], Any]
"""One image `(height, width, channels)` in [0, 1], a severity and random numbers, to an image of that shape."""

LARGEST_SEVERITY = 5

_LEVELS = 65535
"""Of so many levels are the pixels by which images are told apart: 8-bit ones are the same whatever their bounds."""


@dataclasses.dataclass(frozen=True)
class Corruption:
    """A corruption of images, at severities from 1 to 5.

    It is made by `keras_advxai.corruptions.register` and found by `get`. It acts in image space. What is random in it
    is drawn from the seed and the image itself, so the same image gets the same corruption in each epoch, at each place
    in the data and at each batch size; at all severities of the same random numbers.

    Attributes:
        name: What it is called.
        function: What computes it of one image, `(height, width, channels)` float64 in [0, 1], an integer severity and
            a `numpy.random.Generator`. What it returns is clipped.
        channels: Of how many channels the images must be; empty for any number.

    Example:

    >>> import numpy as np
    >>> import keras_advxai as kax
    >>> images = np.full((2, 8, 8, 1), 100, "float32")
    >>> brighter = kax.corruptions.get("brightness")(images, severity=2, bounds=(0, 255))
    >>> brighter.shape, float(brighter[0, 0, 0, 0])
    ((2, 8, 8, 1), 151.0)
    """

    name: str
    function: CorruptionFunction
    channels: tuple[int, ...] = ()

    def check(self, shape: Sequence[int | None]) -> None:
        """Raise for images that it is not for.

        Args:
            shape: That of a batch, `(batch, height, width, channels)`.

        Raises:
            ValueError: They are no images, or have other channels.
        """
        if len(shape) != 4:
            raise ValueError(
                f"The corruption {self.name!r} is for images, (batch, height, width, channels). Received: the shape "
                f"{tuple(shape)}"
            )
        if self.channels and shape[-1] not in self.channels:
            gray_or_rgb = " or ".join(
                {1: "gray images (1 channel)", 3: "RGB images (3)"}[each] for each in self.channels
            )
            raise ValueError(
                f"The corruption {self.name!r} is for {gray_or_rgb}. Leave it out for others. Received: images with "
                f"{shape[-1]} channels"
            )

    def __call__(self, images: Any, severity: int, *, bounds: Bounds = (0, 1), seed: int = 0) -> np.ndarray:
        """The images as they are under the corruption.

        Args:
            images: `(batch, height, width, channels)`, within the bounds.
            severity: From 1 to 5.
            bounds: The smallest and largest value of a pixel. Defaults to `(0, 1)`.
            seed: Seed of what is random. Defaults to 0.

        Returns:
            Images of the same shape, float32, within the bounds.

        Raises:
            ValueError: They are not images of its channels, there is no such severity, or the function returned
                something else than an image.
        """
        given = np.asarray(images)
        self.check(given.shape)
        level = check_severity("severity", severity)
        lower, upper = check_bounds(bounds)
        # In float64, where an 8-bit image is the same to the 16th bit in [0, 1] and in [0, 255].
        unit = np.clip((given.astype("float64") - lower) / (upper - lower), 0, 1)
        found = np.empty(unit.shape)
        for place, image in enumerate(unit):
            found[place] = self._of_image(image, level, seed)
        scaled = (lower + found * (upper - lower)).astype("float32")
        within: np.ndarray = np.clip(scaled, np.float32(lower), np.float32(upper))
        return within

    def _of_image(self, image: np.ndarray, severity: int, seed: int) -> np.ndarray:
        content = np.round(image * _LEVELS).astype("<u2")
        keys = [seed, zlib.crc32(self.name.encode()), zlib.crc32(content.tobytes()), *image.shape]
        found = np.asarray(self.function(image.copy(), severity, np.random.default_rng(keys)))
        if found.shape != image.shape or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
            what = f"{found.dtype} of the shape {found.shape}"
            raise ValueError(
                f"The corruption {self.name!r} must return a finite image of the shape {image.shape}. Received: {what}"
            )
        clipped: np.ndarray = np.clip(found, 0, 1)
        return clipped


def check_severity(argument: str, severity: Any) -> int:
    """A severity as an integer.

    Args:
        argument: What the argument is called.
        severity: What was received.

    Raises:
        TypeError: It is no whole number.
        ValueError: It is not from 1 to 5.
    """
    level = check_whole_number(argument, severity, 1)
    if level > LARGEST_SEVERITY:
        raise ValueError(
            f"Argument `{argument}` must be from 1 to {LARGEST_SEVERITY}. Received: {argument}={severity!r}"
        )
    return level
