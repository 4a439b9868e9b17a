"""The colour scale that all heatmaps of one figure share, and its colour bar."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure

from keras_advxai.figures.overlay import as_heat, as_rgb, overlay
from keras_advxai.measurements.examples import Example

PERCENTILE = 98
"""The percentile of the pixels with heat at which a scale ends; the hottest 2 % may share its last colour."""
FAINTEST = 0.01
"""The lowest end of a scale that is not chosen."""

_ARROW = 0.1  # inches
_TICKS = {False: (0, 0.5, 1), True: (0, 0.1, 0.5, 1)}


@dataclasses.dataclass(frozen=True)
class HeatScale:
    """From heat to colour. It changes what is shown, and no number.

    Args:
        peak: The heat from which on the last colour is shown, above 0 and up to 1.
        root: Whether colours follow the square root of the heat, which shows faint heat better.

    Example:

    >>> from keras_advxai.figures.scale import HeatScale
    >>> HeatScale(peak=0.5).label
    'heat on gray, cut at 0.5'
    """

    peak: float = 1.0
    root: bool = False

    @property
    def label(self) -> str:
        """What the colour bar says."""
        root = ", square root" if self.root else ""
        return f"heat on gray{root}{f', cut at {self.peak:g}' if self.peak < 1 else ''}"

    def overlay(self, image: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
        """The heatmap over the image, in the colours of this scale; see `figures.overlay`."""
        shade = np.minimum(as_heat(heatmap) / self.peak, 1)
        return overlay(image, np.sqrt(shade) if self.root else shade)

    def draw(self, figure: Figure, axes: Axes, size: float) -> None:
        """Draw the vertical colour bar: the overlay's colours on a mid-gray image.

        Args:
            figure: The figure.
            axes: The place.
            size: The size of the letters, in points.
        """
        ramp = np.linspace(0, 1, 256)[None]
        colors = ListedColormap(list(overlay(np.full((1, 256), 0.5), ramp)[0]))
        norm = PowerNorm(0.5 if self.root else 1.0, 0, self.peak)
        is_cut = self.peak < 1
        ticks = [self.peak * share for share in _TICKS[self.root]]
        bar = figure.colorbar(
            ScalarMappable(norm, colors),
            cax=axes,
            ticks=ticks,
            extend="max" if is_cut else "neither",
            extendfrac=_ARROW / (axes.get_position().height * figure.get_figheight()),
        )
        texts = [f"{tick:.2g}" for tick in ticks]
        texts[-1] += "+" if is_cut else ""  # hotter pixels have that colour, too
        # Without the leading zeros: beside the bar there is room for few letters.
        bar.ax.set_yticklabels([text.replace("0.", ".", 1) for text in texts] if self.peak < 0.1 else texts)
        bar.ax.tick_params(labelsize=size, pad=2, length=2)
        bar.ax.minorticks_off()


def heat_scale(heatmaps: Iterable[np.ndarray], peak: float | None = None, *, root: bool = False) -> HeatScale:
    """One scale for several heatmaps.

    Args:
        heatmaps: All heatmaps of the figure.
        peak: The heat from which on the last colour is shown. Defaults to the 98th percentile of the pixels that
            have heat, rounded up to one digit: 1 for smooth maps, less (0.01 at least) for maps of which few pixels
            stand out.
        root: Whether colours follow the square root of the heat. Defaults to `False`.

    Raises:
        TypeError: `peak` is not a number.
        ValueError: `peak` is not above 0 and at most 1.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.figures.scale import heat_scale
    >>> heat_scale([np.linspace(0, 1, 100).reshape(10, 10)]).peak
    1.0
    >>> sparse = np.full((10, 10), 0.25)
    >>> sparse[0, 0] = 1
    >>> heat_scale([sparse]).peak
    0.3
    """
    if peak is not None:
        return HeatScale(_checked(peak), root)
    pixels = np.concatenate([as_heat(heatmap).ravel() for heatmap in heatmaps])
    # Pixels without heat are most of a sparse map: with them the percentile would be 0.
    hot = pixels[pixels > 0]
    return HeatScale(_rounded_up(float(np.percentile(hot, PERCENTILE))) if len(hot) else 1.0, root)


def _rounded_up(value: float) -> float:
    """The next number with one digit that is not 0, such as 0.7 above 0.61, and 1 at most."""
    digits = -math.floor(math.log10(value))
    # 0.07 * 100 is a little more than 7, and would be rounded up to 8.
    steps = math.ceil(round(value * 10**digits, 6))
    return float(min(1.0, max(FAINTEST, round(steps / 10**digits, digits))))


def _checked(peak: Any) -> float:
    if isinstance(peak, bool) or not isinstance(peak, (int, float, np.integer, np.floating)):
        raise TypeError(f"Argument `peak` must be a number above 0 and at most 1, or None. Received: peak={peak!r}")
    if not 0 < peak <= 1:
        raise ValueError(
            "Argument `peak` must be the heat from which on the last colour is shown, above 0 and at most 1. "
            f"Received: peak={peak!r}"
        )
    return float(peak)


def views(example: Example, most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The original and the adversarial image as RGB, each with its heatmap, with at most so many pixels a side.

    Each pixel is a block of the original, so that single hot pixels stay visible: the mean of the image, and the
    largest heat.

    Args:
        example: One of a report's examples.
        most: How many pixels the longer side may have.

    Raises:
        ValueError: The arrays do not fit together, or have values outside of [0, 1].
    """
    sides = (example.image, example.heatmap), (example.adversarial, example.adversarial_heatmap)
    return [_reduced(rgb, as_heat(heatmap, rgb.shape), most) for rgb, heatmap in ((as_rgb(a), b) for a, b in sides)]


def _reduced(image: np.ndarray, heatmap: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    block = math.ceil(max(heatmap.shape) / most)
    down, right = (np.arange(0, side, block) for side in heatmap.shape)
    pixels = np.outer(*(np.diff([*starts, side]) for starts, side in zip((down, right), heatmap.shape, strict=True)))
    mean = np.add.reduceat(np.add.reduceat(image, down, axis=0), right, axis=1) / pixels[..., None]
    # The largest heat and not the mean, in which the single hot pixels of Integrated Gradients are lost.
    return mean, np.maximum.reduceat(np.maximum.reduceat(heatmap, down, axis=0), right, axis=1)
