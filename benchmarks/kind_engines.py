"""How each library makes the Grad-CAM maps of one kind of model."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np


class Task:
    """One kind of model, with the maps to be found.

    Args:
        kind: The kind.

    Attributes:
        kind: The kind.
        targets: The class that the model predicts for each image.
        path: The names on the way to the explained layer.
        parts: All that the model takes, in a list.
        images: Which of the parts are the images.
        units: The units of each of the model's outputs.
        output: Which of the outputs are the classes.
        size: The positions of an image.
    """

    def __init__(self, kind: Any) -> None:
        import keras
        from kinds import Case

        self.kind = kind
        self.case = Case(kind)
        scores = self.case.scores()
        self.classes = scores.shape[-1]
        self.targets = scores.argmax(axis=-1)
        self.path = kind.explain.get("layer", kind.layer).split(":")[0].split("/")
        self.parts = keras.tree.flatten(kind.x)
        self.images = sorted(kind.x).index(kind.images) if isinstance(kind.x, dict) else kind.images or 0
        outputs = self.case.model(kind.x)
        self.units = [output.shape[-1] for output in keras.tree.flatten(outputs)]
        self.output = kind.settings.get("output", 0)
        if isinstance(self.output, str):
            self.output = sorted(outputs).index(self.output)
        self.size = self.case.map_shape[1:-1]

    def reference(self, relu: bool) -> np.ndarray:
        """The maps by hand at the size of the layer, `(batch, *positions)`."""
        import tensorflow as tf
        from kinds.kind import resized

        with tf.GradientTape() as tape:
            images = tf.constant(self.case.images)
            tape.watch(images)
            found = self.kind.by_hand(self.case.model, self.case.with_images(images))
            score = tf.gather(found.scores, self.targets, batch_dims=1)
        gradient = found.as_map(tape.gradient(score, found.activation)).numpy()
        weights = gradient.mean(axis=tuple(range(1, gradient.ndim - 1)), keepdims=True)
        maps = np.sum(found.as_map(found.activation).numpy() * weights, axis=-1)
        positive = np.maximum(maps, 0)
        expected = np.asarray(resized(tf.constant(positive[..., None]), self.size))
        expected = expected / expected.max(axis=tuple(range(1, expected.ndim)), keepdims=True)
        np.testing.assert_allclose(expected, self.case.heatmaps(), atol=1e-4)
        return positive if relu else maps


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One way of asking for the maps.

    Attributes:
        option: What is said beyond the plain call; empty for the plain call.
        explain: Makes the maps of a model.
    """

    option: str
    explain: Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Engine:
    """A library.

    Attributes:
        title: How it is called.
        attempts: The ways of asking for the maps of one kind, the plain one first.
        resize: How it upsamples maps.
        relu: Whether it cuts off what speaks against the class.
    """

    title: str
    attempts: Callable[[Task], Iterator[Attempt]]
    resize: Callable[[np.ndarray, tuple[int, ...]], np.ndarray]
    relu: bool = True


def inner_layer(model: Any, path: list[str]) -> Any:
    """The layer at the end of a path through models and wrappers."""
    return functools.reduce(lambda at, name: at.get_layer(name) if hasattr(at, "get_layer") else at.layer, path, model)


def with_linear_end(model: Any) -> Any:
    """The model, the activation of its last layer taken away, in place."""
    model.layers[-1].activation = linear
    return model


def linear(x: Any) -> Any:
    """No activation."""
    return x


def ends_in_activation(model: Any) -> bool:
    """Whether the activation is a layer of its own."""
    import keras

    return isinstance(model.layers[-1], (keras.layers.Softmax, keras.layers.Activation))


def keras_advxai(task: Task) -> Iterator[Attempt]:
    """Ours."""
    import keras_advxai as kax

    def explain(model: Any, classifier: dict[str, Any], explainer: dict[str, Any]) -> Any:
        return kax.explainers.GradCAM(**explainer)(kax.ImageClassifier(model, **classifier), task.kind.x)

    for classifier, explainer in (({}, {}), (task.kind.settings, {}), (task.kind.settings, task.kind.explain)):
        said = {**classifier, **explainer}
        option = ", ".join(f"{key}={getattr(value, '__name__', repr(value))}" for key, value in said.items())
        yield Attempt(option, functools.partial(explain, classifier=classifier, explainer=explainer))


def tf_keras_vis(task: Task) -> Iterator[Attempt]:
    """With the penultimate layer searched for, then named; and with the model cloned or not."""
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.model_modifiers import ExtractIntermediateLayer, ReplaceToLinear
    from tf_keras_vis.utils.scores import BinaryScore, CategoricalScore, InactiveScore

    def explain(model: Any, modify: Any, clone: bool, path: list[str] | None, **settings: Any) -> Any:
        gradcam = Gradcam(model, model_modifier=modify, clone=clone)
        if path is not None:
            settings["penultimate_layer"] = inner_layer(gradcam.model, path)
            settings["seek_penultimate_conv_layer"] = False
        score = BinaryScore if task.units[task.output] == 1 else CategoricalScore
        scores = [InactiveScore() for _ in task.units]
        scores[task.output] = score(task.targets.tolist())
        seed = task.parts if len(task.parts) > 1 else task.parts[0]
        found = gradcam(scores if len(scores) > 1 else scores[0], seed, **settings)
        return found[task.images] if isinstance(found, list) else found

    modifiers = [("", ReplaceToLinear(), True)]
    if ends_in_activation(task.case.model):
        before = task.case.model.layers[-2].name
        extract = [ExtractIntermediateLayer(before), ReplaceToLinear()]
        modifiers.append((f"ExtractIntermediateLayer({before!r})", extract, True))
    modifiers.append(("a function as model_modifier", with_linear_end, True))
    modifiers.append(("a function as model_modifier; clone=False", with_linear_end, False))
    layers: list[tuple[str, list[str] | None]] = [("", None), (f"penultimate_layer={'/'.join(task.path)!r}", task.path)]
    if len(task.path) > 1:
        layers.append((f"penultimate_layer={task.path[0]!r}", task.path[:1]))
    sizes = [("", {}), ("expand_cam=False", {"expand_cam": False})]
    for (size, settings), (layer, path), (modifier, modify, clone) in itertools.product(sizes, layers, modifiers):
        option = "; ".join(filter(None, (modifier, layer, size)))
        yield Attempt(option, functools.partial(explain, modify=modify, clone=clone, path=path, **settings))
    if "reshape_transform" in task.kind.explain:
        yield from tokens(task, functools.partial(explain, modify=modifiers[0][1], clone=True, path=task.path))


def tokens(task: Task, explain: Callable[..., Any]) -> Iterator[Attempt]:
    """One number for each token, laid out as a square, without a class token or with one that is left out."""
    side = round(task.reference(relu=True)[0].size ** 0.5)

    def square(model: Any, **settings: Any) -> Any:
        return np.asarray(explain(model, expand_cam=False, **settings))[:, -side * side :].reshape(-1, side, side)

    option = f"penultimate_layer={task.path[-1]!r}; expand_cam=False; tokens reshaped by the user"
    yield Attempt(option, square)
    without_token = functools.partial(square, gradient_modifier=lambda gradient: gradient[:, -side * side :])
    yield Attempt(f"{option}; gradient_modifier that leaves out the class token", without_token)


def xplique(task: Task) -> Iterator[Attempt]:
    """On the model without a softmax, with the convolution searched for, then named."""
    import keras
    from xplique.attributions import GradCAM

    def explain(model: Any, change: Any, x: Any, **settings: Any) -> Any:
        units = task.units[task.output]
        targets = np.eye(task.classes)[task.targets] if units > 1 else 2.0 * task.targets[:, None] - 1
        return GradCAM(change(model), **settings)(x, targets)

    def until(layer: int | str) -> Callable[[Any], Any]:
        def change(model: Any) -> Any:
            end = model.layers[layer] if isinstance(layer, int) else model.get_layer(layer)
            end.activation = linear
            return keras.Model(model.inputs, end.output)

        return change

    def channels_last(model: Any) -> Any:
        inner = [layer for layer in with_linear_end(model).layers if not isinstance(layer, keras.layers.InputLayer)]
        return keras.Sequential([keras.Input(images.shape[1:]), keras.layers.Permute((3, 1, 2)), *inner])

    changes: list[tuple[str, Any, Any, dict]] = [("", with_linear_end, task.kind.x, {})]
    if ends_in_activation(task.case.model):
        changes.append(("output_layer=-2", linear, task.kind.x, {"output_layer": -2}))
        changes.append(("a model that ends before the softmax", until(-2), task.kind.x, {}))
    if len(task.units) > 1:
        end = task.case.model.output_names[task.output]
        changes.append((f"output_layer={end!r}", with_linear_end, task.kind.x, {"output_layer": end}))
        changes.append(("a model with one output", until(end), task.kind.x, {}))
    if task.kind.channels_first:
        images = np.moveaxis(task.kind.x, 1, -1)
        changes.append(("a wrapper that transposes the images", channels_last, images, {}))
    layers = [("", {}), (f"conv_layer={task.path[0]!r}", {"conv_layer": task.path[0]})]
    for (layer, conv_layer), (change, function, x, settings) in itertools.product(layers, changes):
        option = "; ".join(filter(None, (change, layer)))
        yield Attempt(option, functools.partial(explain, change=function, x=x, **settings, **conv_layer))


def tf_explain(task: Task) -> Iterator[Attempt]:
    """With the layer searched for, then named. The maps are caught before they are drawn on the images."""
    import tf_explain.core.grad_cam as module

    def explain(model: Any, change: Any, **settings: Any) -> Any:
        model, found = change(model), []

        def display(cam: Any, *args: Any) -> Any:
            found.append(cam)
            return drawn(cam, *args)

        drawn = module.heatmap_display
        with mock.patch.object(module, "heatmap_display", display):
            for index, target in enumerate(task.targets.tolist()):
                x = [part[index : index + 1] for part in task.parts]
                data = (x if len(x) > 1 else x[0], None)
                module.GradCAM().explain(data, model, class_index=min(target, task.units[task.output] - 1), **settings)
        return np.stack(found)

    ends = [("", linear), ("the end made linear", with_linear_end)]
    gradients = [("", {}), ("use_guided_grads=False", {"use_guided_grads": False})]
    layers = [("", {}), (f"layer_name={task.path[0]!r}", {"layer_name": task.path[0]})]
    for (layer, layer_name), (gradient, guided), (end, change) in itertools.product(layers, gradients, ends):
        option = "; ".join(filter(None, (end, layer, gradient)))
        yield Attempt(option, functools.partial(explain, change=change, **layer_name, **guided))


def bilinear(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """As TensorFlow does it."""
    from kinds.kind import resized

    return np.asarray(resized(maps[..., None], size))[..., 0]


def bicubic(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """As TensorFlow does it, for images."""
    import tensorflow as tf

    return np.asarray(tf.image.resize(maps[..., None], size, "bicubic"))[..., 0] if len(size) == 2 else maps


def from_corner_to_corner(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Linearly, as SciPy does it."""
    from scipy.ndimage import zoom

    return zoom(maps, (1, *np.divide(size, maps.shape[1:])), order=1)


ENGINES = {
    "keras_advxai": Engine("keras-advxai", keras_advxai, bilinear),
    "tf_keras_vis": Engine("tf-keras-vis", tf_keras_vis, from_corner_to_corner),
    "xplique": Engine("xplique", xplique, bicubic),
    "tf_explain": Engine("tf-explain", tf_explain, bilinear, relu=False),
}
