"""Image files as a data set: decoded batch by batch."""

from __future__ import annotations

import pathlib
from typing import Any

import keras
import numpy as np

from keras_advxai.data.files import Files
from keras_advxai.data.names import file_name
from keras_advxai.data.pictures import ImageFileError, Picture

_MOST_BYTES = 2**27
"""So much is kept of what was decoded before."""


class ImageFiles(keras.utils.PyDataset):
    """Images in files, decoded when their batch is read, each once; made by `load`.

    Args:
        files: The files.
        picture: How they become arrays.
        batch_size: How many images a batch has.
        strict: Whether a file that cannot be decoded is an error; or else it is left out of its batch.

    Attributes:
        names: The names of the files.
        labels: The classes of the files, `(images,)`, or numbers, `(images, numbers)`; `None` without labels.
        class_names: The names of the classes or numbers; `None` where there are none.
        skipped: File to reason, of those that could not be decoded so far, on the machines of a runner, too.

    Example:

    >>> import pathlib, skimage.data
    >>> from keras_advxai.data import ImageFiles
    >>> from keras_advxai.data.files import Files
    >>> from keras_advxai.data.pictures import Picture
    >>> coffee = pathlib.Path(skimage.data.__file__).parent / "coffee.png"
    >>> data = ImageFiles(Files((coffee,), ("coffee.png",), (967,)), Picture((32, 32)), batch_size=8)
    >>> x, y = data[0]
    >>> x.shape, y.tolist(), data.names_of(0)
    ((1, 32, 32, 3), [967], ('coffee.png',))
    """

    def __init__(self, files: Files, picture: Picture, batch_size: int, strict: bool = False) -> None:
        super().__init__()
        self._files = files
        self._picture = picture
        self._batch_size = batch_size
        self._strict = strict
        self.names = files.names
        self.labels = None if files.labels is None else np.array(files.labels)
        if self.labels is not None:
            self.labels = self.labels.astype("int32" if self.labels.ndim == 1 else "float32")
        self.class_names = files.class_names
        self.skipped: dict[str, str] = {}
        self._kept: dict[int, tuple[int, ...]] = {}
        self._decoded: dict[pathlib.Path, np.ndarray] = {}

    def __repr__(self) -> str:
        what = f"{len(self.names):,} image files in batches of {self._batch_size}"
        named = "" if self.class_names is None else f", named {', '.join(map(repr, self.class_names[:3]))}"
        more = ", ..." if self.class_names is not None and len(self.class_names) > 3 else ""
        labels = "without labels" if self.labels is None else f"labelled{named}{more}"
        return f"<ImageFiles: {what}, {labels}>"

    @property
    def are_resized(self) -> bool:
        """Whether the first file of those that were read has another size than what is made of it."""
        read = self.paths_read()
        return bool(read) and self._picture.resizes(pathlib.Path(read[0]))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_decoded": {}}  # other processes decode their own batches

    @property
    def num_batches(self) -> int:
        """How many batches there are."""
        return -(-len(self.names) // self._batch_size)

    def __len__(self) -> int:
        return self.num_batches

    def images_in(self, first: int, end: int) -> int:
        """How many files some batches have, those included that may turn out not to be images.

        Args:
            first: The number of the first batch.
            end: The number of the one after the last.
        """
        return len(range(self._places(first).start, self._places(end - 1).stop)) if first < end else 0

    def reuse(self, images: np.ndarray, other: ImageFiles, index: int) -> None:
        """Take over what another one has decoded, of files that both have, until their batch is read here.

        Args:
            images: A batch of the other one.
            other: The other one, which decodes as this one does.
            index: The number of the batch.
        """
        own = set(self._files.paths)
        for image, place in zip(images, other._kept[index], strict=True):
            path = other._files.paths[place]
            if path in own and sum(item.nbytes for item in self._decoded.values()) < _MOST_BYTES:
                self._decoded[path] = image

    def names_of(self, index: int) -> tuple[str, ...]:
        """The names of the images of a batch, less those that could not be decoded when it was read."""
        return tuple(self.names[place] for place in self._kept.get(index, self._places(index)))

    def paths_read(self) -> tuple[str, ...]:
        """The files of the images in the batches that were read, in their order, less those that were left out."""
        return tuple(
            str(self._files.paths[place].absolute()) for index in sorted(self._kept) for place in self._kept[index]
        )

    def named(self, index: int) -> tuple[Any, tuple[str, ...]]:
        """One batch as it is read, and for each image in it the name of the file as a line of text."""
        batch = self[index]  # which a subclass may make otherwise
        return batch, tuple(map(file_name, self.names_of(index)))

    def __getitem__(self, index: int) -> Any:
        """One batch: images `(batch, height, width, channels)`, float32 within the bounds, and their labels, if any.

        Raises:
            IndexError: There is no such batch.
            ImageFileError: A file cannot be decoded, if that is an error.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches. Received: index={index}")
        images, kept = [], []
        for place in self._places(index):
            try:
                path = self._files.paths[place]
                known = self._decoded.pop(path, None)
                images.append(self._picture.read(path) if known is None else known)
                kept.append(place)
            except ImageFileError as error:
                if self._strict:
                    raise
                self.skipped[self.names[place]] = str(error)
        sizes = {image.shape for image in images}
        if len(sizes) > 1:
            shapes = ", ".join(f"{height}x{width}" for height, width, _ in sorted(sizes)[:3])
            raise ValueError(
                f"The images of a batch must have one size, and these files have several, such as {shapes}. Pass a "
                "`size`, or batch_size=1."
            )
        side = self._picture.size or (1, 1)
        batch = np.stack(images) if images else np.zeros((0, *side, self._picture.channels), "float32")
        self._kept[index] = tuple(kept)
        return batch if self.labels is None else (batch, self.labels[kept])

    def _places(self, index: int) -> range:
        return range(index * self._batch_size, min((index + 1) * self._batch_size, len(self.names)))
