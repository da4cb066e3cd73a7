"""Sums a function over blocks of examples, in a fixed order, on all cores.

The engine knows no formula. It cuts m examples into blocks, calls a function on each block and adds
up what comes back. Blocks stay in cache, several run at once (one Python thread each, BLAS held to
one thread), and the sum is taken along a binary tree over the block numbers, so that neither the
number of threads nor the order in which blocks happen to finish can change a bit of the result. A
pairwise tree also keeps the rounding of a sum over n blocks at O(log n) instead of O(n).
"""

from __future__ import annotations

import operator
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from dnn_xp.backends.numpy.backend import UFUNC_BUFFER, keep_freed_memory, set_ufunc_buffer
from dnn_xp.backends.numpy.parts import lent
from dnn_xp.execution.blas_threads import one_blas_thread
from dnn_xp.execution.block_queue import Blocks, BlocksReadAhead, Read

Result = TypeVar("Result")
Contribution = tuple[Any, ...]


def block_ranges(m: int, block_size: int) -> list[tuple[int, int]]:
    """Cut [0, m) into consecutive blocks; the last one may be ragged.

    >>> block_ranges(7, 3)
    [(0, 3), (3, 6), (6, 7)]
    """
    return [(start, min(start + block_size, m)) for start in range(0, m, block_size)]


def blocks_in_flight(threads: int) -> int:
    """Blocks at once where they are read ahead: those being computed, and one more waiting."""
    return 2 * threads + 1


def add(left: Contribution, right: Contribution) -> Contribution:
    """Entry by entry sum of two contributions, into the left one where its library can."""
    return tuple(map(operator.iadd, left, right))


class _Tree:
    """Adds contributions along a binary tree over block numbers, whatever order they arrive in.

    Node (level, i) is the sum of nodes (level - 1, 2 i) and (level - 1, 2 i + 1). A node waits for
    its sibling; at most about log2(blocks) + threads wait at any time.
    """

    def __init__(self, combine: Callable[[Contribution, Contribution], Contribution]) -> None:
        self._combine = combine
        self._waiting: dict[tuple[int, int], Contribution] = {}
        self._lock = threading.Lock()

    def put(self, index: int, value: Contribution) -> None:
        level = 0
        while True:
            with self._lock:
                sibling = self._waiting.pop((level, index ^ 1), None)
                if sibling is None:
                    self._waiting[level, index] = value
                    return
            value = self._combine(sibling, value) if index & 1 else self._combine(value, sibling)
            level, index = level + 1, index >> 1

    def total(self) -> Contribution:
        # What waits at the end are the left-over subtrees of a block count that is no power of two:
        # one a level, the lowest level rightmost.
        nodes = [self._waiting[key] for key in sorted(self._waiting)]
        total = nodes[0]
        for node in nodes[1:]:
            total = self._combine(node, total)
        return total


# What a waiting thread does to stay awake: 10 us of work that needs neither interpreter lock nor memory.
_NAP = bytes(1 << 16)
_NAPS = 20


def _wait(helpers: list[Future[None]]) -> None:
    """Wait for all, the first 0.2 ms awake.

    To fall asleep and be woken takes a thread some 50 us, a tenth of a step that shares two
    products. Helpers mostly have a part of a product left when the calling thread has none.
    """
    for _ in range(_NAPS):
        if all(helper.done() for helper in helpers):
            return
        zlib.crc32(_NAP)
    wait(helpers)


class Engine:
    """Folds and maps functions over blocks of examples; use it as a context manager.

    Parameters
    ----------
    threads : int
        Blocks computed at once, each on a Python thread. The threads are lent to the function of a
        block that is alone, see :mod:`dnn_xp.backends.numpy.parts`. None is started before there is work
        for it.
    """

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._helpers = 0

    def __enter__(self) -> Self:
        keep_freed_memory()
        # A setting of this thread alone; it goes to the helpers with the context.
        self._users_buffer = set_ufunc_buffer(UFUNC_BUFFER)
        one_blas_thread.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close_pool()
        set_ufunc_buffer(self._users_buffer)
        one_blas_thread.release()

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

        What `function` returns is the engine's from then on: sums are taken into it.
        """
        if block_size >= m:
            if not read_ahead:
                return self._alone(function, *read(0, m))
            function = partial(self._alone, function)
        tree = _Tree(combine)
        self._run(
            lambda index, arguments: tree.put(index, function(*arguments)),
            read,
            m,
            block_size,
            read_ahead,
        )
        return tree.total()

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

        self._run(keep, read, m, block_size, read_ahead)
        return [results[index] for index in range(len(results))]

    def _alone(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """function(*arguments), which may put the engine's threads to work on parts of its own."""
        before = lent.set(self._share)
        try:
            return function(*arguments)
        finally:
            lent.reset(before)

    def _share(self, work: Callable[[int], None], count: int) -> None:
        self._run(lambda part, _: work(part), lambda start, stop: (), count, 1, False)

    def _run(
        self,
        consume: Callable[[int, tuple[Any, ...]], None],
        read: Read,
        m: int,
        block_size: int,
        read_ahead: bool,
    ) -> None:
        ranges = block_ranges(m, block_size)
        blocks: Blocks | BlocksReadAhead
        blocks = (
            BlocksReadAhead(ranges, read, self.threads + 1) if read_ahead else Blocks(ranges, read)
        )

        failures: list[BaseException] = []

        def work() -> None:
            try:
                for index, arguments in blocks:
                    consume(index, arguments)
                    del arguments
            except BaseException as error:  # kept and raised below, Ctrl-C included
                failures.append(error)
                blocks.stop()

        helpers = self._start(work, min(self.threads, len(ranges)) - 1)
        try:
            work()
            _wait(helpers)
        finally:
            blocks.stop()
        if failures:
            try:
                raise failures[0]
            finally:
                # Or the error would hold this frame, this frame the error, and both the failed block.
                failures.clear()

    def _start(self, work: Callable[[], None], count: int) -> list[Future[None]]:
        """Have `count` helpers work besides the calling thread."""
        if count == 0:
            return []
        if self._pool is None or count > self._helpers:
            self._close_pool()
            # No larger than this: a pool starts a thread more while one is about to become idle.
            self._pool = ThreadPoolExecutor(count, thread_name_prefix="dnn_xp")
            self._helpers = count
        # With the caller's context, so that np.errstate and the buffer's size hold on every thread.
        return [self._pool.submit(copy_context().run, work) for _ in range(count)]

    def _close_pool(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool, self._helpers = None, 0
