"""What is logged of a report for the tab AdvXAI: JSON and pictures, as sequences of bytes in one run."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

from tensorboard.compat.proto import summary_pb2
from tensorboard.util.tensor_util import make_tensor_proto

from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.tensorboard.names import DETAILS, OVERVIEW, PLUGIN, SHEETS
from keras_advxai.viewer.document import document
from keras_advxai.viewer.plain import to_json


class ViewerLogs:
    """Logs reports for the tab. A picture that was logged in the same run before is not written again.

    The originals are the same in each epoch, and so are the images of the noise.

    Args:
        add: Takes a run, a summary, and by `picture=` whether there are pictures in it.
    """

    def __init__(self, add: Callable[..., None]) -> None:
        self._add = add
        self._written: dict[str, set[str]] = {}

    def write(self, run: str, report: EvaluationReport, *, images: bool = True) -> None:
        """Log a report: its figures and words, what was measured of each image, and new pictures.

        Args:
            run: The run.
            report: The report.
            images: Whether its examples are pictured. Defaults to `True`.
        """
        made = document(report, images=images)
        known = self._written.setdefault(run, set())
        new = {key: png for key, png in made.pictures.items() if key not in known}
        known |= set(new)
        if new:
            self._add(run, _blobs(SHEETS, [to_json(list(new)).encode("utf-8"), *new.values()]), picture=True)
        self._add(run, _blobs(DETAILS, [_packed(made.details)]))
        self._add(run, _blobs(OVERVIEW, [_packed(made.overview)]))  # last: an epoch is there when this is


def _packed(values: Any) -> bytes:
    # Level 9, the default, takes six times as long and saves 3 %.
    return gzip.compress(to_json(values).encode("utf-8"), compresslevel=6, mtime=0)


def _blobs(tag: str, contents: list[bytes]) -> Any:
    plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name=PLUGIN, content=b"1")
    # Without the class of the data, TensorBoard leaves them out.
    metadata = summary_pb2.SummaryMetadata(plugin_data=plugin, data_class=summary_pb2.DATA_CLASS_BLOB_SEQUENCE)
    summary = summary_pb2.Summary()
    summary.value.add(tag=tag, metadata=metadata, tensor=make_tensor_proto(contents))
    return summary
