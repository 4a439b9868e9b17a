"""The randomisation check of explanations: heatmaps of a model with re-drawn weights beside those of the model itself.

References:
    Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai import explainers as explainers_module
from keras_advxai import metrics
from keras_advxai._typing import Tensor
from keras_advxai.explainers import Explainer
from keras_advxai.measurements.randomization import Randomization
from keras_advxai.metrics import Dissimilarity, rank_distance
from keras_advxai.models import ImageClassifier, as_classifier
from keras_advxai.models.compiled import cached_structure
from keras_advxai.models.inputs import check_whole_number
from keras_advxai.models.reweighted import ReweightedClassifier, weights, weights_by_layer
from keras_advxai.settings.evaluation_settings import listed


def randomization(
    model: keras.Model | ImageClassifier,
    x: Any,
    *,
    explainers: Sequence[str | Explainer] | str | Explainer = ("grad_cam",),
    metric: str | Callable[..., Any] = "nissim",
    depths: int = 8,
    seed: int = 0,
) -> Randomization:
    """How far explanations change when the model forgets what it has learned: the randomisation check.

    The weights are re-drawn layer by layer, from the head downwards, and the heatmaps of the same classes are compared
    with those of the model itself. An explainer whose heatmaps stay the same shows edges or the like, and says little
    of the model. To re-draw means here to put the values of each kernel, bias, scale or offset into a random order, so
    that their sizes stay what the layers behind them are used to; the statistics of normalisations are kept. The model
    is not changed, not even for a time: passes see other values of its variables.

    Args:
        model: A trained `keras.Model`, or an `ImageClassifier`.
        x: Images in image space, `(batch, height, width, channels)`. About ten are enough.
        explainers: Names or instances, whose heatmaps are computed in TensorFlow. Defaults to `("grad_cam",)`.
        metric: How the dissimilarity is measured, see `keras_advxai.metrics`. Defaults to `"nissim"`.
        depths: To how many depths weights are re-drawn, at most; the last is all of them. Each costs what the
            explanations do. Defaults to 8.
        seed: Seed of the random orders. Defaults to 0.

    Returns:
        A `Randomization`: print it for a table; `figures.randomization` draws it.

    Raises:
        ValueError: The model has no weights, an explainer computes outside of TensorFlow, or an argument is wrong.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> class Edges(kax.explainers.Explainer):
    ...     def attribute(self, model, x, targets, forward):
    ...         return abs(x[:, 1:, 1:] - x[:, :-1, :-1])
    >>> keras.utils.set_random_seed(0)
    >>> net = keras.Sequential([
    ...     keras.layers.Input((8, 8, 1)),
    ...     keras.layers.Conv2D(4, 3, activation="relu"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2),
    ... ])
    >>> x = np.random.default_rng(0).uniform(size=(4, 8, 8, 1)).astype("float32")
    >>> kax.audit.randomization(net, x, explainers=[Edges()]).insensitive
    ('edges',)

    References:
        Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018.
    """
    classifier = as_classifier(model)
    chosen = [explainers_module.get(item) for item in listed("explainers", explainers)]
    if not chosen:
        raise ValueError(f"Argument `explainers` must name at least one explainer. Received: {explainers!r}")
    for item in chosen:
        if not is_checkable(item):
            raise ValueError(
                "Argument `explainers` must be explainers that compute in TensorFlow and whose heatmaps are in [0, 1]. "
                f"Received: {item!r}"
            )
    most, drawn = check_whole_number("depths", depths, 1), check_whole_number("seed", seed, 0)
    with cached_structure(classifier.model):
        return _Cascade(classifier, classifier.checked(x), tuple(chosen), metrics.get(metric), drawn).run(most)


def is_checkable(explainer: Explainer) -> bool:
    """Whether an explainer sees the re-drawn weights, and its heatmaps can be compared."""
    return explainer.differentiable and not explainer.signed


@dataclasses.dataclass(frozen=True)
class _Explained:
    """The heatmaps of a model whose weights have other values. It runs while a graph is traced."""

    explainers: tuple[Explainer, ...]

    @tf.autograph.experimental.do_not_convert
    def __call__(self, model: ImageClassifier, inputs: Any, targets: Tensor, *values: Tensor) -> dict[str, Tensor]:
        shape = tuple(model.images_of(inputs).shape[1:])
        other = ReweightedClassifier(model, values, shape)
        layers = tuple(dict.fromkeys(path for item in self.explainers for path in item.layers(model, shape)))
        forward = other.forward(inputs, layers=layers)  # one pass, and one way back to all layers that are named
        return {item.name: item(other, inputs, targets, forward=forward) for item in self.explainers}


@dataclasses.dataclass(frozen=True)
class _Cascade:
    """The explanations of some images, for the model's own weights and for weights that are re-drawn step by step."""

    classifier: ImageClassifier
    inputs: Any
    explainers: tuple[Explainer, ...]
    metric: Dissimilarity
    seed: int

    def run(self, most: int) -> Randomization:
        """The heatmaps at some depths, compared with those of the model itself."""
        one = keras.tree.map_structure(lambda part: part[:1], self.inputs)
        layers = weights_by_layer(self.classifier, one)
        if not layers:
            raise ValueError(f"The model {self.classifier.model.name!r} has no weights that could be re-drawn.")
        values = [np.asarray(weight) for weight in weights(self.classifier.model)]
        targets = self.classifier.compiled("predictions to explain", _predictions, self.inputs)
        own = self._maps(targets, values)
        draw, names, found = np.random.default_rng(self.seed), [], []
        ends = {-(-len(layers) * (step + 1) // min(most, len(layers))) for step in range(most)}
        for count, (name, places) in enumerate(reversed(layers), 1):
            for place in places:  # the sizes of the values stay, and what a layer behind them makes of them
                values[place] = draw.permutation(values[place].ravel()).reshape(values[place].shape)
            if count in ends:
                names.append(name)
                maps = self._maps(targets, values)
                found.append([self._compared(own[item.name], maps[item.name]) for item in self.explainers])
        figures = np.array(found).transpose(2, 1, 0)
        others = {name: np.roll(maps, 1, axis=0) for name, maps in own.items()}  # each image beside another one
        several = len(next(iter(own.values()))) > 1
        chance = [self._compared(own[item.name], others[item.name])[0] for item in self.explainers]
        return Randomization(
            model=self.classifier.model.name,
            metric=self.metric.name,
            images=len(next(iter(own.values()))),
            explainers=tuple(item.name for item in self.explainers),
            layers=tuple(names),
            dissimilarity=figures[0],
            rank_correlation=figures[1],
            blank=figures[2],
            chance=np.array(chance) if several else np.full(len(self.explainers), np.nan),
        )

    def _maps(self, targets: Tensor, values: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        # The values are arguments of the trace, so that one serves all depths.
        run = _Explained(self.explainers)
        found = self.classifier.compiled(run, run, self.inputs, targets, *map(tf.convert_to_tensor, values))
        return {name: maps.numpy() for name, maps in found.items()}

    def _compared(self, own: np.ndarray, maps: np.ndarray) -> tuple[float, float, float]:
        """The mean dissimilarity and rank correlation of pairs, and the share of the second ones that are blank."""
        axes = tuple(range(1, maps.ndim))
        shown = own.any(axis=axes) & maps.any(axis=axes) & np.isfinite(own + maps).all(axis=axes)
        blank = float(np.mean(~maps.any(axis=axes)))
        if not shown.any():  # to blank maps each dissimilarity has an answer of its own
            return float("nan"), float("nan"), blank
        apart = np.mean(np.asarray(self.metric(own[shown], maps[shown])))
        ranks = np.mean(1 - 2 * np.asarray(rank_distance(own[shown], maps[shown])))
        return float(apart), float(ranks), blank


def _predictions(classifier: ImageClassifier, inputs: Any) -> Tensor:
    return classifier.forward(inputs).strongest
