"""A figure that belongs to no backend: notebooks display it once, and its file appears whole or not at all."""

from __future__ import annotations

import io
import os
import pathlib
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from keras_advxai._files import write_atomically


class StandaloneFigure(Figure):
    """A figure of matplotlib that `pyplot` does not know.

    `pyplot` would keep it for ever, and show it a second time at the end of a notebook's cell. Without `pyplot` IPython
    does not know how to display figures, so this one brings its own way.

    Example:

    >>> from keras_advxai.figures.standalone import StandaloneFigure
    >>> StandaloneFigure(figsize=(1, 1))._repr_png_()[1:4]
    b'PNG'
    """

    def savefig(self, fname: Any, **kwargs: Any) -> None:
        """Write the figure, as PNG, PDF, SVG or what else the ending says; see `matplotlib.figure.Figure.savefig`.

        Args:
            fname: The file, which appears whole or not at all, or an object to write to.
            **kwargs: As matplotlib takes them, such as `dpi` and `format`.

        Raises:
            OSError: It cannot be written.
            ValueError: There is no such format.
        """
        if not isinstance(fname, (str, os.PathLike)):
            super().savefig(fname, **kwargs)
            return
        path = pathlib.Path(fname)
        form = kwargs.pop("format", None) or path.suffix[1:] or mpl.rcParams["savefig.format"]
        buffer = io.BytesIO()
        super().savefig(buffer, format=form, **kwargs)
        write_atomically(path if path.suffix else path.with_name(f"{path.name}.{form}"), buffer.getvalue())

    def _repr_png_(self) -> bytes:
        """What a notebook displays."""
        buffer = io.BytesIO()
        super().savefig(buffer, format="png", dpi=self.dpi)
        return buffer.getvalue()
