"""Hands out blocks of examples to whichever thread asks next: read by that thread, or ahead by another."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

Range = tuple[int, int]
Read = Callable[[int, int], tuple[Any, ...]]


class Blocks:
    """Hands out (index, what `read` gave for the block)."""

    def __init__(self, ranges: list[Range], read: Read) -> None:
        # A deque gives each entry to one thread alone, with an interpreter lock or without.
        self._ranges = deque(enumerate(ranges))
        self._read = read

    def __iter__(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        while True:
            try:
                index, (start, stop) = self._ranges.popleft()
            except IndexError:
                return
            yield index, self._read(start, stop)

    def stop(self) -> None:
        """Hand out no more."""
        self._ranges.clear()


class BlocksReadAhead:
    """The same, with blocks read on a thread of their own while earlier ones are computed."""

    def __init__(self, ranges: list[Range], read: Read, depth: int) -> None:
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
            try:
                arguments = future.result()
            finally:
                del future  # an error must not be held by this frame, which it holds itself
            with self._lock:
                self._submit()
            yield index, arguments
            del arguments  # a block must not outlive its turn: peak memory is counted in blocks

    def stop(self) -> None:
        """Hand out no more, and wait for the reading thread."""
        with self._lock:
            self._ranges = enumerate([])
            self._pending.clear()
        self._reader.shutdown(wait=True, cancel_futures=True)
