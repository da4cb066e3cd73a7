"""Parts of a source: chosen examples of one in memory, a range of any other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.data.host import library
from dnn_xp.data.sources.base import ArraySource, Source
from dnn_xp.data.sources.labels import LabelSource
from dnn_xp.formulas.types import Array


class RangeSource:
    """Examples first to last - 1 of another source, without a copy."""

    def __init__(self, source: Source, first: int, last: int) -> None:
        self.source, self._first = source, first
        self.n, self.m = source.n, last - first
        self.dtype: np.dtype[Any] = source.dtype
        self.in_memory = source.in_memory

    def block(self, start: int, stop: int) -> Array:
        """Examples start to stop - 1 of the range: (n, stop - start)."""
        return self.source.block(self._first + start, self._first + stop)

    def gather(self, indices: npt.NDArray[np.int64]) -> Array:
        """The examples at these positions of the range: (n, len(indices))."""
        return self.source.gather(indices + self._first)


def subset(source: Source, indices: npt.NDArray[np.int64]) -> Source:
    """The chosen examples of a source in memory, copied."""
    if isinstance(source, LabelSource):
        return LabelSource(source.codes[indices], source.n, dtype=source.dtype.name)
    return ArraySource(source.gather(indices), rows=False)


def side_by_side(source: Source) -> Source:
    """The same examples, each contiguous in memory: copied unless they are so already.

    A shuffled batch is then one gather of whole rows.
    """
    if (
        isinstance(source, ArraySource)
        and library(source.array) == "numpy"
        and len(source.array.shape) == 2
    ):
        values = source.array if source.rows else source.array.T
        if not values.flags.c_contiguous:
            return ArraySource(np.copy(values, order="C"), rows=True)
        return source if source.rows else ArraySource(values, rows=True)
    return source
