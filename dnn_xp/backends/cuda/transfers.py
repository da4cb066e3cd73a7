"""The functions of CuPy for :mod:`dnn_xp.backends.staging`: pinned memory, a copy stream and events."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.backends.staging import Bytes, Event, Transfers
from dnn_xp.formulas.types import Array

# cudaErrorMemoryAllocation, which CuPy does not name in Python.
_NO_MEMORY = 2


def transfers(index: int) -> Transfers:
    """Copies to one device while the calling thread's current stream computes."""
    import cupy

    device = cupy.cuda.Device
    with device(index):
        compute_stream = cupy.cuda.get_current_stream()
        # Without non_blocking this stream and the default stream would wait for each other.
        copy_stream = cupy.cuda.Stream(non_blocking=True)

    def pinned(nbytes: int) -> Bytes:
        try:
            memory = cupy.cuda.alloc_pinned_memory(nbytes)
        except cupy.cuda.runtime.CUDARuntimeError as error:
            if error.status != _NO_MEMORY:
                raise
            msg = f"no {nbytes} bytes of page-locked host memory: {error}"
            raise MemoryError(msg) from error
        return np.frombuffer(memory, np.uint8, nbytes)

    def empty(nbytes: int) -> Array:
        # Pooled memory belongs to a stream, and the reading thread has another current one.
        with device(index), compute_stream:
            return cupy.empty(nbytes, dtype=cupy.uint8)

    def copy(to: Array, of: Bytes) -> None:
        to.set(of, stream=copy_stream)

    def record(stream: Any) -> Event:
        with device(index):
            # A waiting host thread blocks instead of spinning: other threads compute.
            event = cupy.cuda.Event(block=True, disable_timing=True)
            event.record(stream)
        return event

    def make_wait(stream: Any, event: Event) -> None:
        with device(index):
            stream.wait_event(event)

    return Transfers(
        pinned=pinned,
        empty=empty,
        copy=copy,
        record_copy=lambda: record(copy_stream),
        record_compute=lambda: record(compute_stream),
        copy_waits_for=lambda event: make_wait(copy_stream, event),
        compute_waits_for=lambda event: make_wait(compute_stream, event),
        host_waits_for=lambda event: event.synchronize(),
    )
