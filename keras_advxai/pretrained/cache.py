"""Where what was converted once is kept."""

from __future__ import annotations

import os
import pathlib

import platformdirs


def cache_folder() -> pathlib.Path:
    """The user's cache folder of this package, or what the environment variable `KERAS_ADVXAI_CACHE` says.

    It need not be there. Whatever is in it can be deleted, and is made again.
    """
    given = os.environ.get("KERAS_ADVXAI_CACHE")
    return pathlib.Path(given).expanduser() if given else platformdirs.user_cache_path("keras-advxai", appauthor=False)
