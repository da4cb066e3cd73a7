"""Tables in memory as sources: encoded at once where that fits, else block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.backends.numpy.backend import memory_available
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.encoding import TableEncoder
from dnn_xp.data.sources.base import ArraySource, Source

# Encoded tables up to this size are held whatever memory is free.
ALWAYS_HELD = 1 << 28


class EncodedSource:
    """A table whose lines are encoded when a block asks for them: one-hot columns take no memory.

    Parameters
    ----------
    table : ColumnTable
        With the columns of the encoder.
    encoder : TableEncoder
    """

    in_memory = True

    def __init__(self, table: ColumnTable, encoder: TableEncoder) -> None:
        self.table, self.encoder = table, encoder
        self.n, self.m = len(encoder.names_out), table.m
        self.dtype: np.dtype[Any] = encoder.dtype

    def block(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Examples start to stop-1: (n, stop - start)."""
        return self.encoder.encode(self.table.take(slice(start, stop)), first=start).T

    def gather(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The examples at these positions: (n, len(indices))."""
        return self.encoder.encode(self.table.take(indices)).T

    def part_of(self, start: int, stop: int) -> EncodedSource:
        """Examples start to stop - 1, as a source of their own."""
        return EncodedSource(self.table.take(slice(start, stop)), self.encoder)

    def __repr__(self) -> str:
        return f"EncodedSource(n={self.n}, m={self.m}, dtype={self.dtype})"


def encoded_table(table: ColumnTable, encoder: TableEncoder, *, argument: str = "X") -> Source:
    """The source of a table: an array where it takes up to a quarter of the free memory."""
    size = table.m * len(encoder.names_out) * encoder.dtype.itemsize
    if size > max(ALWAYS_HELD, (memory_available() or 0) // 4):
        return EncodedSource(table, encoder)
    return ArraySource(encoder.encode(table, argument=argument), rows=True)
