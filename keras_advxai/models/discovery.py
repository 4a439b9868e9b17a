"""Finds, in one traced pass, which layers can be explained and which one is explained by default."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from keras_advxai.models import graph
from keras_advxai.models.folding import Key, foldable
from keras_advxai.models.layer_table import LayerInfo, LayerTable
from keras_advxai.models.layouts import Layouts
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
    """Where a layer's output, or what flows into it, is found in a recorded pass.

    Attributes:
        path: The layer's path.
        occurrence: Which one of its calls, counted from 0.
        order: The order of the dimensions with the positions in front and the channels last; `None` to leave them.
        input: The index of the input that is meant; `None` for the output.
    """

    path: str
    occurrence: int
    order: tuple[int, ...] | None = None
    input: int | None = None


@dataclasses.dataclass(frozen=True)
class Found:
    """What one traced pass shows of the way from the images to the classes.

    Attributes:
        layers: The layers that can be explained.
        places: Name of each layer on the way, explainable or not, to where its output is found.
        operations: The id of each layer or operation on the way to its names.
        tokens: Names of the layers that return tokens, `(batch, tokens, channels)`.
        channel: Which dimension of the images, or of the grid, has the channels, counted with the batch.
        grid: How the model lays out images that have no dimension for the channels; `None` if they have.
        beside: Other layers that the classes are computed from, where no layer brings them together with the one
            that is explained by default.
        foldable: The calls of BatchNormalization that alone use the output of the layer in front.
    """

    layers: LayerTable
    places: dict[str, Place]
    operations: dict[int, tuple[str, ...]]
    tokens: tuple[str, ...]
    channel: int
    grid: tuple[int, ...] | None = None
    beside: tuple[str, ...] = ()
    foldable: frozenset[Key] = frozenset()

    def place(self, layer: str) -> Place:
        """Where the output of a layer is found; for one that is not on the way, its last call."""
        return self.places.get(layer, Place(layer, -1))

    def depth(self, layer: str) -> int:
        """How many layers have run on the way before this one."""
        return list(self.places).index(layer)


@dataclasses.dataclass(frozen=True)
class _Map:
    """The output of a call, or one of its inputs that no layer returned."""

    call: Call
    input: int | None = None

    @property
    def tensor(self) -> Any:
        return self.call.output if self.input is None else self.call.inputs[self.input]


def survey(forward: Forward) -> Found:
    """Look for layers that can be explained in a pass that was traced into a graph."""
    found = _Survey(forward, None).found()
    grid = None if found.layers.default or forward.network_images.shape.rank > 3 else _grid(forward)
    if grid is not None:
        laid_out = _Survey(forward, grid).found()
        found = laid_out if laid_out.layers.default else found
    return found


def _grid(forward: Forward) -> Any:
    """What the images become where the model gives them a dimension for the channels first, if it does."""
    images = forward.network_images
    pixels = images.shape[1:].num_elements()
    for call in forward.root.walk():
        for tensor in (*call.inputs, call.output):
            if not tf.is_symbolic_tensor(tensor) or tensor.shape.rank not in (3, 4):
                continue
            if (
                tensor.shape.rank > images.shape.rank
                and pixels
                and tensor.shape[1:].num_elements() == pixels
                and graph.plain_source(tensor) is images
            ):
                return tensor
    return None


class _Survey:
    """The calls on the way from the images to the classes, and which one is explained by default."""

    def __init__(self, forward: Forward, grid: Any) -> None:
        self._root = forward.root
        self._logits = forward.source
        self._images = forward.images if grid is None else grid
        self._grid = grid
        self._way = graph.between(self._images, forward.source)
        every = [call for call in self._root.walk() if tf.is_symbolic_tensor(call.output)]
        self._calls = [call for call in every if id(call.output.op) in self._way]
        self._position = {id(call): index for index, call in enumerate(self._calls)}
        self._names = _names(self._calls)
        occurrences: collections.Counter[str] = collections.Counter()
        self._occurrence = {}
        for call in every:
            self._occurrence[id(call)] = occurrences[call.path]
            occurrences[call.path] += 1
        self._layouts = Layouts(
            self._images, self._way, self._calls, None if grid is not None else forward.network_images
        )
        self._maps = [call for call in self._calls if self._is_map(call)]
        self._producers: dict[int, Call] = {}
        for call in self._calls:
            self._producers.setdefault(id(graph.source(call.output)), call)

    def found(self) -> Found:
        default, beside = self._default()
        tokens = self._tokens()
        if default is not None and self._is_patches(default, tokens):
            default = None
        operations: dict[int, tuple[str, ...]] = {}
        for call in self._calls:
            key = id(call.operation)
            operations[key] = (*operations.get(key, ()), self._names[id(call)])
        places = {self._names[id(call)]: self._place(_Map(call)) for call in self._calls}
        if default is not None and default.input is not None:
            places[self._name(default)] = self._place(default)
        return Found(
            layers=LayerTable(self._table(default)),
            places=places,
            operations=operations,
            tokens=tuple(self._names[id(call)] for call in tokens),
            channel=self._layouts.channel,
            grid=None if self._grid is None else tuple(self._grid.shape[1:]),
            beside=tuple(self._names[id(call)] for call in beside) if default is not None else (),
            foldable=foldable(self._root.walk(), self._way),
        )

    def _is_map(self, call: Call) -> bool:
        is_input = isinstance(call.operation, keras.layers.InputLayer)
        return not is_input and self._layouts.has_extent(call.output, call.frames)

    def _map_into(self, call: Call) -> int | None:
        """The index of the input of a call that is a map; of several, of the one with most channels."""
        maps = {i: item for i, item in enumerate(call.inputs) if self._layouts.has_extent(item, call.frames)}
        return max(maps, key=lambda i: (self._layouts.shape(maps[i], call.frames) or (0,))[-1] or 0, default=None)

    def _default(self) -> tuple[_Map | None, list[Call]]:
        """What flows into the pooling, flatten or reshape that ends the spatial extent for the last time.

        That is, what was computed last among all that flows into such layers. Pooling, dropout and padding before that
        are stepped over. "The last convolution" would be one branch of a residual sum in ResNets, 192 of 2,048
        channels in InceptionV3 and the 1x1 head in MobileNet.

        Returns:
            The map, if there is one; and other layers that the classes are computed from, where no layer brings them
            together.
        """
        maps = [call for call in self._maps if not call.parts]
        ends = [(self._flowing_into(call), call) for call in self._endings(self._root)]
        best = max(ends, key=lambda end: self._depth(end[0]), default=None)
        if best is None or (maps and self._position[id(maps[-1])] > self._position[id(best[1])]):
            last = self._last_maps() or maps[-1:]
            found = _Map(last[-1]) if last else None
            beside = last[:-1]
        else:
            found = best[0]
            behind = graph.between(self._images, found.tensor)
            others = (end.call for end, _ in ends if end.input is None and id(end.tensor.op) not in behind)
            beside = [call for call in others if call.path != found.call.path]
        while found is not None and found.input is None and isinstance(found.call.operation, _STEP_BACK):
            found = self._flowing_into(found.call)
        usable = found is not None and self._products(found) and not self._is_image(found)
        return (found, beside) if usable else (None, [])

    def _flowing_into(self, call: Call) -> _Map:
        """The map that flows into a call: the layer that returned it, or the input itself."""
        index = self._map_into(call) or 0
        tensor = call.inputs[index]
        producer = self._producers.get(id(graph.source(tensor)))
        same = producer is not None and self._layouts.shape(producer.output, producer.frames) == self._layouts.shape(
            tensor, call.frames
        )
        return _Map(producer) if producer is not None and same else _Map(call, index)

    def _depth(self, found: _Map) -> float:
        return self._position[id(found.call)] - (0.5 if found.input is not None else 0)

    def _is_image(self, found: _Map) -> bool:
        return found.input is None and isinstance(found.call.operation, keras.layers.InputLayer)

    def _endings(self, call: Call) -> Iterator[Call]:
        """The innermost calls inside of `call` that turn a map into something that is none."""
        for part in call.parts:
            if id(part) not in self._position or self._is_map(part) or self._map_into(part) is None:
                continue
            inner = list(self._endings(part))
            if inner:
                yield from inner
            elif not any(self._is_map(step) for step in part.parts if id(step) in self._position):
                yield part

    def _last_maps(self) -> list[Call]:
        """The maps that the classes are computed from without another map in between, in their order."""
        outputs: dict[int, Call] = {}
        for call in self._maps:
            if not call.parts:
                outputs.setdefault(id(call.output), call)
        found: dict[int, Call] = {}
        seen: set[int] = set()
        queue = [self._logits]
        while queue:
            tensor = queue.pop()
            if id(tensor) in outputs:
                found[id(tensor)] = outputs[id(tensor)]
            elif id(tensor.op) in self._way and id(tensor.op) not in seen:
                seen.add(id(tensor.op))
                queue.extend(tensor.op.inputs)
        return sorted(found.values(), key=lambda call: self._position[id(call)])

    def _tokens(self) -> list[Call]:
        """Layers that return sequences, `(batch, tokens, channels)`: those with weights, and sums."""
        if self._images.shape.rank < 4:
            return []
        found = [
            call
            for call in self._calls
            if isinstance(call.operation, keras.layers.Layer)
            and (call.operation.weights or isinstance(call.operation, keras.layers.Add))
            and not call.frames
            and call.output.shape.rank == 3
            and call.output.shape[1] != 1
        ]
        outer = {call.path for call in found if not isinstance(call.operation, keras.Model)}
        return [call for call in found if call.path.rpartition("/")[0] not in outer]

    def _is_patches(self, found: _Map, tokens: list[Call]) -> bool:
        """Whether a map is no more than patches of the image, which a transformer goes on to work with."""
        if not tokens or self._position[id(tokens[-1])] < self._position[id(found.call)]:
            return False
        behind = graph.between(self._images, found.tensor).values()
        return self._products(found) <= 1 and not any(operation.type in _NONLINEAR_OPS for operation in behind)

    def _products(self, found: _Map) -> int:
        """How many products with weights lie between the images and a map; a function counts as many."""
        behind = graph.between(self._images, found.tensor).values()
        return sum(2 if "Call" in op.type or "While" in op.type else op.type in graph.PRODUCTS for op in behind)

    def _table(self, default: _Map | None) -> Iterator[LayerInfo]:
        producers: dict[tuple[int, Any], str] = {}
        for call in self._calls:
            if default is not None and default.call is call and default.input is not None:
                yield self._info(default, default, producers)
            if self._is_map(call):
                yield self._info(_Map(call), default, producers)

    def _info(self, found: _Map, default: _Map | None, producers: dict[tuple[int, Any], str]) -> LayerInfo:
        name, shape = self._name(found), self._layouts.shape(found.tensor, found.call.frames) or ()
        first = producers.setdefault((id(graph.source(found.tensor)), shape), name)
        kind = type(found.call.operation).__name__
        return LayerInfo(
            name=name,
            kind=kind if found.input is None else f"input of {kind}",
            shape=shape,
            convolutional=found.input is None and isinstance(found.call.operation, _CONVOLUTIONS),
            default=found == default,
            same_as=None if first == name else first,
        )

    def _name(self, found: _Map) -> str:
        name = self._names[id(found.call)]
        return name if found.input is None else f"{name}:input"

    def _place(self, found: _Map) -> Place:
        order = self._layouts.order(found.tensor, len(found.call.frames))
        if order is not None and list(order) == sorted(order):
            order = None
        return Place(found.call.path, self._occurrence[id(found.call)], order, found.input)


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
