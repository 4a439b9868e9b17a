"""Pictures for TensorBoard's image dashboard: an image before and after the attack, and both heatmaps."""

from __future__ import annotations

import math

import numpy as np

from keras_advxai.figures.overlay import as_rgb, change, overlay
from keras_advxai.measurements.examples import Example

SMALLEST = 96  # pixels, as all of these
LARGEST = 512
GAP = 4
TIMES = 10
"""How much the perturbation is amplified."""


def montage(example: Example) -> np.ndarray:
    """Six panels: original, adversarial image and perturbation; below, the heatmap over each, and their difference.

    Small images are enlarged by a whole factor and large ones thinned. No words are in it, which would be too small to
    read or, in one of TensorBoard's two themes, too dark: they are the text of the card.

    Args:
        example: One of a report's examples.

    Returns:
        RGBA, `(height, width, 4)` uint8; between the panels it is transparent.
    """
    original, adversarial = as_rgb(example.image), as_rgb(example.adversarial)
    above = original, adversarial, np.clip(0.5 + TIMES * (adversarial - original), 0, 1)
    below = (
        overlay(example.image, example.heatmap),
        overlay(example.adversarial, example.adversarial_heatmap),
        change(example.heatmap, example.adversarial_heatmap),
    )
    return _stacked([_stacked([_resized(panel) for panel in row], 1) for row in (above, below)], 0)


def description(example: Example, label: str | None) -> str:
    """What a picture shows, in words that hold for all steps.

    Args:
        example: One of a report's examples.
        label: The true class; `None` where there are no labels.
    """
    text = (
        f"{which(example)}{f', labelled {label}' if label else ''}. {example.attack} at "
        f"{example.level_text}. Above: the original, the adversarial image, and the perturbation, "
        f"{TIMES} times. Below: the heatmaps of {example.explainer} over both images, and what changed (red for more "
        "heat, blue for less). What the model predicts is under Text."
    )
    return text.encode("ascii", "replace").decode("ascii")


def which(example: Example) -> str:
    """Which image it is, at the beginning of a description: its place in the data, and its name if it has one."""
    # TensorBoard reads descriptions as Markdown, in which a name with underscores would be something else.
    name = example.name.replace("`", "'")
    return f"Image {example.index}{f', `{name}`' if name else ''}"


def is_drawable(example: Example) -> bool:
    """Whether all of its numbers are finite, which they are not once a training has diverged."""
    arrays = (example.image, example.adversarial, example.heatmap, example.adversarial_heatmap)
    return all(np.isfinite(array).all() for array in arrays)


def _resized(panel: np.ndarray) -> np.ndarray:
    """Every pixel several times, or every n-th pixel once: `(height, width, 4)` uint8."""
    shorter, longer = sorted(panel.shape[:2])
    skip = math.ceil(longer / LARGEST)
    copies = max(1, min(math.ceil(SMALLEST / shorter), LARGEST // longer))
    # Made for every image of every epoch, so by a copy and without `np.pad`, which takes longer than the rounding.
    opaque = np.full((*panel.shape[:2], 4), 255, "uint8")
    opaque[..., :3] = np.round(panel * 255)
    return opaque[::skip, ::skip].repeat(copies, axis=1).repeat(copies, axis=0)  # pixels stay sharp


def _stacked(panels: list[np.ndarray], axis: int) -> np.ndarray:
    """Panels of one size side by side or below one another, with a transparent gap between."""
    shape = list(panels[0].shape)
    shape[axis] = GAP
    gap = np.zeros(shape, "uint8")
    return np.concatenate([part for panel in panels for part in (gap, panel)][1:], axis=axis)
