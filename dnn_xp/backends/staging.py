"""Copies of blocks to a device while earlier blocks are computed: a ring of buffers, and their events.

A GPU copies while it computes if the host memory is page-locked ("pinned") and the copy is on a
stream of its own. Streams are not ordered with each other, so two events guard each buffer, which
is a piece of pinned memory and one of the same size on the device:

    host fills the pinned piece       after the last copy from it                     (host waits)
    copy to the device piece          after the arithmetic on the block before        (copy stream waits)
    arithmetic on the device piece    after this copy                                 (compute stream waits)

A copy waits for the arithmetic on one block, not for all work of the compute stream: the host
issues work far ahead of the device, and waiting for all of it would serialize copies and
arithmetic.
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
    """What a library provides for asynchronous copies; errors are exceptions.

    Attributes
    ----------
    pinned : callable
        Allocates page-locked host memory of a number of bytes.
    empty : callable
        Allocates a number of bytes on the device, in the order of the compute stream.
    copy : callable
        Issues, on the copy stream, a copy to device memory (first) from pinned memory.
    record_copy, record_compute : callable
        Return the event that all work issued so far on that stream is done.
    copy_waits_for, compute_waits_for : callable
        Make later work of that stream wait for the event.
    host_waits_for : callable
        Blocks the calling thread until the event.
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
    """Pinned and device memory of one size, and the events of their last use and last copy."""

    pinned: Bytes
    device: Array
    used: Event
    copied: Event | None = None
    block: Callable[[], TransferInFlight | None] = lambda: None

    def wait_for_copy(self, transfers: Transfers) -> None:
        """Block until no copy reads or writes this memory."""
        if self.copied is not None:
            transfers.host_waits_for(self.copied)


class TransferInFlight:
    """A block whose copy to the device was issued; the computing thread receives it right before use."""

    __slots__ = ("__weakref__", "_array", "_buffer", "_transfers")

    def __init__(self, array: Array, buffer: _Buffer, transfers: Transfers) -> None:
        self._array, self._buffer, self._transfers = array, buffer, transfers

    def receive(self) -> Array:
        """The block (n, k), for work issued on the compute stream before `release`."""
        self._transfers.compute_waits_for(self._buffer.copied)
        return self._array

    def release(self) -> None:
        """All work on the block was issued: the buffer may be reused after that work."""
        self._buffer.used = self._transfers.record_compute()
        self._buffer.block = lambda: None


class DeferredBlock:
    """A block that is on the device already; the computing thread reads it right before use."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[], Array]) -> None:
        self._read = read

    def receive(self) -> Array:
        """The block (n, k)."""
        return self._read()

    def release(self) -> None:
        """There is no buffer to reuse."""


_PENDING = (TransferInFlight, DeferredBlock)


@contextmanager
def received(*blocks: Any) -> Iterator[tuple[Any, ...]]:
    """Receive the pending ones of some blocks, for work issued in this context; then release them."""
    pending = [each for each in blocks if isinstance(each, _PENDING)]
    try:
        yield tuple(each.receive() if isinstance(each, _PENDING) else each for each in blocks)
    finally:
        # After an error, too: some of the work may have been issued.
        for each in pending:
            each.release()


def receiving(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function of a block, for arguments that may be pending.

    It must not return a view of its arguments: their memory is reused for later blocks.
    """

    def on_received(*arguments: Any) -> Any:
        with received(*arguments) as arrays:
            return function(*arrays)

    return on_received


class Staging:
    """Copies the blocks of one source to the device, through a ring of buffers.

    Parameters
    ----------
    transfers : Transfers
        The copies of one library and device, on a stream of their own.
    count : int
        Buffers of the ring: the blocks read ahead and those computed. More are made only while more
        blocks are in flight.
    """

    def __init__(self, transfers: Transfers, count: int) -> None:
        self._transfers = transfers
        self._count = count
        # In the order of their last use: the first is free soonest.
        self._buffers: deque[_Buffer] = deque()
        self._lock = threading.Lock()
        # After an error a copy may still be running: its memory must not be freed before it ends.
        weakref.finalize(self, _wait_for_copies, self._buffers, transfers).atexit = False

    def __call__(self, block: npt.NDArray[Any]) -> TransferInFlight:
        """Issue the copy of a block (n, k), which keeps its dtype and memory order."""
        do = self._transfers
        with self._lock:
            buffer = self._free_buffer(block.nbytes)
            self._buffers.append(buffer)
            transfer = TransferInFlight(_with_layout(buffer.device, block), buffer, do)
            buffer.block = weakref.ref(transfer)
            np.copyto(_with_layout(buffer.pinned, block), block)
            do.copy_waits_for(buffer.used)
            do.copy(buffer.device[: block.nbytes], buffer.pinned[: block.nbytes])
            buffer.copied = do.record_copy()
        return transfer

    def _free_buffer(self, nbytes: int) -> _Buffer:
        """A buffer of at least that size, out of the queue, whose last copy has ended."""
        free = None
        if len(self._buffers) >= self._count:
            free = next((each for each in self._buffers if each.block() is None), None)
        if free is not None:
            free.wait_for_copy(self._transfers)
            self._buffers.remove(free)
            if len(free.pinned) >= nbytes:
                return free
            # Free the smaller one first: both may not fit.
            del free
        device = self._transfers.empty(nbytes)
        # Pooled memory may still be in use by work issued before it was freed.
        return _Buffer(self._transfers.pinned(nbytes), device, self._transfers.record_compute())

    def free_buffers(self) -> None:
        """Free all buffers; a buffer in use is freed when its transfer is released."""
        with self._lock:
            _wait_for_copies(self._buffers, self._transfers)
            self._buffers.clear()


def _wait_for_copies(buffers: deque[_Buffer], transfers: Transfers) -> None:
    for buffer in buffers:
        buffer.wait_for_copy(transfers)


def _with_layout(memory: Array, block: npt.NDArray[Any]) -> Array:
    """The first bytes of some memory as an array with the shape, dtype and memory order of a block."""
    n, k = block.shape
    values = memory[: block.nbytes].view(block.dtype)
    if block.strides[0] < block.strides[1]:
        return values.reshape(k, n).T
    return values.reshape(n, k)


class Stage:
    """Makes the stagings of a device; frees the buffers of all of them when memory ran out."""

    def __init__(self, transfers: Callable[[], Transfers]) -> None:
        self._transfers = transfers
        self._stagings: weakref.WeakSet[Staging] = weakref.WeakSet()

    def __call__(self, count: int) -> Staging:
        """A staging for one source, with a ring of that many buffers."""
        staging = Staging(self._transfers(), count)
        self._stagings.add(staging)
        return staging

    def free_buffers(self) -> None:
        """Free the buffers of all stagings."""
        for staging in list(self._stagings):
            staging.free_buffers()
