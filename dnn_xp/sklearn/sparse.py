"""Sparse matrices of SciPy as a source: one block at a time is made dense."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.data.sources.base import ArraySource, Source


class SparseSource:
    """A CSR matrix or array (m, n), examples in rows; its blocks are dense NumPy arrays.

    Parameters
    ----------
    matrix : scipy.sparse CSR matrix or array
        Of floats.
    """

    in_memory = True

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix
        self.m, self.n = (int(extent) for extent in matrix.shape)
        self.dtype: np.dtype[Any] = np.dtype(matrix.dtype)

    def block(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Examples start to stop - 1: (n, stop - start)."""
        dense: npt.NDArray[Any] = self.matrix[start:stop].toarray().T
        return dense

    def gather(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The examples at these positions: (n, len(indices))."""
        dense: npt.NDArray[Any] = self.matrix[indices].toarray().T
        return dense

    def part_of(self, start: int, stop: int) -> SparseSource:
        """Examples start to stop - 1, as a source of their own."""
        return SparseSource(self.matrix[start:stop])

    def __repr__(self) -> str:
        return f"SparseSource(n={self.n}, m={self.m}, dtype={self.dtype}, stored={self.matrix.nnz})"


def rows_of(source: Source, positions: npt.NDArray[np.int64]) -> Source:
    """The examples at these positions, as a source of their own that holds a copy of them."""
    if isinstance(source, SparseSource):
        return SparseSource(source.matrix[positions])
    if isinstance(source, ArraySource) and source.rows and isinstance(source.array, np.ndarray):
        return ArraySource(source.array[positions], rows=True)
    return ArraySource(source.gather(positions), rows=False)
