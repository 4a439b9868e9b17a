"""What runs and tags are called in TensorBoard. Loads neither Keras nor TensorFlow."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

from keras_advxai.text import epsilon_text

FOLDER = "advxai"
CLEAN = "clean"
EVALUATION = "evaluation"
EPOCHS = "epochs"
REPORT = "report.json"

FINAL = "~advxai_final"
"""What tags begin with that hold the last figures of a training."""
REPORTED = "advxai_report"
"""What tags begin with that hold a report to be read: texts and figures."""

PLUGIN = "advxai"
"""What the tab is called in addresses and event files."""
OVERVIEW, DETAILS, SHEETS = "advxai_viewer/overview", "advxai_viewer/details", "advxai_viewer/sheets"
"""The tags of the tab: figures and words, what was measured of each image, pictures."""

_LONGEST = 200
"""Characters of a name, of which a tag may have several."""


def safe(name: str) -> str:
    """A name fit for a part of a tag: ASCII letters, digits, `.`, `_` and `-`.

    A name that has to be changed, or is too long, gets a checksum of the original, so that different names stay
    different.

    Args:
        name: The name of an attack or explainer.

    Example:

    >>> from keras_advxai.tensorboard.names import safe
    >>> safe("grad_cam"), safe("my/attack")
    ('grad_cam', 'my-attack-37cd3d0b')
    """
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    if cleaned != name or len(name) > _LONGEST or cleaned.startswith(".") or not cleaned:
        checksum = zlib.crc32(name.encode("utf-8", "surrogatepass"))  # half of a character is a difference, too
        # No leading dot, as a file would not have one.
        return f"{cleaned.lstrip('.')[: _LONGEST - 9]}-{checksum:08x}"
    return cleaned


def runs_by_severity(severities: Sequence[int]) -> dict[float, str]:
    """The run of each severity of the corruptions, such as `severity_3`.

    Args:
        severities: The severities.
    """
    return {severity: f"severity_{round(severity)}" for severity in severities}


def runs_by_epsilon(epsilons: Sequence[float]) -> dict[float, str]:
    """The run of each epsilon, as people write it: `eps_8_255` or `eps_0.05`.

    Where two would be called the same, they have all their digits.

    Args:
        epsilons: The epsilons.

    Example:

    >>> from keras_advxai.tensorboard.names import runs_by_epsilon
    >>> runs_by_epsilon([8 / 255, 0.05]).values()
    dict_values(['eps_8_255', 'eps_0.05'])
    """
    texts = [epsilon_text(epsilon).replace("/", "_") for epsilon in epsilons]
    return {
        epsilon: f"eps_{text if texts.count(text) == 1 else repr(float(epsilon))}"
        for epsilon, text in zip(epsilons, texts, strict=True)
    }
