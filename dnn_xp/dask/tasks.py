"""What workers compute: pure functions of a range of blocks and the parameters; any worker may run them again."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.backends.record import Backend
from dnn_xp.dask.cache import CHUNKS, cached, room
from dnn_xp.dask.jobs import objective_of
from dnn_xp.dask.sources import chosen_of, joined_pieces
from dnn_xp.data.sources.base import Source
from dnn_xp.data.sources.subset import RangeSource
from dnn_xp.data.standardize import block_moments, merge_moments
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.objective import Sum
from dnn_xp.execution.placement import StreamedSource, stored_bytes
from dnn_xp.execution.tree import Node, joined
from dnn_xp.formulas.types import Array
from dnn_xp.training.batches import Batch


class Held:
    """X, Y and weights of a piece in memory, None for what is read from files; Dask counts their bytes."""

    def __init__(self, *sources: Source | None) -> None:
        self.sources = sources

    def __sizeof__(self) -> int:
        return sum(stored_bytes(each) for each in self.sources if each is not None)


# What is in memory of the examples from a number on.
Piece = tuple[int, Held]


class Where(NamedTuple):
    """Where the examples of a task are.

    Attributes
    ----------
    stored : tuple of bytes or None
        Pickles of the sources of X, Y and weights that are read from files.
    m : int
        Examples in all.
    chunk : int
        Examples that are read from a file, and kept, at once.
    run : (int, int), optional
        The run of a file whose examples a mini-batch chooses from.
    """

    stored: tuple[bytes | None, ...]
    m: int
    chunk: int
    run: tuple[int, int] | None = None


class Range(NamedTuple):
    """Blocks first to last - 1 of a sum, and the chosen examples of these if it is one of a mini-batch."""

    first: int
    last: int
    chosen: np.ndarray | None = None


class Part(NamedTuple):
    """What a task gives: nodes of the tree, arrays on the host; workers, and bytes that they read from files."""

    nodes: list[Node]
    workers: tuple[str, ...]
    read: int


class Anchor:
    """Stands for the data that a task keeps in the memory of its process, so that Dask sends the next one there."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes

    def __sizeof__(self) -> int:
        return min(self.nbytes, 64 << 20)


def sums(
    wanted: tuple[str, int, tuple[Any, ...], tuple[int, ...]],
    theta: np.ndarray,
    job: bytes,
    where: Where,
    m: int,
    blocks: Range,
    pieces: Sequence[Piece],
    anchor: Anchor | None = None,
) -> Part:
    """A range of blocks of ``Sum(name, theta, examples, block_size, more, seeds)``.

    Parameters
    ----------
    wanted : tuple
        Name, block size, more arguments (on the host), seeds.
    theta : array (p,)
    job : bytes
        Pickle of a Job.
    where : Where
    m : int
        Examples of the sum: all, or those of the mini-batch.
    blocks : Range
    pieces : sequence of Piece
        Examples in memory that contain those of the range.
    anchor : Anchor, optional
        Of the range.
    """
    objective, address, threads = objective_of(job), *worker()
    name, size, more, seeds = wanted
    before = _begin()
    backend = objective.backend
    with backend.active(), Engine(threads) as engine, np.errstate(over="ignore", invalid="ignore"):
        given: Any = examples_on(backend, where, pieces)
        if name == "mean_of_targets":
            given = given.without_inputs()
        if blocks.chosen is not None:
            given = _Chosen(given, blocks.chosen, blocks.first * size, m)
        arrays = tuple(backend.from_host(each) for each in more)
        wanted_sum = Sum(name, backend.from_host(theta), given, size, arrays, seeds)
        nodes = objective.using(engine).nodes(wanted_sum, (blocks.first, blocks.last))
    return Part([_on_host(node, backend) for node in nodes], (address,), CHUNKS.read - before)


def picked(pieces: Sequence[Piece], chosen: np.ndarray) -> Held:
    """The examples of a mini-batch that lie in consecutive pieces, at these positions of theirs."""
    own = [[(start, each.sources[place]) for start, each in pieces] for place in range(3)]
    return Held(*(None if each[0][1] is None else chosen_of(each, chosen) for each in own))  # type: ignore[arg-type]


def moments(
    size: int,
    where: Where,
    m: int,
    blocks: Range,
    pieces: Sequence[Piece],
    anchor: Anchor | None = None,
) -> Part:
    """The moments of X (n_0, m) over a range of blocks."""
    address, threads = worker()
    before = _begin()
    X = _sources(where, pieces)[0]
    assert X is not None
    with Engine(threads) as engine, np.errstate(invalid="ignore", over="ignore"):
        nodes = engine.nodes(
            lambda block: (block_moments(block),),
            lambda start, stop: (X.block(start, stop),),
            m,
            size,
            (blocks.first, blocks.last),
            combine=merged_moments,
            read_ahead=not X.in_memory,
        )
    return Part(nodes, (address,), CHUNKS.read - before)


def merged_moments(left: tuple[Any, ...], right: tuple[Any, ...]) -> tuple[Any, ...]:
    """Moments of two nodes of the tree."""
    return (merge_moments(left[0], right[0]),)


def added(parts: Sequence[Part]) -> Part:
    """Several parts as one, what can be added of them added."""
    read = sum(part.read for part in parts)
    nodes = joined([node for part in parts for node in part.nodes], combine=plus)
    return Part(nodes, tuple(each for part in parts for each in part.workers), read)


def plus(left: tuple[Any, ...], right: tuple[Any, ...]) -> tuple[Any, ...]:
    """The sum of two contributions; what came from another process may be read-only."""
    return tuple(map(operator.add, left, right))


def passed(values: Any) -> Any:
    """What it is given: a task that others wait for instead of an argument that is sent with each."""
    return values


def worker() -> tuple[str, int]:
    """The address of this worker, and the blocks that it computes at once."""
    from distributed import get_worker

    try:
        here = get_worker()
    except ValueError:  # called by itself
        return "", 1
    return here.address, here.state.nthreads


def examples_on(backend: Backend, where: Where, pieces: Sequence[Piece]) -> Examples:
    """The examples of a task, where a backend computes."""
    sources = _sources(where, pieces)
    if backend.library != "numpy":
        sources = [None if each is None else StreamedSource(each, backend) for each in sources]
    X, Y, weights = sources
    assert X is not None
    return Examples(X, X if Y is None else Y, weights)


def _sources(where: Where, pieces: Sequence[Piece]) -> list[Any]:
    found: list[Any] = []
    for place, stored in enumerate(where.stored):
        own = [(start, each.sources[place]) for start, each in pieces]
        here = [(start, source) for start, source in own if source is not None]
        if stored is not None:
            # As examples of a file are shuffled in one process: those of X contiguous.
            source = cached(stored, where.chunk, rows=place == 0)
            found.append(RangeSource(source, *where.run) if where.run else source)
        else:
            found.append(joined_pieces(here, where.m) if here else None)
    return found


class _Chosen:
    """The chosen examples of a range of blocks, of m of a mini-batch."""

    in_memory = True

    def __init__(self, examples: Examples, chosen: np.ndarray, first: int, m: int) -> None:
        self._batch, self._first, self.m = Batch(examples, chosen), first, m

    def block(self, start: int, stop: int) -> tuple[Array, Array, Array | None]:
        """X, Y and weights of examples start to stop - 1 of the batch."""
        return self._batch.block(start - self._first, stop - self._first)


def _begin() -> int:
    """Bytes read so far, when a task begins."""
    CHUNKS.begin(room())
    return CHUNKS.read


def _on_host(node: Node, backend: Backend) -> Node:
    value = node.value
    return (
        node
        if backend.library == "numpy"
        else node._replace(value=tuple(map(backend.to_host, value)))
    )
