"""How curves are drawn: by colour, line and marker, and against epsilon."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from keras_advxai.text import epsilon_text

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # Okabe and Ito 2008
LINES = ("-", "--", "-.", (0, (3, 1, 1, 1, 1, 1)))
MARKERS = "osD^vP*X"
SIZE = 9  # points


def styles(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """How the curve of each name is drawn: three ways to know it, since a printer has no colours.

    Args:
        names: The names.
    """
    looks = zip(names, cycle(COLORS), cycle(LINES), cycle(MARKERS), strict=False)
    return {
        name: {"color": color, "linestyle": line, "marker": marker, "markersize": 5, "linewidth": 1.6}
        for name, color, line, marker in looks
    }


def epsilon_axis(axes: Axes, epsilons: np.ndarray) -> None:
    """Ticks at the epsilons themselves, as far as their labels have room.

    Args:
        axes: The axes.
        epsilons: The epsilons, from the smallest up.
    """
    span = float(epsilons[-1]) or 1.0  # epsilon 0 alone
    axes.set_xlim(-0.03 * span, 1.03 * span)
    kept: list[float] = []
    # From the largest: 1/255 and 2/255 lie too close for two labels beside 16/255.
    for epsilon in [*epsilons[::-1], 0.0]:
        # And 12/255 beside 16/255, which are longer.
        room = max(0.11, 0.022 * len(epsilon_text(epsilon)))
        if not kept or kept[-1] - epsilon > room * span:
            kept.append(float(epsilon))
    axes.set_xticks(kept, [epsilon_text(epsilon) for epsilon in kept])
    axes.set_xticks(epsilons, minor=True)
    axes.set_xlabel("epsilon", fontsize=SIZE)
    _finish(axes)


def level_axis(axes: Axes, levels: np.ndarray, scale: str) -> None:
    """The axis of epsilons, or of severities.

    Args:
        axes: The axes.
        levels: The epsilons or severities, from the smallest up.
        scale: `"epsilon"` or `"severity"`.
    """
    if scale == "severity":
        severity_axis(axes, levels)
    else:
        epsilon_axis(axes, levels)


def severity_axis(axes: Axes, severities: np.ndarray) -> None:
    """Ticks at the severities, from the clean images on.

    Args:
        axes: The axes.
        severities: The severities, from the smallest up.
    """
    axes.set_xlim(-0.15, float(severities[-1]) + 0.15)
    axes.set_xticks([0, *severities], ["clean", *(f"{severity:g}" for severity in severities)])
    axes.set_xlabel("severity", fontsize=SIZE)
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.tick_params(labelsize=SIZE)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
