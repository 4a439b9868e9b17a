"""Finds, in one traced pass, which layers can be explained and which one is explained by default."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_advxai.models import graph
from keras_advxai.models.arriving import layer_with_statistics
from keras_advxai.models.feature_maps import CONVOLUTIONS, NONLINEAR_OPS, STEP_BACK, FeatureMap
from keras_advxai.models.folding import foldable
from keras_advxai.models.layer_table import LayerInfo, LayerTable
from keras_advxai.models.layouts import Layouts
from keras_advxai.models.naming import names_of
from keras_advxai.models.pictures import grid_of, is_picture
from keras_advxai.models.recording import Call
from keras_advxai.models.topology import TensorLocation, Topology


def trace_topology(root: Call, images: Any, network_images: Any, logits: Any, reduced: bool = False) -> Topology:
    """Look for layers that can be explained in a pass that was traced into a graph.

    Args:
        root: The recorded call of the model.
        images: The images in image space.
        network_images: What the preprocessing made of them.
        logits: The values before the head, `(batch, units)`.
        reduced: Whether a function of the user's has made them of an output of another shape. Defaults to `False`.
    """
    topology = _Tracer(root, images, network_images, logits, reduced=reduced).topology()
    # Models of MNIST often take (28, 28) or (784,) and reshape by themselves: then the reshaped images are the images.
    # Those with a default layer already are models of signals, (steps, channels), and stay what they are.
    grid = None if topology.layers.default or network_images.shape.rank > 3 else grid_of(root, network_images)
    if grid is not None:
        laid_out = _Tracer(root, grid, None, logits, tuple(grid.shape[1:]), reduced=reduced).topology()
        # Height, width and channels are an image's also where no layer of it can be explained.
        topology = laid_out if laid_out.layers.default or grid.shape.rank == 4 else topology
    if topology.layers.default is None and topology.grid is None and is_picture(images, network_images, logits):
        # Keras' own example for MNIST is `Flatten(input_shape=(28, 28))`. Nothing in it tells channels from positions.
        topology = dataclasses.replace(topology, grid=(*images.shape[1:], 1), channel=3)
    return topology


class _Tracer:
    """The calls between the images and the classes, and which one is explained by default.

    Args:
        root: The recorded call of the model.
        images: The images, or the grid that the model lays them out as.
        network_images: What else holds the images, if anything.
        logits: The values before the head.
        grid: The shape of the grid; `None` if the images have dimensions of their own for positions and channels.
        reduced: See `trace_topology`.
    """

    def __init__(
        self,
        root: Call,
        images: Any,
        network_images: Any,
        logits: Any,
        grid: tuple[int, ...] | None = None,
        reduced: bool = False,
    ) -> None:
        self._root = root
        self._logits = logits
        self._images = images
        self._grid = grid
        self._reduced = reduced
        self._between = graph.between(images, logits)
        products = (operation for operation in self._between.values() if graph.count_products([operation]))
        self._learned = graph.descendants(products)
        every = [call for call in root.walk() if tf.is_symbolic_tensor(call.output)]
        # Branches to other outputs, and those from other inputs, have no gradient between images and classes.
        self._calls = [call for call in every if id(call.output.op) in self._between]
        self._position = {id(call): index for index, call in enumerate(self._calls)}
        self._names = names_of(self._calls)
        # Counted over all calls, because a pass that looks a call up has not sorted out those that lead elsewhere.
        occurrences: collections.Counter[str] = collections.Counter()
        self._occurrence = {}
        for call in every:
            self._occurrence[id(call)] = occurrences[call.path]
            occurrences[call.path] += 1
        self._layouts = Layouts(images, self._between, self._calls, network_images)
        self._maps = [call for call in self._calls if self._is_map(call)]
        self._producers: dict[int, Call] = {}
        for call in self._calls:
            # A backbone returns what its last layer did. The inner one, which returned first, is the one to name.
            self._producers.setdefault(id(graph.source(call.output)), call)

    def topology(self) -> Topology:
        """What there is to know of these calls."""
        default, unmerged = self._default()
        tokens = self._tokens()
        if default is not None and self._is_patches(default, tokens):
            default = None
        operations: dict[int, tuple[str, ...]] = {}
        for call in self._calls:
            key = id(call.operation)
            operations[key] = (*operations.get(key, ()), self._names[id(call)])
        locations = {self._names[id(call)]: self._locate(FeatureMap(call)) for call in self._calls}
        if default is not None and default.input is not None:
            locations[self._name(default)] = self._locate(default)
        return Topology(
            layers=LayerTable(self._table(default)),
            locations=locations,
            operations=operations,
            tokens=tuple(self._names[id(call)] for call in tokens),
            channel=self._layouts.channel,
            grid=self._grid,
            unmerged=tuple(map(self._name, unmerged)) if default is not None else (),
            points=tuple(self._names[id(call)] for call in self._calls if self._is_point(call)),
            foldable=foldable(self._root.walk(), self._between),
            statistics=layer_with_statistics(self._calls),
            passed_over=self._passed_over(default),
        )

    def _passed_over(self, default: FeatureMap | None) -> tuple[str, ...]:
        """Convolutions behind the layer that is explained, whose positions are not those of the images."""
        # Frames or patches that became channels or images; rows of an image that were summed up. A recurrent layer is a
        # part of the head.
        after = -1.0 if default is None else self._depth(default)
        found = [call for call in self._calls if self._position[id(call)] > after and not call.frames]
        found = [call for call in found if isinstance(call.operation, CONVOLUTIONS) and not self._is_map(call)]
        return tuple(self._names[id(call)] for call in found if self._layouts.has_others(call.output))

    def _is_map(self, call: Call) -> bool:
        # The images themselves: an MLP behind Rescaling has nothing to explain.
        is_input = isinstance(call.operation, keras.layers.InputLayer)
        return not is_input and self._layouts.has_extent(call.output, call.frames)

    def _is_point(self, call: Call) -> bool:
        """Whether a call returns a map with one position, as of 8x8 images after three poolings."""
        is_input = isinstance(call.operation, keras.layers.InputLayer)
        return not is_input and not self._is_map(call) and self._layouts.shape(call.output, call.frames) is not None

    def _map_into(self, call: Call) -> int | None:
        """The index of the input of a call that is a map; of several, of the learned one with most channels."""
        # A layer that pools features with weights of one channel takes both; the features are the ones to explain.
        maps = {i: item for i, item in enumerate(call.inputs) if self._layouts.has_extent(item, call.frames)}
        channels = {i: (self._layouts.shape(item, call.frames) or (0,))[-1] or 0 for i, item in maps.items()}
        return max(maps, key=lambda i: (id(maps[i].op) in self._learned, channels[i]), default=None)

    def _default(self) -> tuple[FeatureMap | None, list[FeatureMap]]:
        """What flows into the pooling, flatten or reshape that ends the spatial extent for the last time.

        That is, what was computed last among all that flows into such layers. Pooling, dropout and padding before that
        are stepped over. "The last convolution" would be one branch of a residual sum in ResNets, 192 of 2,048
        channels in InceptionV3 and the 1x1 head in MobileNet.

        Returns:
            The map, if there is one; and others that the classes are computed from, where no layer merges them.
        """
        # The images' mean, or their pixels, may go to the classes beside what convolutions make of them. A pooling
        # behind the images, or Rescaling and augmentation, shows the images. A nested model returns its last layer's
        # tensor, and that one has the name to give.
        maps = [call for call in self._maps if not call.children and self._is_learned(FeatureMap(call))]
        # Behind a mixture of softmaxes, all maps lead to the classes through one of them.
        maps = [call for call in maps if self._is_attended(FeatureMap(call))] or maps
        ends = [(self._flowing_into(call), call) for call in self._extent_ends(self._root)]
        ends = [end for end in ends if self._is_learned(end[0])]
        ends = [end for end in ends if self._is_attended(end[0])] or ends
        if self._reduced:  # a map of the scores themselves explains nothing
            ends = [end for end in ends if self._has_weights_behind(end[0])]
        best = max(ends, key=lambda end: self._depth(end[0]), default=None)
        # Subclassed models pool with `tf.reduce_mean`, which no layer shows: there is no such layer, or only that of a
        # squeeze-and-excitation in front. What the classes are computed from last is taken.
        if best is None or (maps and self._position[id(maps[-1])] > self._position[id(best[1])]):
            last = self._bottleneck(maps) if self._reduced else self._last_maps(maps) or maps[-1:]
            feature_map, unmerged = FeatureMap(last[-1]) if last else None, list(map(FeatureMap, last[:-1]))
        else:
            feature_map, unmerged = best[0], None
        while feature_map and feature_map.input is None and isinstance(feature_map.call.operation, STEP_BACK):
            feature_map = self._flowing_into(feature_map.call)
        if feature_map and unmerged is None:
            unmerged = self._led_past(feature_map, ends)
        # A pooling of the user's own may have a fixed kernel, and nothing but the images in front.
        return (feature_map, unmerged or []) if feature_map and self._is_learned(feature_map) else (None, [])

    def _led_past(self, explained: FeatureMap, ends: list[tuple[FeatureMap, Call]]) -> list[FeatureMap]:
        """Which of some maps, and of the calls that end their extent, are on a way to the classes past another map."""
        # The gate of a squeeze-and-excitation leads into the map. Two networks that are averaged lie side by side, and
        # two calls of one, for the image and its mirror image. Of a statistic of the images nothing is said, but of all
        # of their pixels, as in a perceptron beside a CNN.
        op = explained.tensor.op
        before, after = graph.ahead_past(self._images, op), graph.behind_past(self._logits, op)
        flat = ((FeatureMap(call), call) for call in self._calls if self._is_flat(call.output))
        led = (end for end, call in (*flat, *ends) if id(end.tensor.op) in before and id(call.output.op) in after)
        return list({id(end.tensor): end for end in led}.values())

    def _is_flat(self, tensor: Any) -> bool:
        """Whether a tensor is the pixels of the images as vectors."""
        pixels = self._images.shape[1:].num_elements()
        same = tensor.shape.rank == 2 and pixels is not None and tensor.shape[1] == pixels
        return same and graph.plain_source(tensor) is self._images

    def _flowing_into(self, call: Call) -> FeatureMap:
        """The map that flows into a call: the layer that returned it, or the input itself."""
        # A mean over positions weighted by attention takes weights and features; see `_map_into`.
        index = self._map_into(call) or 0
        tensor = call.inputs[index]
        producer = self._producers.get(id(graph.source(tensor)))
        # A dropout right on the images returns them as they are, and would be its own producer for ever. What produced
        # an input was called before; so whoever goes on from producer to producer comes to an end.
        if producer is not None and self._position[id(producer)] >= self._position[id(call)]:
            producer = None
        # An operation between two layers, such as the `tf.nn.relu(a + b)` of a subclassed ResNet, makes a tensor that
        # no layer returned; then the input of the next layer is explained.
        same = producer is not None and self._layouts.shape(producer.output, producer.frames) == self._layouts.shape(
            tensor, call.frames
        )
        return FeatureMap(producer) if producer is not None and same else FeatureMap(call, index)

    def _depth(self, feature_map: FeatureMap) -> float:
        return self._position[id(feature_map.call)] - (0.5 if feature_map.input is not None else 0)

    def _is_learned(self, feature_map: FeatureMap) -> bool:
        """Whether products with weights lie between the images and a map."""
        return id(feature_map.tensor.op) in self._learned

    def _is_attended(self, feature_map: FeatureMap) -> bool:
        """Whether a map is more than the scores of an attention over positions."""
        # Such a softmax ignores what is added at all positions, so the mean gradient at its scores is zero, and the
        # heatmap would be of rounding. What is attended to is the map to explain.
        return graph.leads_past(feature_map.tensor, self._logits, "Softmax")

    def _extent_ends(self, call: Call) -> Iterator[Call]:
        """The innermost calls inside `call` that turn a map into something else."""
        for part in call.children:
            if id(part) not in self._position or self._is_map(part) or self._map_into(part) is None:
                continue
            # A backbone built with `pooling="avg"` ends the extent as a whole, and its pooling layer knows better
            # where.
            inner = list(self._extent_ends(part))
            if inner:
                yield from inner
            # A nested model that pools by an operation has no such layer inside, and what flows into it is the image.
            elif not any(self._is_map(step) for step in part.children if id(step) in self._position):
                yield part

    def _bottleneck(self, maps: list[Call]) -> list[Call]:
        """The last of the maps with the fewest positions, among those that weights follow, if there are such."""
        known = filter(lambda call: self._has_weights_behind(FeatureMap(call)), maps)
        return sorted(known, key=lambda call: -self._layouts.positions(call.output, call.frames))[-1:]

    def _has_weights_behind(self, feature_map: FeatureMap) -> bool:
        """Whether products with weights lie between a map and the classes."""
        behind, own = graph.between(feature_map.tensor, self._logits).values(), feature_map.tensor.op
        return graph.count_products(operation for operation in behind if operation is not own) > 0

    def _last_maps(self, maps: list[Call]) -> list[Call]:
        """Those of the maps that the classes are computed from without another map in between, in their order."""
        outputs: dict[int, Call] = {}
        for call in maps:
            outputs.setdefault(id(call.output), call)
        last: dict[int, Call] = {}
        seen: set[int] = set()
        queue = [self._logits]
        while queue:
            tensor = queue.pop()
            # The search goes from the classes and stops at each map: of a sum that no layer returned, it finds both
            # branches.
            if id(tensor) in outputs:
                last[id(tensor)] = outputs[id(tensor)]
            elif id(tensor.op) in self._between and id(tensor.op) not in seen:
                seen.add(id(tensor.op))
                queue.extend(tensor.op.inputs)
        return sorted(last.values(), key=lambda call: self._position[id(call)])

    def _tokens(self) -> list[Call]:
        """Layers that return sequences, `(batch, tokens, channels)`: those with weights, and sums."""
        # Signals, (steps, channels), are maps in the shape of sequences.
        if self._images.shape.rank < 4:
            return []
        sequences = [
            call
            for call in self._calls
            if isinstance(call.operation, keras.layers.Layer)
            # Reshape and Permute return sequences too; what a block of a transformer returns is a sum or a
            # normalization.
            and (call.operation.weights or isinstance(call.operation, keras.layers.Add))
            # Of a `TimeDistributed` layer, this is the shape of one frame.
            and not call.frames
            and call.output.shape.rank == 3
            # A class token alone, (batch, 1, channels), has no positions.
            and call.output.shape[1] != 1
        ]
        # Of an attention, the layer itself and not the projections inside of it. Of a nested model, the layers inside.
        outer = {call.path for call in sequences if not isinstance(call.operation, keras.Model)}
        return [call for call in sequences if call.path.rpartition("/")[0] not in outer]

    def _is_patches(self, feature_map: FeatureMap, tokens: list[Call]) -> bool:
        """Whether a feature map is no more than the patches of a vision transformer."""
        # Convolutional networks with one layer of attention at the beginning go on to maps of their own.
        if not tokens or self._position[id(tokens[-1])] < self._position[id(feature_map.call)]:
            return False
        # ViT cuts patches by one convolution, whose map knows nothing of the rest of the image.
        behind = graph.between(self._images, feature_map.tensor).values()
        return graph.count_products(behind) <= 1 and not any(operation.type in NONLINEAR_OPS for operation in behind)

    def _table(self, default: FeatureMap | None) -> Iterator[LayerInfo]:
        producers: dict[tuple[int, Any], str] = {}
        for call in self._calls:
            # In front of its layer, because it is computed before it.
            if default is not None and default.call is call and default.input is not None:
                yield self._info(default, default, producers)
            if self._is_map(call):
                yield self._info(FeatureMap(call), default, producers)

    def _info(
        self, feature_map: FeatureMap, default: FeatureMap | None, producers: dict[tuple[int, Any], str]
    ) -> LayerInfo:
        name, shape = self._name(feature_map), self._layouts.shape(feature_map.tensor, feature_map.call.frames) or ()
        # A backbone returns the output of its last layer: it is listed, and not explained a second time at
        # `layer="all"`.
        first = producers.setdefault((id(graph.source(feature_map.tensor)), shape), name)
        kind = type(feature_map.call.operation).__name__
        return LayerInfo(
            name=name,
            kind=kind if feature_map.input is None else f"input of {kind}",
            shape=shape,
            convolutional=feature_map.input is None and isinstance(feature_map.call.operation, CONVOLUTIONS),
            default=feature_map == default,
            same_as=None if first == name else first,
        )

    def _name(self, feature_map: FeatureMap) -> str:
        name = self._names[id(feature_map.call)]
        return name if feature_map.input is None else f"{name}:input"

    def _locate(self, feature_map: FeatureMap) -> TensorLocation:
        order = self._layouts.order(feature_map.tensor, len(feature_map.call.frames))
        # A transposition that changes nothing would still be an operation in every pass.
        if order is not None and list(order) == sorted(order):
            order = None
        call, lacking = feature_map.call, self._layouts.lacking(feature_map.tensor, len(feature_map.call.frames))
        return TensorLocation(call.path, self._occurrence[id(call)], order, feature_map.input, lacking)
