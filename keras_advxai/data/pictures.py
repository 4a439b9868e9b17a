"""One image file as an array."""

from __future__ import annotations

import dataclasses
import pathlib
import warnings

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from keras_advxai._choice import is_one_of
from keras_advxai._typing import Bounds
from keras_advxai.models.inputs import check_bounds, check_flag, check_whole_number

INTERPOLATIONS = ("bicubic", "bilinear")

MOST_PIXELS = 100_000_000
"""A file that says it has more is not decoded: a few kilobytes can claim to be terabytes."""

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
"""The endings of the files that are taken for images in a folder, in any case."""

_BITS, _PHOTOMETRIC, _FORMAT = 258, 262, 339
"""Tags of TIFF: bits of a number, whether 0 is white or black, and whether numbers have signs."""


class ImageFileError(ValueError):
    """A file that cannot be decoded; the message says which and why."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """How image files become arrays.

    Attributes:
        size: `(height, width)` in pixels; `None` for the size of each file.
        crop: Which part is resized: `True`, the middle of the image with the proportions of `size`, so that nothing is
            stretched; a number below 1, that share of it; `False`, the whole image, which is stretched.
        channels: 3 for colour, 1 for gray.
        bounds: What the levels 0 and 255 become.
        interpolation: How an image is resized: `"bicubic"`, over all pixels that a new one covers, rounded to levels;
            or `"bilinear"` between the four nearest, as `keras.utils.image_dataset_from_directory` and `Resizing` do.
    """

    size: tuple[int, int] | None = None
    crop: bool | float = True
    channels: int = 3
    bounds: Bounds = (0.0, 255.0)
    interpolation: str = "bicubic"

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise ValueError(f"Argument `channels` must be 1 or 3. Received: channels={self.channels!r}")
        object.__setattr__(self, "bounds", check_bounds(self.bounds))
        if not is_one_of(self.interpolation, INTERPOLATIONS):
            raise ValueError(
                f"Argument `interpolation` must be {' or '.join(INTERPOLATIONS)}. Received: "
                f"interpolation={self.interpolation!r}"
            )
        for side in self.size or ():
            check_whole_number("size", side, 1)
        if isinstance(self.crop, (bool, np.bool_)):
            check_flag("crop", self.crop)
        elif not (isinstance(self.crop, float) and 0 < self.crop <= 1):
            raise ValueError(
                "Argument `crop` must be True, False, or the share of the middle that is kept, above 0 and at most 1. "
                f"Received: crop={self.crop!r}"
            )

    def read(self, path: pathlib.Path) -> np.ndarray:
        """The pixels of a file, upright, `(height, width, channels)` float32 within the bounds.

        Args:
            path: A file that Pillow can read. Of an animation or of several pages, the first one counts.

        Raises:
            ImageFileError: It cannot be decoded, or has too many pixels.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of Pillow, about metadata that do not matter here
                with Image.open(path) as file:
                    if file.width * file.height > MOST_PIXELS:
                        raise ValueError(
                            f"it has {file.width} x {file.height} pixels, and at most {MOST_PIXELS} are read"
                        )
                    file.seek(0)
                    levels = _levels(file)
                    return self._pixels(ImageOps.exif_transpose(file), levels)
        except Exception as error:  # Pillow's own are of many kinds, according to what is damaged
            said = " ".join(str(error).split())
            raise ImageFileError(f"{path}: {said.removesuffix(f' {str(path)!r}')}") from error

    def resizes(self, path: pathlib.Path) -> bool:
        """Whether a file has another size than what is made of it.

        Args:
            path: A file that was read.
        """
        with Image.open(path) as file:  # which reads its header alone
            return self.size is not None and {self.size, self.size[::-1]}.isdisjoint({(file.height, file.width)})

    def _pixels(self, image: Image.Image, levels: tuple[float, float]) -> np.ndarray:
        scaled = _eight_bits(image, *levels)
        if self.size is not None and self.interpolation == "bilinear":
            return self._scaled(self._between_nearest(scaled, *self.size))
        if self.size is not None:
            height, width = self.size
            scaled = scaled.resize((width, height), Image.Resampling.BICUBIC, self._box(scaled, height, width))
        if self.channels == 1 and scaled.mode == "RGB":
            scaled = scaled.convert("L")
        # Bicubic resizing overshoots at edges, which 8 bits cut off by themselves.
        pixels = self._scaled(np.clip(np.asarray(scaled, "float32"), 0, 255))
        return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], self.channels, axis=-1)

    def _between_nearest(self, image: Image.Image, height: int, width: int) -> np.ndarray:
        """Levels resized as Keras' loader does it: a middle of whole pixels, and no average over those between."""
        levels = np.asarray(image.convert("L") if self.channels == 1 and image.mode == "RGB" else image, "float32")
        if levels.ndim == 2:
            levels = np.repeat(levels[..., None], self.channels, axis=-1)
        if self.crop is not False:
            share = 1.0 if self.crop is True else float(self.crop)
            whole = np.array(levels.shape[:2])
            kept = np.minimum(whole, [int(whole[1] * height / width), int(whole[0] * width / height)])
            rows, columns = np.maximum(1, (share * kept).astype(int))
            top, left = (whole - [rows, columns]) // 2
            levels = levels[top : top + rows, left : left + columns]
        resized = tf.image.resize(np.clip(levels, 0, 255), (height, width), "bilinear").numpy()
        found: np.ndarray = np.clip(resized, 0, 255)  # which rounding may have left
        return found

    def _scaled(self, levels: np.ndarray) -> np.ndarray:
        """Levels in [0, 255] scaled to the bounds."""
        low, high = self.bounds
        if self.bounds == (0, 255):
            return levels
        # Rounding may lead past a bound, which an evaluation would refuse.
        scaled: np.ndarray = np.clip(low + levels * np.float32((high - low) / 255), low, high).astype("float32")
        return scaled

    def _box(self, image: Image.Image, height: int, width: int) -> tuple[float, float, float, float]:
        """The part of the image that is resized: left, top, right and bottom."""
        if self.crop is False:
            return 0.0, 0.0, float(image.width), float(image.height)
        share = 1.0 if self.crop is True else float(self.crop)
        scale = share * min(image.width / width, image.height / height)
        left, top = (image.width - scale * width) / 2, (image.height - scale * height) / 2
        return (left, top, left + scale * width, top + scale * height)


def _levels(file: Image.Image) -> tuple[float, float]:
    """What black and white are in a gray file of more than 8 bits.

    Args:
        file: The file, whose mode says less: `I;16` may have 12 bits, and `I` 16 or 32.

    Raises:
        ValueError: Its numbers have no range.
    """
    tags = getattr(file, "tag_v2", {})  # of TIFF; elsewhere there are 16 bits
    bits = int(tags.get(_BITS, (16,))[0])
    is_signed = int(tags.get(_FORMAT, (1,))[0]) != 1
    if file.mode == "F" or (file.mode == "I" and (bits > 16 or is_signed)):
        kind = "floats" if file.mode == "F" else f"{'signed ' if is_signed else ''}numbers of {bits} bits"
        raise ValueError(f"it holds {kind}, and nothing says which of them are black and white; 8 or 16 bits do")
    largest = 2.0**bits - 1
    return (largest, 0.0) if file.mode.startswith("I") and tags.get(_PHOTOMETRIC) == 0 else (0.0, largest)


def _eight_bits(image: Image.Image, black: float, white: float) -> Image.Image:
    """An image of any mode as pixels in [0, 255]: in colour, or one channel of numbers where it is gray."""
    if image.mode.startswith("I"):
        # Pillow's own conversion cuts off whatever is above 255, and takes no negative for one.
        numbers = np.asarray(image, "float32")
        return Image.fromarray((numbers - np.float32(black)) / np.float32((white - black) / 255))
    if image.mode in ("L", "1", "LA", "La"):
        return image.convert("L")
    return image.convert("RGB")
