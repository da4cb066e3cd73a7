"""Hands out blocks of examples to whichever thread asks next: read by that thread, or ahead by another."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

from dnn_xp.execution.workers import Workers

Range = tuple[int, int]
Read = Callable[[int, int], tuple[Any, ...]]


class BlockQueue:
    """Hands out (index, what `read` returned for the block) in the order of the blocks."""

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

    def join(self) -> None:
        """Wait for nothing: each thread reads for itself."""


# What a slot holds in the end: a block, the error of reading it, or neither after a stop.
_Slot = SimpleQueue[tuple[tuple[Any, ...] | None, BaseException | None]]


class ReadAheadQueue:
    """The same, with blocks read on a thread of their own while earlier ones are computed.

    Parameters
    ----------
    ranges, read
        As above.
    depth : int
        Blocks read ahead.
    reader : Workers
        One thread, which `read` is called on.
    """

    def __init__(self, ranges: list[Range], read: Read, depth: int, reader: Workers) -> None:
        self._ranges = deque(enumerate(ranges))
        self._read = read
        self._reader = reader
        self._stopped = False
        self._lock = threading.Lock()
        self._pending: deque[tuple[int, _Slot]] = deque()
        for _ in range(min(depth, len(ranges))):
            self._submit()

    def _submit(self) -> None:
        if not self._ranges:
            return
        index, (start, stop) = self._ranges.popleft()
        slot: _Slot = SimpleQueue()
        # The reader fills every slot that it is given, so that no thread waits for it forever.
        self._reader.submit(lambda: self._fill(slot, start, stop))
        self._pending.append((index, slot))

    def _fill(self, slot: _Slot, start: int, stop: int) -> None:
        if self._stopped:
            slot.put((None, None))
            return
        try:
            slot.put((self._read(start, stop), None))
        except BaseException as error:  # raised by the thread that asks for the block
            slot.put((None, error))

    def __iter__(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        while True:
            with self._lock:
                if not self._pending:
                    return
                index, slot = self._pending.popleft()
            arguments, error = slot.get()
            if error is not None:
                try:
                    raise error
                finally:
                    del error  # break the cycle of the error, its traceback and this frame
            if arguments is None:
                return
            with self._lock:
                self._submit()
            yield index, arguments
            del arguments  # a block must not outlive its turn: peak memory is counted in blocks

    def stop(self) -> None:
        """Hand out no more."""
        self._stopped = True
        with self._lock:
            self._ranges.clear()
            self._pending.clear()

    def join(self) -> None:
        """Wait for the block that is being read."""
        self._reader.submit(_nothing).wait()


def _nothing() -> None:
    """A task whose end says that the tasks before it have ended."""


def read_ahead(
    ranges: list[Range], read: Read, depth: int
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The blocks in order, `depth` of them read ahead on a thread that ends with this iterator."""
    reader = Workers("dnn_xp-reader")
    try:
        if not reader.grow(1):
            yield from BlockQueue(ranges, read)
            return
        blocks = ReadAheadQueue(ranges, read, depth, reader)
        try:
            yield from blocks
        finally:
            blocks.stop()
    finally:
        reader.close()
