"""Examples on a cluster: files by their paths, arrays in pieces that the workers keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from dnn_xp.common.errors import ArgumentTypeError
from dnn_xp.common.messages import describe, optional_package
from dnn_xp.dask.cluster import Cluster
from dnn_xp.dask.collections import DaskSource
from dnn_xp.dask.sources import piece_of
from dnn_xp.dask.tasks import Held, Range, Where
from dnn_xp.data.sources.base import ArraySource, Source
from dnn_xp.data.sources.subset import RangeSource
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.placement import source_bytes
from dnn_xp.formulas.types import Array

# Bytes that are read from a file at once, and of a piece of what is in memory.
_CHUNK, _PIECE = 8 << 20, 16 << 20
_PIECES_OF_WORKER = 4


@dataclass(frozen=True, eq=False)
class Shared:
    """Where the workers find the examples.

    Attributes
    ----------
    where : Where
    name : str
        Of these examples among those of a training.
    nbytes : int
        Of what is read from files.
    piece : int
        Examples of a piece.
    pieces : list of futures
        X, Y and weights that are in memory, piece by piece.
    """

    where: Where
    name: str
    nbytes: int
    piece: int
    pieces: list[Any]

    def parts(self, count: int) -> list[list[tuple[int, Any]]]:
        """All pieces as `of` gives them, in up to `count` parts: the pieces that were put on a worker."""
        pieces, among = self.of(0, self.where.m), len(self.pieces)
        owners = [place * count // among for place in range(among)]
        return [
            [piece for piece, owner in zip(pieces, owners, strict=True) if owner == part]
            for part in sorted(set(owners))
        ]

    def of(self, start: int, stop: int, origin: int = 0) -> list[tuple[int, Any]]:
        """The pieces that contain examples start to stop - 1, numbered from `origin`."""
        if not self.pieces:
            return []
        numbers = range(start // self.piece, -(-stop // self.piece))
        return [(k * self.piece - origin, self.pieces[k]) for k in numbers]


def share(cluster: Cluster, name: str, sources: Sequence[Source | None], block_size: int) -> Shared:
    """Tell the workers of files, and send them what is in memory."""
    X = sources[0]
    assert X is not None
    stored = tuple(None if each is None or _is_sent(each) else _pickled(each) for each in sources)
    sent = tuple(each if kept is None else None for each, kept in zip(sources, stored, strict=True))
    there = [each for each in sources if each is not None]
    of_files = sum(source_bytes(each) for each in there if not _is_sent(each))
    of_example = max(1, sum(source_bytes(each) for each in there) // X.m)
    chunk = max(1, _CHUNK // of_example // block_size) * block_size
    # Several pieces a worker, so that ranges of blocks end near the ends of pieces.
    workers = cluster.workers()
    share_of_worker = X.m // (_PIECES_OF_WORKER * len(workers))
    piece = max(1, min(_PIECE // of_example, share_of_worker) // block_size) * block_size
    where = Where(stored, X.m, chunk)
    pieces: list[Any] = []
    if any(each is not None for each in sent):
        pieces = [
            _sent(cluster, sent, start, min(start + piece, X.m), at)
            for start, at in zip(
                range(0, X.m, piece), cluster.spread(-(-X.m // piece)), strict=True
            )
        ]
    return Shared(where, name, of_files, piece, pieces)


def _sent(
    cluster: Cluster, sources: tuple[Source | None, ...], start: int, stop: int, at: dict[str, Any]
) -> Any:
    """The future of a piece: its task holds what is in memory, and is run again where a worker is lost."""
    from dask import config

    X, others = sources[0], tuple(piece_of(each, start, stop) for each in sources[1:])
    found, first = (X, start) if X is None else _base(X, start)
    cluster.counts.sent += sum(source_bytes(each) for each in others if each is not None)
    with config.set({"distributed.admin.large-graph-warning-threshold": "1 PiB"}):
        if isinstance(found, DaskSource):
            block = found.future(cluster.client, first, first + stop - start)
            made = cluster.client.submit(_of_block, block, found.rows, others, pure=False, **at)
            return cluster.hold(made)
        own = piece_of(X, start, stop)
        cluster.counts.sent += 0 if own is None else source_bytes(own)
        return cluster.hold(cluster.client.submit(Held, own, *others, pure=False, **at))


def _of_block(block: Any, rows: bool, others: tuple[Any, ...]) -> Held:
    return Held(ArraySource(np.ascontiguousarray(block), rows), *others)


def _base(source: Any, first: int) -> tuple[Any, int]:
    while isinstance(source, RangeSource):
        source, first = source.source, first + source._first
    return source, first


def _is_sent(source: Source) -> bool:
    return source.in_memory or isinstance(_base(source, 0)[0], DaskSource)


def _pickled(source: Source) -> bytes:
    pickler = optional_package("cloudpickle", purpose="dnn_xp.dask", extra="dask")
    try:
        data: bytes = pickler.dumps(source)
    except Exception as error:
        raise ArgumentTypeError(
            "X",
            f"{describe(source)}, which cannot be sent to workers ({error})",
            "a path that all workers see, a dask.array, or an array in memory",
        ) from error
    return data


@dataclass(frozen=True, eq=False)
class ClusterExamples:
    """Examples that workers read; the client has their sources.

    Attributes
    ----------
    X, Y, weights : Source
        As of `Examples`.
    shared : Shared
    run : (int, int), optional
        The run of a file that these are.
    """

    X: Source
    Y: Source
    weights: Source | None
    shared: Shared
    run: tuple[int, int] | None = None

    @property
    def m(self) -> int:
        """Number of examples."""
        return self.X.m if self.run is None else self.run[1] - self.run[0]

    @property
    def in_memory(self) -> bool:
        """Whether mini-batches are chosen from all examples, and not from runs of a file."""
        return self.X.in_memory and self.Y.in_memory

    def block(self, start: int, stop: int) -> tuple[Array, Array, Array | None]:
        """X, Y and weights of examples start to stop - 1, read by the client."""
        return Examples(self.X, self.Y, self.weights).block(start, stop)

    def gather(self, indices: np.ndarray) -> tuple[Array, Array, Array | None]:
        """X, Y and weights of the examples at these positions, read by the client."""
        return Examples(self.X, self.Y, self.weights).gather(indices)

    def without_inputs(self) -> Self:
        """The same: a worker knows what does not read X."""
        return self

    def of_run(self, start: int, stop: int) -> Self:
        """The examples of a run."""
        return replace(self, run=(start, stop))

    def task(self, first: int, last: int, size: int) -> tuple[Where, Range, list[Any]]:
        """Arguments of the task of blocks first to last - 1."""
        stop = min(last * size, self.m)
        return self.shared.where, Range(first, last), self.shared.of(first * size, stop)
