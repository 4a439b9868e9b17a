"""Tables as Parquet."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterable
from typing import Any

from keras_advxai.tables.table import Table

_TYPES = {"str": "string", "bool": "bool_"}
"""What pyarrow calls otherwise than NumPy."""


def to_parquet(tables: Iterable[Table]) -> bytes:
    """Tables of the same columns as one file, with the columns' keys and types; `None` is null, and NaN is NaN.

    Raises:
        ImportError: pyarrow is not installed.
    """
    arrow, parquet = _module("pyarrow"), _module("pyarrow.parquet")
    buffer = io.BytesIO()
    writer: Any = None
    for table in tables:
        schema = arrow.schema(
            [(column.key, getattr(arrow, _TYPES.get(column.dtype, column.dtype))()) for column in table.columns]
        )
        values = zip(*(line.values for line in table.lines), strict=True)
        arrays = [arrow.array(list(each), kind) for each, kind in zip(values, schema.types, strict=True)]
        writer = writer or parquet.ParquetWriter(buffer, schema, compression="zstd")
        writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
    if writer is None:
        raise ValueError("There is no table to write.")
    writer.close()
    return buffer.getvalue()


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            'Parquet needs pyarrow: pip install "keras-advxai[parquet]". Or write CSV, which needs nothing.'
        ) from error
