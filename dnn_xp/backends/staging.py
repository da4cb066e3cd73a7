"""Blocks that travel to a device while earlier ones are computed: buffers used in turn, and who waits for what.

A GPU copies while it computes where the host memory is page-locked ("pinned") and the copy is on a
stream of its own. Nothing then happens in order by itself, so each buffer, which is a piece of
pinned memory and one as large on the device, is guarded by two events:

    host fills the pinned piece       after its last copy has ended                 (host waits)
    copy into the device piece        after the arithmetic on what was there before (copy stream waits)
    arithmetic on the device piece    after this copy                               (compute stream waits)

The arithmetic of one block is what a copy waits for, never all that the compute stream has been
given: the thread that computes issues work far ahead of the device, and waiting for all of it would
let copies and arithmetic take turns.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.formulas.types import Array

Bytes = npt.NDArray[np.uint8]
Event = Any


class Transfers(NamedTuple):
    """What a library must be able to do for copies beside arithmetic; errors are exceptions.

    Attributes
    ----------
    pinned : callable
        So many bytes of page-locked host memory.
    empty : callable
        So many bytes on the device, allocated in the order of the compute stream.
    copy : callable
        Issue, on the copy stream, the copy to the device bytes (first) from the pinned ones.
    record_copy, record_compute : callable
        An event: all that has been issued so far on that stream.
    copy_waits_for, compute_waits_for : callable
        Hold back what will be issued on that stream until the event.
    host_waits_for : callable
        Return after the event.
    """

    pinned: Callable[[int], Bytes]
    empty: Callable[[int], Array]
    copy: Callable[[Array, Bytes], None]
    record_copy: Callable[[], Event]
    record_compute: Callable[[], Event]
    copy_waits_for: Callable[[Event], None]
    compute_waits_for: Callable[[Event], None]
    host_waits_for: Callable[[Event], None]


@dataclass(slots=True, eq=False)
class _Buffer:
    """Pinned memory and device memory of the same size, and the events that guard them."""

    pinned: Bytes
    device: Array
    used: Event
    copied: Event | None = None
    block: Callable[[], Arriving | None] = lambda: None

    def settle(self, transfers: Transfers) -> None:
        """Return when no copy reads or writes this memory: it may be filled or let go."""
        if self.copied is not None:
            transfers.host_waits_for(self.copied)


class Arriving:
    """A block on its way to the device, to be received by the thread that computes, right before use."""

    __slots__ = ("__weakref__", "_array", "_buffer", "_transfers")

    def __init__(self, array: Array, buffer: _Buffer, transfers: Transfers) -> None:
        self._array, self._buffer, self._transfers = array, buffer, transfers

    def receive(self) -> Array:
        """The block (n, k), valid for what is issued on the compute stream until it is released."""
        self._transfers.compute_waits_for(self._buffer.copied)
        return self._array

    def release(self) -> None:
        """All arithmetic on the block has been issued: after it the memory is for another block."""
        self._buffer.used = self._transfers.record_compute()
        self._buffer.block = lambda: None


class Waiting:
    """A block that nothing has to bring: taken where it lies, by the thread that computes."""

    __slots__ = ("_take",)

    def __init__(self, take: Callable[[], Array]) -> None:
        self._take = take

    def receive(self) -> Array:
        """The block (n, k)."""
        return self._take()

    def release(self) -> None:
        """Nobody waits for its memory."""


_COMING = (Arriving, Waiting)


@contextmanager
def received(*blocks: Any) -> Iterator[tuple[Any, ...]]:
    """Blocks that may be on their way, for the arithmetic that is issued inside."""
    coming = [each for each in blocks if isinstance(each, _COMING)]
    try:
        yield tuple(each.receive() if isinstance(each, _COMING) else each for each in blocks)
    finally:
        # After an error, too: some of the arithmetic may have been issued.
        for each in coming:
            each.release()


def receiving(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function of a block for arguments that may be on their way.

    What it returns must not be a view of its arguments: their memory goes to the next blocks.
    """

    def of_arrived(*arguments: Any) -> Any:
        with received(*arguments) as arrived:
            return function(*arrived)

    return of_arrived


class Staging:
    """Puts the blocks of one source on the device, in buffers that are used in turn.

    Parameters
    ----------
    transfers : Transfers
        Of one library and device, with a copy stream of their own.
    count : int
        Buffers in turn: the blocks that are read ahead and computed. More are made only where more
        blocks are on their way at once.
    """

    def __init__(self, transfers: Transfers, count: int) -> None:
        self._transfers = transfers
        self._count = count
        # In the order of their last use: the first one is the soonest to be free on the device.
        self._buffers: deque[_Buffer] = deque()
        self._lock = threading.Lock()
        # A copy nobody received, after an error, may still write: not into memory that is another's.
        weakref.finalize(self, _settle, self._buffers, transfers).atexit = False

    def __call__(self, block: npt.NDArray[Any]) -> Arriving:
        """Issue the copy of a block (n, k); it keeps its dtype and the order of its axes in memory."""
        do = self._transfers
        with self._lock:
            buffer = self._free_buffer(block.nbytes)
            self._buffers.append(buffer)
            arriving = Arriving(_laid_out(buffer.device, block), buffer, do)
            buffer.block = weakref.ref(arriving)
            np.copyto(_laid_out(buffer.pinned, block), block)
            do.copy_waits_for(buffer.used)
            do.copy(buffer.device[: block.nbytes], buffer.pinned[: block.nbytes])
            buffer.copied = do.record_copy()
        return arriving

    def _free_buffer(self, nbytes: int) -> _Buffer:
        """A buffer of that size at least that nothing reads or writes on the host, out of the queue."""
        free = None
        if len(self._buffers) >= self._count:
            free = next((each for each in self._buffers if each.block() is None), None)
        if free is not None:
            free.settle(self._transfers)
            self._buffers.remove(free)
            if len(free.pinned) >= nbytes:
                return free
            # The smaller one first, so that both need not fit.
            del free
        device = self._transfers.empty(nbytes)
        # Memory of a stream's pool may still be in use by work issued before it was freed.
        return _Buffer(self._transfers.pinned(nbytes), device, self._transfers.record_compute())

    def forget(self) -> None:
        """Let all buffers go; those of blocks on their way follow when these are through."""
        with self._lock:
            _settle(self._buffers, self._transfers)
            self._buffers.clear()


def _settle(buffers: deque[_Buffer], transfers: Transfers) -> None:
    for buffer in buffers:
        buffer.settle(transfers)


def _laid_out(memory: Array, block: npt.NDArray[Any]) -> Array:
    """The first bytes of some memory with the shape, dtype and order of axes of a block."""
    n, k = block.shape
    values = memory[: block.nbytes].view(block.dtype)
    if block.strides[0] < block.strides[1]:
        return values.reshape(k, n).T
    return values.reshape(n, k)


class Stage:
    """Makes the stagings of a device, and lets the buffers of all of them go when memory ran out."""

    def __init__(self, transfers: Callable[[], Transfers]) -> None:
        self._transfers = transfers
        self._stagings: weakref.WeakSet[Staging] = weakref.WeakSet()

    def __call__(self, count: int) -> Staging:
        """A staging for one source, with so many buffers in turn."""
        staging = Staging(self._transfers(), count)
        self._stagings.add(staging)
        return staging

    def forget(self) -> None:
        """Let the buffers of all stagings go."""
        for staging in list(self._stagings):
            staging.forget()
