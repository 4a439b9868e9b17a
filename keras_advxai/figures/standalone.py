"""A figure that belongs to no backend: notebooks display it once, and its file appears whole or not at all."""

from __future__ import annotations

import io
import os
import pathlib
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from keras_advxai._files import write_atomically

_WITH_TEXT: Any = {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "keras_advxai"}
"""Text that can be searched, copied and edited, as TrueType, and names inside of an SVG that are no random ones."""

_UNDATED = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
"""What leaves the time out, by format."""


class StandaloneFigure(Figure):
    """A figure of matplotlib that `pyplot` does not know.

    `pyplot` would keep it for ever, and show it a second time at the end of a notebook's cell. Without `pyplot` IPython
    does not know how to display figures, so this one brings its own way. In PDF and SVG text is text, and as
    PNG, PDF or SVG the same figure makes the same file, byte by byte.

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
            self._write(fname, **kwargs)
            return
        path = pathlib.Path(fname)
        form = kwargs.pop("format", None) or path.suffix[1:] or mpl.rcParams["savefig.format"]
        buffer = io.BytesIO()
        self._write(buffer, format=form, **kwargs)
        write_atomically(path if path.suffix else path.with_name(f"{path.name}.{form}"), buffer.getvalue())

    def _write(self, file: Any, **kwargs: Any) -> None:
        form = str(kwargs.get("format") or mpl.rcParams["savefig.format"]).lower()
        if form in _UNDATED:  # not all formats take metadata
            kwargs["metadata"] = {**_UNDATED[form], **(kwargs.get("metadata") or {})}
        with mpl.rc_context(_WITH_TEXT):
            super().savefig(file, **kwargs)

    def _repr_png_(self) -> bytes:
        """What a notebook displays."""
        buffer = io.BytesIO()
        super().savefig(buffer, format="png", dpi=self.dpi)
        return buffer.getvalue()
