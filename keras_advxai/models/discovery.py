"""Finds, in one traced pass, which layers can be explained and which one is explained by default."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from keras_advxai.models import graph
from keras_advxai.models.layer_table import LayerInfo, LayerTable
from keras_advxai.models.recording import Call

if TYPE_CHECKING:
    from keras_advxai.models.forward import Forward

_L = keras.layers
_STEP_BACK = (
    *(_L.MaxPooling1D, _L.MaxPooling2D, _L.MaxPooling3D),
    *(_L.AveragePooling1D, _L.AveragePooling2D, _L.AveragePooling3D),
    *(_L.ZeroPadding1D, _L.ZeroPadding2D, _L.ZeroPadding3D),
    *(_L.Dropout, _L.SpatialDropout1D, _L.SpatialDropout2D, _L.SpatialDropout3D, _L.AlphaDropout),
    *(_L.GaussianDropout, _L.GaussianNoise, _L.ActivityRegularization, _L.Identity),
)
_CONVOLUTIONS = (
    *(_L.Conv1D, _L.Conv2D, _L.Conv3D, _L.Conv1DTranspose, _L.Conv2DTranspose, _L.Conv3DTranspose),
    *(_L.DepthwiseConv1D, _L.DepthwiseConv2D, _L.SeparableConv1D, _L.SeparableConv2D),
)
_NONLINEAR_OPS = frozenset(
    {"Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Softplus", "Softsign", "Sigmoid", "Tanh", "Erf", "Erfc"}
    | {"Maximum", "MaxPool"}
)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the output of a layer is found in a recorded pass.

    Attributes:
        path: The layer's path.
        occurrence: Which one of its calls, counted from 0.
        channels_first: Whether the channels are the first dimension behind the batch.
    """

    path: str
    occurrence: int
    channels_first: bool = False


@dataclasses.dataclass(frozen=True)
class Found:
    """What one traced pass shows of the way from the images to the classes.

    Attributes:
        layers: The layers that can be explained.
        places: Name of each layer on the way, explainable or not, to where its output is found.
        operations: The id of each layer or operation on the way to its names.
        tokens: Names of the layers that return tokens, `(batch, tokens, channels)`.
        channels_first: Whether the images are `(batch, channels, height, width)`.
    """

    layers: LayerTable
    places: dict[str, Place]
    operations: dict[int, tuple[str, ...]]
    tokens: tuple[str, ...]
    channels_first: bool

    def place(self, layer: str) -> Place:
        """Where the output of a layer is found; for one that is not on the way, its last call."""
        return self.places.get(layer, Place(layer, -1))

    def depth(self, layer: str) -> int:
        """How many layers have run on the way before this one."""
        return list(self.places).index(layer)


@dataclasses.dataclass(frozen=True)
class _Layout:
    """How the dimensions of a map lie: with the channels first or last, or turned relative to the images."""

    channels_first: bool | None
    turned: bool = False


def survey(forward: Forward) -> Found:
    """Look for layers that can be explained in a pass that was traced into a graph."""
    return _Survey(forward).found()


class _Survey:
    """The calls on the way from the images to the classes, and which of their outputs are maps of the image.

    A map has as many dimensions as the images, and comes from the images through operations that keep these
    dimensions: the heads of an attention, which have as many, do not.
    """

    def __init__(self, forward: Forward) -> None:
        root, images = forward.root, forward.network_images
        self._images = images
        self._rank = images.shape.rank
        self._way = graph.between(forward.images, forward.source)
        every = [call for call in root.walk() if tf.is_tensor(call.output)]
        self._root = root
        self._calls = [call for call in every if id(call.output.op) in self._way]
        self._position = {id(call): index for index, call in enumerate(self._calls)}
        self._names = _names(self._calls)
        occurrences: collections.Counter[str] = collections.Counter()
        self._occurrence = {}
        for call in every:
            self._occurrence[id(call)] = occurrences[call.path]
            occurrences[call.path] += 1
        self._images_first: bool | None = None
        self._layouts = {id(forward.images): _Layout(None)}
        self._layouts[id(images)] = self._layout(images, ()) or _Layout(None)
        for call in self._calls:
            self._note_layout(call)
        self._maps = [call for call in self._calls if self._is_map(call)]

    def found(self) -> Found:
        default = self._default()
        tokens = self._tokens()
        if default is not None and self._is_patches(default, tokens):
            default = None
        operations: dict[int, tuple[str, ...]] = {}
        for call in self._calls:
            key = id(call.operation)
            operations[key] = (*operations.get(key, ()), self._names[id(call)])
        return Found(
            layers=LayerTable(self._table(default)),
            places={self._names[id(call)]: self._place(call) for call in self._calls},
            operations=operations,
            tokens=tuple(self._names[id(call)] for call in tokens) if default is None else (),
            channels_first=bool(self._images_first),
        )

    def _note_layout(self, call: Call) -> None:
        """Note how the dimensions of a call's output lie, if it is a map."""
        tensor = call.output
        if tensor.shape.rank is None or tensor.shape.rank + len(call.frames) != self._rank:
            return
        layouts = [self._layout(item, call.frames) for item in call.inputs]
        before = next((layout for layout in layouts if layout is not None), None)
        if before is None:
            before = self._returned(call)
        if before is None:
            return
        declared = getattr(call.operation, "data_format", None)
        if declared is not None and self._rank > 2:
            after = _Layout(declared == "channels_first")
            if before.channels_first is None and self._images_first is None:
                self._images_first = (declared == "channels_first") != before.turned
        else:
            after = self._layout(tensor, call.frames) or before
        self._layouts.setdefault(id(tensor), after)

    def _layout(self, tensor: Any, frames: tuple[Any, ...]) -> _Layout | None:
        """The layout of the map that a tensor is, or was made of without leaving its dimensions."""
        ranks = {self._rank, self._rank - len(frames)}
        if not tf.is_tensor(tensor) or tensor.shape.rank != self._rank - len(frames):
            return None
        queue = [(tensor, False)]
        seen = set()
        while queue:
            current, turned = queue.pop(0)
            if id(current) in self._layouts:
                known = self._layouts[id(current)]
                return _turned(known) if turned else known
            if id(current.op) in seen or id(current.op) not in self._way or current.shape.rank not in ranks:
                continue
            seen.add(id(current.op))
            turned ^= _turns(current.op)
            queue.extend((item, turned) for item in current.op.inputs)
        return None

    def _returned(self, call: Call) -> _Layout | None:
        """The layout of a map that was made of a sequence again, at a size that an earlier map had."""
        if not isinstance(call.operation, keras.layers.Reshape) or self._rank != 4 or call.frames:
            return None
        sizes = {tuple(call.output.shape[1:3]) for call in self._calls if id(call.output) in self._layouts}
        return _Layout(False) if tuple(call.output.shape[1:3]) in sizes else None

    def _first(self, tensor: Any) -> bool:
        return self._resolved(self._layouts.get(id(tensor), _Layout(False)))

    def _resolved(self, layout: _Layout) -> bool:
        """Whether the channels come first, once it is known how they lie in the images."""
        if layout.channels_first is None:
            return bool(self._images_first) != layout.turned
        return layout.channels_first

    def _shape(self, call: Call) -> tuple[int | None, ...]:
        """The shape of a call's output as a map, `(*positions, channels)`."""
        shape = tuple(call.output.shape[1:])
        shape = (*shape[1:], shape[0]) if self._first(call.output) else shape
        frames = tuple(size if isinstance(size, int) else None for size in call.frames)
        return (*frames, *shape)

    def _is_map(self, call: Call) -> bool:
        if id(call.output) not in self._layouts or isinstance(call.operation, keras.layers.InputLayer):
            return False
        return any(size is None or size > 1 for size in self._shape(call)[:-1])

    def _takes_map(self, call: Call) -> bool:
        """Whether one of the inputs of a call has an extent."""
        for item in call.inputs:
            layout = self._layout(item, call.frames)
            if layout is None:
                continue
            positions = item.shape[2:] if self._resolved(layout) else item.shape[1:-1]
            sizes = [*call.frames, *positions]
            if any(size is None or not isinstance(size, int) or size > 1 for size in sizes):
                return True
        return False

    def _default(self) -> Call | None:
        """What flows into the pooling, flatten or reshape that ends the spatial extent for the last time.

        Pooling, dropout and padding before that are stepped over. "The last convolution" would be one branch
        of a residual sum in ResNets, 192 of 2,048 channels in InceptionV3 and the 1x1 head in MobileNet.
        """
        producers: dict[int, Call] = {}
        for call in self._calls:
            producers.setdefault(id(graph.source(call.output)), call)
        maps = [call for call in self._maps if not call.parts]
        ending = self._last_ending(self._root)
        if ending is None or (maps and self._position[id(maps[-1])] > self._position[id(ending)]):
            found = maps[-1] if maps else None
        else:
            tensor = next(item for item in ending.inputs if self._layout(item, ending.frames) is not None)
            found = producers.get(id(graph.source(tensor)))
            if found is None:
                earlier = [call for call in maps if self._position[id(call)] < self._position[id(ending)]]
                found = earlier[-1] if earlier else None
        while found is not None and isinstance(found.operation, _STEP_BACK):
            found = producers.get(id(graph.source(found.inputs[0])))
        return found if found is not None and self._is_map(found) and self._products(found) else None

    def _last_ending(self, call: Call) -> Call | None:
        """The innermost last call inside of `call` that turns a map into something that is none."""
        for part in reversed(call.parts):
            if id(part) not in self._position or self._is_map(part) or not self._takes_map(part):
                continue
            inner = self._last_ending(part)
            if inner is not None:
                return inner
            if not any(self._is_map(step) for step in part.parts if id(step) in self._position):
                return part
        return None

    def _tokens(self) -> list[Call]:
        """Layers with weights that turn sequences, `(batch, tokens, channels)`, into sequences."""
        if self._rank < 4:
            return []
        found = [
            call
            for call in self._calls
            if isinstance(call.operation, keras.layers.Layer)
            and call.operation.weights
            and not call.frames
            and call.output.shape.rank == 3
            and call.output.shape[1] != 1
        ]
        outer = {call.path for call in found if not isinstance(call.operation, keras.Model)}
        return [call for call in found if call.path.rpartition("/")[0] not in outer]

    def _is_patches(self, call: Call, tokens: list[Call]) -> bool:
        """Whether a map is no more than patches of the image, which a transformer goes on to work with."""
        if not tokens or self._position[id(tokens[-1])] < self._position[id(call)]:
            return False
        behind = graph.between(self._images, call.output).values()
        return self._products(call) <= 1 and not any(operation.type in _NONLINEAR_OPS for operation in behind)

    def _products(self, call: Call) -> int:
        """How many products with weights lie between the images and a call's output; a function counts as many."""
        behind = graph.between(self._images, call.output).values()
        return sum(2 if "Call" in op.type or "While" in op.type else op.type in graph.PRODUCTS for op in behind)

    def _table(self, default: Call | None) -> Iterable[LayerInfo]:
        producers: dict[tuple[int, tuple[int | None, ...]], str] = {}
        for call in self._maps:
            name, shape = self._names[id(call)], self._shape(call)
            first = producers.setdefault((id(graph.source(call.output)), shape), name)
            yield LayerInfo(
                name=name,
                kind=type(call.operation).__name__,
                shape=shape,
                convolutional=isinstance(call.operation, _CONVOLUTIONS),
                default=call is default,
                same_as=None if first == name else first,
            )

    def _place(self, call: Call) -> Place:
        return Place(call.path, self._occurrence[id(call)], self._first(call.output))


def _names(calls: list[Call]) -> dict[int, str]:
    """A name for each call: the layer's path for its last one, and with a number for the earlier ones."""
    by_path: dict[str, list[Call]] = collections.defaultdict(list)
    for call in calls:
        by_path[call.path].append(call)
    names: dict[int, str] = {}
    for path, same in by_path.items():
        names |= {id(call): f"{path}:{number}" for number, call in enumerate(same[:-1], start=1)}
        names[id(same[-1])] = path
    return names


def _turned(layout: _Layout) -> _Layout:
    if layout.channels_first is None:
        return _Layout(None, not layout.turned)
    return _Layout(not layout.channels_first)


def _turns(operation: Any) -> bool:
    """Whether an operation moves the channels from one end of the dimensions to the other."""
    if operation.type != "Transpose":
        return False
    order = tf.get_static_value(operation.inputs[1])
    if order is None or len(order) < 3:
        return False
    last = len(order) - 1
    to_first = [0, last, *range(1, last)]
    to_last = [0, *range(2, last + 1), 1]
    return list(order) in (to_first, to_last)
