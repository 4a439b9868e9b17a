"""How to look at logs: the command and the address."""

from __future__ import annotations

import os
import shlex

ADDRESS = "http://localhost:6006/?smoothing=0#advxai"
"""Where TensorBoard shows the tab AdvXAI. Time Series then has what was measured: by default it smooths every curve."""


def command(log_dir: str | os.PathLike[str], program: str = "tensorboard") -> str:
    """The line for a shell that starts TensorBoard.

    Args:
        log_dir: The directory.
        program: The program. Defaults to `"tensorboard"`.

    Example:

    >>> from keras_advxai.tensorboard.viewing import command
    >>> command("my logs")
    "tensorboard --logdir 'my logs'"
    """
    return f"{program} --logdir {shlex.quote(os.fspath(log_dir))}"
