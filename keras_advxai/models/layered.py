"""What one traced pass shows of a model: its layers, its classes, the shape of its heatmaps."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import keras
import numpy as np

from keras_advxai._typing import Score, Shape, Tensor
from keras_advxai.models import lookup
from keras_advxai.models.layer_table import LayerTable
from keras_advxai.models.summary import ModelSummary, mixing_layer, summarize
from keras_advxai.models.task import Task
from keras_advxai.models.topology import Topology

Found = TypeVar("Found")


class LayeredModel(abc.ABC):
    """A model with access to its layers. A subclass remembers what is found of it.

    Attributes:
        model: The `keras.Model`.
        kind: The task that it is for.
    """

    model: keras.Model
    kind: Task

    @abc.abstractmethod
    def _found(self, name: str, find: Callable[[Any, tuple[int, ...]], Found], shape: Shape) -> Found:
        """What a function finds of the model and images of a shape; `None` stands for that which the network takes.

        It is called once, with the classifier and the shape of an image, and remembered by the name.
        """

    def _summary(self, shape: Shape = None) -> ModelSummary:
        return self._found("summary", summarize, shape)

    @property
    def default_layer(self) -> str:
        """The layer that is explained unless another is named: what the model pools or flattens last.

        Raises:
            ValueError: The model has no layer with a spatial output, or sees images as tokens.
        """
        return self.layer_path(None)

    @property
    def classes(self) -> int:
        """How many classes the model has; one sigmoid unit counts as two."""
        return self._summary().classes

    @property
    def binary(self) -> bool:
        """Whether the model ends in one unit that counts as two classes."""
        return self._summary().binary

    def layers(self, shape: Shape = None) -> LayerTable:
        """Every layer that can be explained, in execution order. Printed, it is a table.

        Args:
            shape: `(height, width, channels)` of the images, for a model that leaves them open.
        """
        return self.topology(shape).layers

    def head(self, shape: Shape = None) -> str:
        """The kind of head: `"softmax"`, `"sigmoid"`, `"linear"` or `"probability"`."""
        return self._summary(shape).head

    def visible_end(self, shape: Shape = None) -> str | None:
        """What the last operation is, whatever is said of the output: `"softmax"`, `"sigmoid"`, `"linear"` or `None`.

        Args:
            shape: `(height, width, channels)` of the images, for a model that leaves them open.
        """
        return self._summary(shape).visible_end

    def mixing_layer(self, shape: Shape = None) -> str | None:
        """The layer that makes what the model says of an image depend on the others of its batch.

        Args:
            shape: `(height, width, channels)` of the images, for a model that leaves them open.

        Returns:
            Its path, `""` if it has none; `None` where there is no such layer.
        """
        # Of most models the traced pass shows that there is none.
        return self._found("mixing layer", mixing_layer, shape) if self._summary(shape).may_mix else None

    def comparing_scores(self, shape: Shape = None) -> tuple[Score, ...]:
        """The scores that leave out what is evidence for or against all classes alike, which the logit counts.

        Args:
            shape: `(height, width, channels)` of the images, for a model that leaves them open.

        Returns:
            None where it is the same as the logit's: of one sigmoid unit, where there is one class against another, of
            several labels, each with a sigmoid, and of logits that were recovered from probabilities.
        """
        found = self._summary(shape)
        if found.binary or found.head == "probability" or "centered_logit" not in self.kind.scores:
            return ()
        # A sigmoid for each class has a derivative that is positive, so its gradient is the logit's but for the scale.
        return ("centered_logit",) if found.head == "sigmoid" else ("centered_logit", "probability")

    def map_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of the heatmaps of images, `(batch, height, width, 1)`.

        Args:
            shape: The shape of the images, `(batch, height, width, channels)`, or as the model takes them.
        """
        batch, *sides = shape
        topology = self.topology(sides)
        # Images without channels, (28, 28) or (784,), have the map of what the model makes of them.
        sides = list(topology.grid or sides)
        if len(sides) > 1:
            del sides[topology.channel - 1]
        return (batch, *sides, 1)

    def to_channels_last(self, images: Tensor) -> Tensor:
        """Images, or something shaped like them, as `(batch, height, width, channels)`, as the model lays them out."""
        topology = self.topology(images.shape[1:])
        # Pictures are arrays, each of which would go to the device and back.
        of = np if isinstance(images, np.ndarray) else keras.ops
        if topology.grid is not None:
            images = of.reshape(images, (-1, *topology.grid))
        if len(images.shape) == 2:
            return images[..., None]
        return of.moveaxis(images, topology.channel, -1)

    def layer_path(self, layer: str | keras.Operation | None, shape: Shape = None, *, spatial: bool = True) -> str:
        """The full path of a layer that can be explained.

        Args:
            layer: Its name or path, or the layer itself; `None` for the default layer.
            shape: `(height, width, channels)` of the images, for a model that leaves them open.
            spatial: Whether its output must have a spatial extent. Defaults to `True`.

        Raises:
            ValueError: There is no such layer, it has no spatial output, the pass does not reach it, or there are
                two of that name.
        """
        return lookup.layer_path(self.model, self.topology(shape), layer, spatial=spatial)

    def topology(self, shape: Shape = None) -> Topology:
        """The layers between the images and the classes, and where their outputs are found.

        Args:
            shape: `(height, width, channels)` of the images, for a model that leaves them open.
        """
        return self._summary(shape).topology
