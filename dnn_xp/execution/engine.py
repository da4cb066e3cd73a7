"""Sums a function over blocks of examples, in a fixed order, on all cores.

The engine knows no formula and no array library. It cuts m examples into blocks, calls a function on
each block, and adds up the results. A block fits into the caches, and several are computed at once,
each on a Python thread with one BLAS thread. The sum is taken along a binary tree over the block
numbers, so that neither the number of threads nor the order in which blocks finish changes a bit of
it. The rounding error of a pairwise sum over n blocks is O(log n) instead of O(n).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from dnn_xp.backends.parallel_for import parallel_for
from dnn_xp.execution.blas_threads import OneBlasThread
from dnn_xp.execution.block_queue import BlockQueue, Range, Read, ReadAheadQueue
from dnn_xp.execution.tree import Contribution, Node, Tree, add
from dnn_xp.execution.workers import Work, Workers

Result = TypeVar("Result")


def block_ranges(
    m: int, block_size: int, blocks: tuple[int, int] | None = None
) -> list[tuple[int, int]]:
    """Consecutive blocks of [0, m), the last of which may be smaller; all, or numbers first to last - 1."""
    first, last = blocks or (0, -(-m // block_size))
    return [(k * block_size, min((k + 1) * block_size, m)) for k in range(first, last)]


def blocks_in_flight(threads: int) -> int:
    """Blocks in memory where they are read ahead: those being computed, as many read, and one more."""
    return 2 * threads + 1


class Engine:
    """Folds and maps functions over blocks of examples; use it as a context manager.

    Ctrl-C may interrupt the calling thread anywhere: no thread stays behind, and BLAS gets its
    threads back; see :mod:`dnn_xp.execution.workers`.

    Parameters
    ----------
    threads : int
        Blocks computed at once, each on a Python thread. The function of a block that is alone may
        use them for parts of its own, see :mod:`dnn_xp.backends.parallel_for`. None is started before
        there is work for it.

    Attributes
    ----------
    threads : int
        The same, or as many as the system could start.
    """

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self._helpers = Workers("dnn_xp")
        self._reader = Workers("dnn_xp-reader")
        self._one_blas_thread = OneBlasThread()

    def __enter__(self) -> Self:
        try:
            self._one_blas_thread.acquire()
        except BaseException:  # Ctrl-C, on the way out of `acquire` as well
            self._one_blas_thread.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._helpers.close()
            self._reader.close()
        except BaseException:
            # A second Ctrl-C does not wait: threads at work end with their block.
            self._helpers.stop()
            self._reader.stop()
            raise
        finally:
            _surely(self._restore)

    def _restore(self) -> None:
        if parallel_for.get() == self._parallel_for:  # Ctrl-C came before `_alone` took it back
            parallel_for.set(None)
        self._one_blas_thread.release()

    def fold(
        self,
        function: Callable[..., Contribution],
        read: Read,
        m: int,
        block_size: int,
        *,
        combine: Callable[[Contribution, Contribution], Contribution] = add,
        read_ahead: bool = False,
    ) -> Contribution:
        """Sum of function(*read(start, stop)) over the blocks of [0, m), along a fixed tree.

        `function` gives its result away: sums are written into it.
        """
        if block_size >= m:
            if not read_ahead:
                return self._alone(function, *read(0, m))
            function = partial(self._alone, function)
        ranges = block_ranges(m, block_size)
        return self._tree(function, read, ranges, 0, combine, read_ahead).total()

    def nodes(
        self,
        function: Callable[..., Contribution],
        read: Read,
        m: int,
        block_size: int,
        blocks: tuple[int, int],
        *,
        combine: Callable[[Contribution, Contribution], Contribution] = add,
        read_ahead: bool = False,
    ) -> list[Node]:
        """The part of `fold` that blocks first to last - 1 make: the nodes of its tree below which all are theirs.

        `total` of the nodes of all parts has the bits of `fold`, wherever the parts were computed.
        """
        if block_size >= m:
            value = self.fold(function, read, m, block_size, read_ahead=read_ahead)
            return [Node(0, 0, value)]
        ranges = block_ranges(m, block_size, blocks)
        return self._tree(function, read, ranges, blocks[0], combine, read_ahead).nodes()

    def _tree(
        self,
        function: Callable[..., Contribution],
        read: Read,
        ranges: list[Range],
        first: int,
        combine: Callable[[Contribution, Contribution], Contribution],
        read_ahead: bool,
    ) -> Tree:
        """The contributions of blocks `first`, `first` + 1, ... of these ranges, added where both are there."""
        tree = Tree(combine)

        def add_to_tree(index: int, arguments: tuple[Any, ...]) -> None:
            tree.put(first + index, function(*arguments))

        self._run(add_to_tree, read, ranges, read_ahead)
        return tree

    def map(
        self,
        function: Callable[..., Any],
        read: Read,
        m: int,
        block_size: int,
        *,
        read_ahead: bool = False,
    ) -> list[Any]:
        """[function(*read(start, stop)) for every block of [0, m)], in the order of the blocks."""
        if block_size >= m:
            function = partial(self._alone, function)
        results: dict[int, Any] = {}

        def keep(index: int, arguments: tuple[Any, ...]) -> None:
            results[index] = function(*arguments)

        self._run(keep, read, block_ranges(m, block_size), read_ahead)
        return [results[index] for index in range(len(results))]

    def _alone(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """function(*arguments), which may use the engine's threads for parts of its own."""
        before = parallel_for.get()
        try:
            parallel_for.set(self._parallel_for)
            return function(*arguments)
        finally:
            parallel_for.set(before)

    def _parallel_for(self, work: Callable[[int], None], count: int) -> None:
        self._run(lambda part, _: work(part), lambda start, stop: (), block_ranges(count, 1), False)

    def _run(
        self,
        consume: Callable[[int, tuple[Any, ...]], None],
        read: Read,
        ranges: list[Range],
        read_ahead: bool,
    ) -> None:
        blocks: BlockQueue | ReadAheadQueue
        if read_ahead and self._reader.grow(1):
            blocks = ReadAheadQueue(ranges, read, self.threads + 1, self._reader)
        else:
            blocks = BlockQueue(ranges, read)
        failures: list[BaseException] = []

        def work() -> None:
            try:
                for index, arguments in blocks:
                    consume(index, arguments)
                    del arguments
            except BaseException as error:  # kept and raised below, Ctrl-C included
                failures.append(error)
                blocks.stop()

        try:
            helpers = self._help(work, min(self.threads, len(ranges)) - 1)
            work()
            if helpers is not None:
                helpers.wait()
        finally:
            _surely(blocks.stop)
            blocks.join()
        if failures:
            try:
                raise _to_raise(failures)
            finally:
                # Break the cycle of the error, its traceback and this frame, so that the failed
                # block is freed now, not at the next collection.
                failures.clear()

    def _help(self, work: Callable[[], None], count: int) -> Work | None:
        """Have up to `count` helpers work beside the calling thread."""
        if count == 0:
            return None
        started = self._helpers.grow(count)
        if started < count:
            self.threads = 1 + started
        return self._helpers.submit(work, min(count, started))


def _to_raise(failures: list[BaseException]) -> BaseException:
    """The first, but Ctrl-C before all: the caller may handle the others and go on."""
    return next((each for each in failures if isinstance(each, KeyboardInterrupt)), failures[0])


def _surely(action: Callable[[], None]) -> None:
    """Call an action that may be called again after an interruption; it ends even if Ctrl-C comes."""
    try:
        action()
    except BaseException:
        action()
        raise
