"""Arrow tables, and what converts to them, as columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.common.messages import optional_package
from dnn_xp.data.columns import SECONDS, Column, ColumnTable, are_names, text_column


def is_arrow(obj: Any) -> bool:
    """Whether obj is a pyarrow Table or RecordBatch."""
    return (
        type(obj).__module__.startswith("pyarrow")
        and hasattr(obj, "schema")
        and hasattr(obj, "column")
    )


def is_numeric(kind: Any) -> bool:
    """Whether values of an Arrow type are integers, floats or bool."""
    types = optional_package("pyarrow", purpose="Reading Arrow data").types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def arrow_table(table: Any, where: str = "the Arrow table") -> ColumnTable:
    """A pyarrow Table or RecordBatch as columns; numbers without nulls are not copied."""
    names = [str(name) for name in table.schema.names]
    columns = {name: arrow_column(table.column(j)) for j, name in enumerate(names)}
    return ColumnTable(columns, table.num_rows, where, are_names(names))


def arrow_column(values: Any) -> Column:
    """One Arrow array, chunked or not, as a Column."""
    arrow: Any = optional_package("pyarrow", purpose="Reading Arrow data")
    types, kind = arrow.types, values.type
    if isinstance(values, arrow.ChunkedArray):
        values = values.combine_chunks()
        if isinstance(values, arrow.ChunkedArray):
            values = arrow.concat_arrays(values.chunks) if values.chunks else arrow.array([], kind)
    if types.is_dictionary(kind):
        indices = values.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return text_column(values.dictionary.to_pylist(), indices, declared=True)
    if types.is_boolean(kind):
        if values.null_count == 0:
            return Column("bool", values.to_numpy(zero_copy_only=False))
        return Column(
            "bool", values.cast(arrow.uint8()).cast(arrow.float64()).to_numpy(zero_copy_only=False)
        )
    if types.is_decimal(kind):
        values, kind = values.cast(arrow.float64()), arrow.float64()
    if types.is_null(kind):
        return Column("number", np.full(len(values), np.nan))
    if types.is_integer(kind) or types.is_floating(kind):
        if types.is_integer(kind) and values.null_count:
            values = values.cast(arrow.float64(), safe=False)
        return Column("number", values.to_numpy(zero_copy_only=False))
    if types.is_timestamp(kind) or types.is_date(kind):
        return Column("date", _seconds(values.cast(arrow.timestamp("us")), arrow))
    if types.is_duration(kind):
        return Column("number", _seconds(values.cast(arrow.duration("us"), safe=False), arrow))
    if types.is_string(kind) or types.is_large_string(kind) or kind == arrow.string_view():
        coded = values.cast(arrow.large_string()).dictionary_encode()
        indices = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return text_column(coded.dictionary.to_pylist(), indices)
    return Column(
        "number", np.full(len(values), np.nan), problem=f"holds values of the type {kind}"
    )


def _seconds(values: Any, arrow: Any) -> Any:
    micro = values.cast(arrow.int64())
    present = micro.is_valid().to_numpy(zero_copy_only=False)
    return np.where(present, micro.fill_null(0).to_numpy(zero_copy_only=False) * SECONDS, np.nan)
