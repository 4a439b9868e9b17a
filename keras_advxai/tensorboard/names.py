"""What runs and tags are called in TensorBoard. Loads neither Keras nor TensorFlow."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

FOLDER = "advxai"
CHANCE = "chance"
CLEAN = "clean"
HPARAMS = "hparams"
EPOCHS = "epochs"
REPORT = "report.json"

_RESERVED = (CHANCE, CLEAN, HPARAMS, EPOCHS)  # an attack may be called `clean`, too
_LONGEST = 200
"""Characters of a name: with an epsilon behind it, it is that of a folder, and file systems take 255 bytes."""


def safe(name: str) -> str:
    """A name fit for a folder and for a tag: ASCII letters, digits, `.`, `_` and `-`.

    A name that has to be changed, or is too long for a folder, gets a checksum of the original, so that different
    names stay different.

    Args:
        name: The name of an attack or explainer.

    Example:

    >>> from keras_advxai.tensorboard.names import safe
    >>> safe("grad_cam"), safe("my/attack")
    ('grad_cam', 'my-attack-37cd3d0b')
    """
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    if cleaned != name or len(name) > _LONGEST or cleaned.startswith(".") or cleaned in ("", *_RESERVED):
        checksum = zlib.crc32(name.encode("utf-8", "surrogatepass"))  # half of a character is a difference, too
        # No leading dot: `..` would leave the folder.
        return f"{cleaned.lstrip('.')[: _LONGEST - 9]}-{checksum:08x}"
    return cleaned


def runs_by_severity(corruption: str, severities: Sequence[int]) -> dict[int, str]:
    """The run of one corruption at each severity, such as `fog_severity3`.

    Args:
        corruption: The name of the corruption.
        severities: Its severities.
    """
    return {severity: f"{safe(corruption)}_severity{severity}" for severity in severities}


def runs_by_epsilon(attack: str, epsilons: Sequence[float]) -> dict[float, str]:
    """The run of one attack at each epsilon, such as `fgsm_eps0.0314`.

    Four decimals, or as many more as it takes for the names to differ.

    Args:
        attack: The name of the attack.
        epsilons: Its epsilons.

    Example:

    >>> from keras_advxai.tensorboard.names import runs_by_epsilon
    >>> runs_by_epsilon("fgsm", [4 / 255, 8 / 255]).values()
    dict_values(['fgsm_eps0.0157', 'fgsm_eps0.0314'])
    """
    digits = 4
    while digits < 17 and len({f"{epsilon:.{digits}f}" for epsilon in epsilons}) < len(set(epsilons)):
        digits += 1  # up to what a float64 has
    return {epsilon: f"{safe(attack)}_eps{epsilon:.{digits}f}" for epsilon in epsilons}
