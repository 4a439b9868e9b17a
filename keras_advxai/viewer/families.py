"""Which explainers differ in their layer or their score alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence


def families(
    names: Sequence[str], layers: Mapping[str, Sequence[str]], score_pairs: Mapping[str, str]
) -> dict[str, tuple[str, str | None]]:
    """What explainers are called without their layer and score, and the score of those that have a pair.

    Args:
        names: The names of the explainers.
        layers: The names of the layers that each looks at.
        score_pairs: Of explainers that differ in their score alone, the name of that of the logit to that of the
            probability.

    Example:

    >>> from keras_advxai.viewer.families import families
    >>> layers = {"grad_cam_conv2d": ["conv2d"], "grad_cam_conv2d_probability": ["conv2d"]}
    >>> families(list(layers), layers, {"grad_cam_conv2d": "grad_cam_conv2d_probability"})
    {'grad_cam_conv2d': ('grad_cam', 'logit'), 'grad_cam_conv2d_probability': ('grad_cam', 'probability')}
    """
    scores = dict.fromkeys(score_pairs, "logit") | dict.fromkeys(score_pairs.values(), "probability")
    found = {}
    for name in names:
        of = layers.get(name, ())
        family = without_layer(name, of[0]) if len(of) == 1 else name
        score = scores.get(name)
        # The score stands behind the layer, and only its pair tells it from the end of some other name.
        found[name] = family.removesuffix("_probability") if score == "probability" else family, score
    return found


def without_layer(name: str, layer: str) -> str:
    """The name of an explainer without that of its layer: `grad_cam_probability` of `grad_cam_conv2d_3_probability`.

    Args:
        name: The name.
        layer: The name of the layer.
    """
    found = re.sub(r"[^\w.]+", "-", layer)  # as names of configurations have it
    return re.sub(rf"_{re.escape(found)}(?=_|$)", "", name, count=1)
