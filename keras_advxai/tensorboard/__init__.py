"""Reports in TensorBoard.

Importing this module loads neither Keras nor TensorFlow: TensorBoard imports it too, and shows nothing at all
if that fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_advxai.tensorboard.writer import ReportWriter

__all__ = ["ReportWriter"]


def __getattr__(name: str) -> Any:
    if name == "ReportWriter":
        from keras_advxai.tensorboard.writer import ReportWriter

        return ReportWriter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
