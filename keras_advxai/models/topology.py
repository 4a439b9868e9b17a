"""What is known of the path from a model's images to its classes: its layers, and where their outputs are found."""

from __future__ import annotations

import dataclasses

from keras_advxai.models.folding import Key
from keras_advxai.models.layer_table import LayerTable


@dataclasses.dataclass(frozen=True)
class TensorLocation:
    """Where a layer's output, or what flows into it, is found in a recorded pass.

    Attributes:
        path: The layer's path.
        occurrence: Which one of its calls, counted from 0.
        order: The order of the dimensions with the positions in front and the channels last; `None` to leave them.
        input: The index of the input that is meant; `None` for the output.
        lacking: The dimensions of positions that it lacks, because a layer has summed them up.
    """

    path: str
    occurrence: int
    order: tuple[int, ...] | None = None
    input: int | None = None
    lacking: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Topology:
    """The layers between the images and the classes of a model, as one traced pass shows them.

    It holds names and numbers only: a tensor or a layer would keep the traced graph or the model alive.

    Attributes:
        layers: The layers that can be explained.
        locations: Name of each layer between images and classes, explainable or not, to where its output is found.
        operations: The id of each such layer or operation to its names.
        tokens: Names of the layers that return tokens, `(batch, tokens, channels)`.
        channel: Which dimension of the images, or of the grid, has the channels, counted with the batch.
        grid: How the model lays out images that have no dimension for the channels; `None` if they have.
        unmerged: Other layers that the classes are computed from, where no layer merges them with the one that is
            explained by default.
        points: Names of the layers that return maps of a single position, which are explained where they are named.
        passed_over: Convolutions behind the default layer whose maps have dimensions of their own,
            as after a reshape.
        foldable: The calls of BatchNormalization that alone use the output of the preceding layer.
        statistics: The path of the first layer that keeps statistics of its training, such as BatchNormalization.
        random: What makes the classes random: the names of the seed generators and operations that they depend on.
    """

    layers: LayerTable
    locations: dict[str, TensorLocation]
    operations: dict[int, tuple[str, ...]]
    tokens: tuple[str, ...]
    channel: int
    grid: tuple[int, ...] | None = None
    unmerged: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    foldable: frozenset[Key] = frozenset()
    statistics: str | None = None
    random: tuple[str, ...] = ()

    def locate(self, layer: str) -> TensorLocation:
        """Where the output of a layer is found; for one that the classes do not depend on, its last call."""
        return self.locations.get(layer, TensorLocation(layer, -1))

    def depth(self, layer: str) -> int:
        """How many layers have run before this one."""
        return list(self.locations).index(layer)
