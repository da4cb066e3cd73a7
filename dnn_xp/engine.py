"""Sums a function over blocks of examples, in a fixed order, on all cores.

The engine knows no formula. It cuts m examples into blocks, calls a function on each block and adds
up what comes back. Blocks stay in cache, several run at once (one Python thread each, BLAS held to
one thread), and the sum is taken along a binary tree over the block numbers, so that neither the
number of threads nor the order in which blocks happen to finish can change a bit of the result. A
pairwise tree also keeps the rounding of a sum over n blocks at O(log n) instead of O(n).
"""

from __future__ import annotations

import itertools
import operator
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from threadpoolctl import OpenBLASController, ThreadpoolController

from dnn_xp.backends.numpy import UFUNC_BUFFER, keep_freed_memory, set_ufunc_buffer
from dnn_xp.backends.parts import lent

Result = TypeVar("Result")
Contribution = tuple[Any, ...]
Read = Callable[[int, int], tuple[Any, ...]]


def default_threads() -> int:
    """Threads this process may use: its CPU affinity, and OMP_NUM_THREADS when that is smaller."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity call
        allowed = os.cpu_count() or 1
    # OpenMP allows a list for nested levels ("4,2"); the outermost one is meant here.
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return max(1, min(allowed, int(wanted))) if wanted.isdigit() else allowed


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


class _OneBlasThread:
    """Holds BLAS to one thread while at least one engine is at work in this process.

    The limit is a process-wide setting, so it is counted: the first engine in sets it, the last one
    out restores what was there before. That makes nested and concurrent engines safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._controller: ThreadpoolController | None = None
        self._limiter: Any = None
        self._modules = 0

    def acquire(self) -> None:
        with self._lock:
            if self._users == 0:
                if self._controller is None or self._modules != len(sys.modules):
                    # Looking for BLAS libraries takes milliseconds, hence only when something was
                    # imported that may have brought one, as SciPy does.
                    self._modules = len(sys.modules)
                    self._controller = ThreadpoolController().select(user_api="blas")
                with _any_thread_may_set():
                    self._limiter = self._controller.limit(limits=1)
            self._users += 1

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                with _any_thread_may_set():
                    self._limiter.restore_original_limits()


@contextmanager
def _any_thread_may_set() -> Iterator[None]:
    """Lift threadpoolctl's rule that the thread which has set OpenBLAS once is the only one that may.

    Since 3.8 the calls of all others do nothing while that thread lives: engines on a second thread
    would not be limited, and a limit that another thread has to restore would stay for good.
    """
    release = getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)
    release(force=True)
    yield
    release(force=True)


_one_blas_thread = _OneBlasThread()


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


class _Blocks:
    """Hands out (index, what `read` gave for the block) to whichever thread asks next."""

    def __init__(self, ranges: list[tuple[int, int]], read: Read) -> None:
        self._next = (
            itertools.count()
        )  # next() on a count is one atomic step under the interpreter lock
        self._ranges = ranges
        self._read = read

    def __iter__(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        while (index := next(self._next)) < len(self._ranges):
            yield index, self._read(*self._ranges[index])

    def stop(self) -> None:
        self._ranges = []


class _BlocksReadAhead:
    """The same, with blocks read on a thread of their own while earlier ones are computed."""

    def __init__(self, ranges: list[tuple[int, int]], read: Read, depth: int) -> None:
        self._ranges = enumerate(ranges)
        self._read = read
        self._lock = threading.Lock()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="dnn_xp-reader")
        self._pending: deque[tuple[int, Future[tuple[Any, ...]]]] = deque()
        for _ in range(depth):
            self._submit()

    def _submit(self) -> None:
        for index, (start, stop) in itertools.islice(self._ranges, 1):
            self._pending.append((index, self._reader.submit(self._read, start, stop)))

    def __iter__(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        while True:
            with self._lock:
                if not self._pending:
                    return
                index, future = self._pending.popleft()
            arguments = future.result()
            del future
            with self._lock:
                self._submit()
            yield index, arguments
            del arguments  # a block must not outlive its turn: peak memory is counted in blocks

    def stop(self) -> None:
        with self._lock:
            self._ranges = enumerate([])
            self._pending.clear()
        self._reader.shutdown(wait=True, cancel_futures=True)


class Engine:
    """Folds and maps functions over blocks of examples; use it as a context manager.

    Parameters
    ----------
    threads : int
        Blocks computed at once, each on a Python thread. The threads are lent to the function of a
        block that is alone, see :mod:`dnn_xp.backends.parts`. None is started before there is work
        for it.
    """

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        keep_freed_memory()
        # A setting of this thread alone; it goes to the helpers with the context.
        self._users_buffer = set_ufunc_buffer(UFUNC_BUFFER)
        _one_blas_thread.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        set_ufunc_buffer(self._users_buffer)
        _one_blas_thread.release()

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
        blocks: _Blocks | _BlocksReadAhead
        blocks = (
            _BlocksReadAhead(ranges, read, self.threads + 1)
            if read_ahead
            else _Blocks(ranges, read)
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

        helpers = [self._submit(work) for _ in range(min(self.threads, len(ranges)) - 1)]
        try:
            work()
            wait(helpers)
        finally:
            blocks.stop()
        if failures:
            raise failures[0]

    def _submit(self, work: Callable[[], None]) -> Future[None]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="dnn_xp")
        # With the caller's context, so that np.errstate and the buffer's size hold on every thread.
        return self._pool.submit(copy_context().run, work)
