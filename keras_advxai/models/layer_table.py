"""The layers of a model that can be explained: as a table, and found by name."""

from __future__ import annotations

import dataclasses
import io
import weakref
from typing import Any

import keras
from rich import box
from rich.console import Console
from rich.table import Table


@dataclasses.dataclass(frozen=True)
class LayerInfo:
    """A layer that can be explained: its output has a spatial extent.

    Attributes:
        name: Its name, after those of the nested models around it, `"backbone/conv1"`. Where a layer is called
            several times on the path to the classes, its plain name means the last call, and the earlier ones
            are `"conv1:1"`, `"conv1:2"` and so on.
        kind: The class of the layer or operation.
        shape: The output's `(height, width, channels)`, channels last whatever the model's layout; `None` where
            it is not fixed. Signals have `(steps, channels)`, videos `(frames, height, width, channels)`.
        convolutional: Whether it is a convolution.
        default: Whether it is the one that is explained unless another is named.
        same_as: The layer whose output it passes on, such as the last layer of a nested model; or `None`.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    convolutional: bool
    default: bool = False
    same_as: str | None = None


class LayerTable(tuple[LayerInfo, ...]):
    """The layers that can be explained, in execution order; printed, a table."""

    def __str__(self) -> str:
        table = Table(box=box.ASCII2, header_style="", show_edge=False)
        for heading in ("layer", "kind", "output", ""):
            table.add_column(heading, justify="right" if heading == "output" else "left")
        for info in self:
            shape = "x".join("?" if size is None else str(size) for size in info.shape)
            note = "default" if info.default else f"same as {info.same_as}" if info.same_as else ""
            table.add_row(info.name, info.kind, shape, note)
        # A layer may be called "[conv]", which would be a style; in a notebook, rich would show the table by itself.
        plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False, "force_jupyter": False}
        console = Console(file=io.StringIO(), width=1000, color_system=None, legacy_windows=False, **plain)
        console.print(table)
        text: Any = console.file
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())

    @property
    def default(self) -> LayerInfo | None:
        """The layer that is explained unless another is named, if there is one."""
        return next((info for info in self if info.default), None)

    def of_kind(self, kind: str) -> tuple[LayerInfo, ...]:
        """The layers with an output of their own: the convolutions (`"conv"`), or all (`"all"`)."""
        return tuple(info for info in self if info.same_as is None and (kind == "all" or info.convolutional))


class LayerReference(str):
    """The name of a layer, and the very layer, which may share its name with others.

    Two references are equal if they mean the same layer. The layer is referred to weakly, so that a
    configuration keeps no model alive.
    """

    layer: Any

    def __new__(cls, layer: keras.Operation) -> LayerReference:
        """A reference to a layer or operation."""
        reference = super().__new__(cls, layer.name)
        reference.layer = weakref.ref(layer)
        return reference

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LayerReference) and self.layer == other.layer

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.layer)

    def __deepcopy__(self, memo: Any) -> LayerReference:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)
