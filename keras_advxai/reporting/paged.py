"""Gives results their page of HTML."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from keras_advxai.reporting.html import MOST_BYTES, to_html
from keras_advxai.tables.contents import written
from keras_advxai.viewer.source import Source


class Paged:
    """A result that is written as a page for a browser."""

    def to_html(
        self, path: str | os.PathLike[str] | None = None, *, command: str | None = None, most_bytes: int = MOST_BYTES
    ) -> str:
        """The result as one page of HTML for a browser: words, charts, images and heatmaps, all in one file.

        It needs no network and no other file, prints, and can be sent to anybody. Its images are those of a report's
        `examples`; a report that was read from a file has none, and its page has the figures alone.

        Args:
            path: The file, such as `"report.html"`. It appears whole or not at all. Defaults to `None`, none.
            command: The command that repeats it, which the page shows. Defaults to `None`.
            most_bytes: About how many bytes the adversarial images may take; of more, those of the noise are left out
                first, and the page says so. Defaults to 1 MB.

        Returns:
            The text of the page.

        Raises:
            OSError: It cannot be written.

        Example:

        >>> from keras_advxai import EvaluationReport
        >>> from keras_advxai.evaluation import Coordinates, Measurements
        >>> coordinates = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
        >>> found = Measurements.of(coordinates, label=[0, 1], prediction=[[0, 1], [0, 0]])
        >>> "takes accuracy from 100.0 % to 50.0 %" in EvaluationReport(found, {"model": "net"}).to_html()
        True
        """
        return written(to_html(self._reports_by_name(), command=command, most_bytes=most_bytes), path)

    def _reports_by_name(self: Any) -> Mapping[str, Source]:
        """The reports that the page shows: of a report itself."""
        return {self.provenance["model"]: self}
