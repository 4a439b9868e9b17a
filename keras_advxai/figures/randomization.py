"""How far heatmaps change when weights are re-drawn, from the head downwards."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from keras_advxai.figures.standalone import StandaloneFigure
from keras_advxai.measurements.randomization import LIMIT, Randomization

_SIZE = 9  # points
_LONGEST = 28


def randomization(found: Randomization) -> Figure:
    """The dissimilarity from the model's own heatmaps as a share of chance, with one line for each explainer.

    At 1 heatmaps are as far apart as those of different images; below the dashed line they count as the same.

    Args:
        found: What `kax.audit.randomization` returned.

    Returns:
        A figure that belongs to no backend; `figure.savefig("figure.png")` writes it.

    Raises:
        TypeError: It is something else.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((8, 8, 1)),
    ...     keras.layers.Conv2D(4, 3, activation="relu"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2),
    ... ])
    >>> x = np.random.default_rng(0).uniform(size=(4, 8, 8, 1)).astype("float32")
    >>> found = kax.audit.randomization(net, x, explainers="saliency")
    >>> [line.get_label() for line in kax.figures.randomization(found).axes[0].lines[:1]]
    ['saliency']
    """
    if not isinstance(found, Randomization):
        raise TypeError(f"Argument `found` must be a Randomization. Received: {type(found).__name__}")
    places = np.arange(1, len(found.layers) + 1)
    figure = StandaloneFigure(
        figsize=(2.6 + max(2.4, 0.45 * len(places)), 3.8), facecolor="white", layout="constrained"
    )
    axes = figure.subplots()
    for name, shares in zip(found.explainers, found.relative, strict=True):
        # From the model itself, which is no distance away.
        axes.plot([0, *places], [0, *shares], marker="o", markersize=3, linewidth=1.4, label=name)
    axes.axhline(1, color="0.6", linewidth=0.8)
    axes.axhline(LIMIT, color="0.6", linewidth=0.8, linestyle="--")
    names = ["none", *(layer if len(layer) <= _LONGEST else "..." + layer[3 - _LONGEST :] for layer in found.layers)]
    axes.set_xticks([0, *places], names, rotation=90, parse_math=False)
    axes.set_xlabel("re-drawn from the head down to", fontsize=_SIZE)
    axes.set_ylabel(f"{found.metric} / chance", fontsize=_SIZE, parse_math=False)
    axes.set_ylim(0, None)
    axes.tick_params(labelsize=_SIZE - 1)
    axes.spines[["top", "right"]].set_visible(False)
    legend = axes.legend(fontsize=_SIZE - 1, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    for text in legend.get_texts():
        text.set_parse_math(False)
    title = f"{found.model}, {found.images} images: do explanations depend on the weights?"
    axes.set_title(title, fontsize=_SIZE, parse_math=False, loc="left")
    return figure
