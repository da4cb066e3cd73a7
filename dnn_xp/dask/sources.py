"""Sources of a cluster: several files as one, pieces of arrays, chunks that a process keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import ArraySource, Source
from dnn_xp.data.sources.labels import LabelSource
from dnn_xp.data.sources.subset import RangeSource

Values = npt.NDArray[Any]


class Joined:
    """Examples that lie in consecutive parts; `part` k holds examples edges[k] to edges[k+1] - 1.

    Parameters
    ----------
    edges : array of int (parts + 1,)
        Where the parts begin; their examples need not begin at 0.
    part : callable
        k -> Source.
    n, m, dtype, in_memory
        As of a Source.
    rows : bool
        Whether gathered examples are contiguous in memory, or else features: last bits may depend on it.
    """

    def __init__(
        self,
        edges: npt.NDArray[np.int64],
        part: Callable[[int], Source],
        *,
        n: int,
        m: int,
        dtype: np.dtype[Any],
        in_memory: bool,
        rows: bool = True,
    ) -> None:
        self._edges, self._part, self._rows = edges, part, rows
        self.n, self.m, self.dtype, self.in_memory = n, m, dtype, in_memory

    def block(self, start: int, stop: int) -> Values:
        """Examples start to stop - 1: (n, stop - start)."""
        stop = min(stop, self.m)
        k = int(np.searchsorted(self._edges, start, side="right")) - 1
        parts = []
        while start < stop:
            low, high = int(self._edges[k]), min(int(self._edges[k + 1]), stop)
            if high > start:
                parts.append(self._part(k).block(start - low, high - low))
            start, k = max(start, high), k + 1
        if not parts:
            return np.empty((self.n, 0), dtype=self.dtype)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def gather(self, indices: npt.NDArray[np.int64]) -> Values:
        """The examples at these positions: (n, len(indices))."""
        order: Any = "F" if self._rows else "C"
        gathered = np.empty((self.n, len(indices)), dtype=self.dtype, order=order)
        owners = np.searchsorted(self._edges, indices, side="right") - 1
        for k in np.unique(owners).tolist():
            places = np.flatnonzero(owners == k)
            gathered[:, places] = self._part(k).gather(indices[places] - self._edges[k])
        return gathered


def files_as_one(sources: Sequence[Source]) -> Joined:
    """The examples of several files, one after the other."""
    edges = np.cumsum([0, *(each.m for each in sources)], dtype=np.int64)
    dtype = np.result_type(*(each.dtype for each in sources))
    return Files(list(sources), edges, dtype)


class Files(Joined):
    """The same, with its sources at hand, so that it goes through pickle."""

    def __init__(
        self, sources: list[Source], edges: npt.NDArray[np.int64], dtype: np.dtype[Any]
    ) -> None:
        super().__init__(
            edges,
            sources.__getitem__,
            n=sources[0].n,
            m=int(edges[-1]),
            dtype=dtype,
            in_memory=False,
        )
        self._given = sources, edges, dtype

    def __reduce__(self) -> tuple[Any, ...]:
        return Files, self._given


def piece_of(source: Source | None, start: int, stop: int) -> Source | None:
    """Examples start to stop - 1 of a source in memory, copied to the host in the layout of their blocks."""
    if source is None:
        return None
    if isinstance(source, RangeSource):
        first = source._first
        return piece_of(source.source, first + start, first + stop)
    if isinstance(source, LabelSource):
        codes = np.array(to_host(source.codes[start:stop]))
        return LabelSource(codes, source.n, dtype=source.dtype.name)
    if isinstance(source, ArraySource) and source.rows:
        return ArraySource(np.array(to_host(source.array[start:stop, ...])), rows=True)
    if hasattr(source, "part_of"):  # smaller than the blocks that it makes
        own: Source = source.part_of(start, stop)
        return own
    return ArraySource(np.array(to_host(source.block(start, stop)), order="K"))


def chosen_of(pieces: Sequence[tuple[int, Source]], indices: npt.NDArray[np.int64]) -> Source:
    """The examples at these positions of consecutive pieces, copied; each gather has their layout."""
    first = pieces[0][1]
    m = pieces[-1][0] + pieces[-1][1].m
    if isinstance(first, LabelSource):
        codes: list[Any] = [(start, ArraySource(piece.codes)) for start, piece in pieces]  # type: ignore[attr-defined]
        chosen = joined_pieces(codes, m).gather(indices)[0]
        return LabelSource(chosen, first.n, dtype=first.dtype.name)
    rows = _are_rows(first)
    values = joined_pieces(pieces, m).gather(indices)
    return ArraySource(values.T if rows else values, rows=rows)


def _are_rows(source: Source) -> bool:
    """Whether the examples that a source gathers are contiguous."""
    return not isinstance(source, LabelSource) and bool(getattr(source, "rows", True))


def joined_pieces(pieces: Sequence[tuple[int, Source]], m: int) -> Joined:
    """Pieces (first example, source) that touch each other, of m examples in all."""
    edges = [start for start, _ in pieces]
    edges.append(edges[-1] + pieces[-1][1].m)
    first = pieces[0][1]
    return Joined(
        np.asarray(edges, dtype=np.int64),
        lambda k: pieces[k][1],
        n=first.n,
        m=m,
        dtype=first.dtype,
        in_memory=True,
        rows=_are_rows(first),
    )
