"""CuPy's part of :mod:`dnn_xp.backends.staging`: pinned memory, a copy stream and events."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnn_xp.backends.staging import Bytes, Event, Transfers
from dnn_xp.formulas.types import Array

# cudaErrorMemoryAllocation; CuPy gives it no name in Python.
_NO_MEMORY = 2


def transfers(index: int) -> Transfers:
    """Copies to one device beside what is computed on the stream that is current now, in this thread."""
    import cupy

    device = cupy.cuda.Device
    with device(index):
        compute = cupy.cuda.get_current_stream()
        # Without non_blocking it would wait for all work of the default stream, and that for it.
        copying = cupy.cuda.Stream(non_blocking=True)

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
        # The pool keeps freed memory by stream, and this runs in the thread that reads.
        with device(index), compute:
            return cupy.empty(nbytes, dtype=cupy.uint8)

    def copy(to: Array, of: Bytes) -> None:
        to.set(of, stream=copying)

    def record(stream: Any) -> Event:
        with device(index):
            # A host that waits sleeps: the other threads have work.
            event = cupy.cuda.Event(block=True, disable_timing=True)
            event.record(stream)
        return event

    def hold_back(stream: Any, event: Event) -> None:
        with device(index):
            stream.wait_event(event)

    return Transfers(
        pinned=pinned,
        empty=empty,
        copy=copy,
        record_copy=lambda: record(copying),
        record_compute=lambda: record(compute),
        copy_waits_for=lambda event: hold_back(copying, event),
        compute_waits_for=lambda event: hold_back(compute, event),
        host_waits_for=lambda event: event.synchronize(),
    )
