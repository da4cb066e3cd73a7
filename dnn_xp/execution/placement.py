"""Placement of sources for a backend: copied to its device once if they fit, block by block if not."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from dnn_xp.backends.choice import backend_for_array
from dnn_xp.backends.record import Backend
from dnn_xp.backends.staging import DeferredBlock, TransferInFlight
from dnn_xp.data.host import is_array, library, to_host
from dnn_xp.data.sources.base import ArraySource, Source
from dnn_xp.data.sources.labels import LabelSource, code_dtype
from dnn_xp.data.sources.subset import RangeSource
from dnn_xp.execution.engine import blocks_in_flight
from dnn_xp.formulas.types import Array

# Share of free device memory for data; the rest is for blocks, gradients and the library.
_SHARE_FOR_DATA = 0.7
# Targets up to this many bytes are stored as columns of floats, larger ones as labels.
_SMALL = 16 << 20


class StreamedSource:
    """A source on the host whose blocks are copied to the device when they are read."""

    in_memory = False

    def __init__(self, source: Source, backend: Backend) -> None:
        self._source = source
        self._backend = backend
        self.n, self.m, self.dtype = source.n, source.m, source.dtype
        # Libraries with asynchronous copies compute on one thread.
        self._staging = None if backend.stage is None else backend.stage(blocks_in_flight(1))

    def block(self, start: int, stop: int) -> Array:
        """Examples start to stop - 1 on the device: (n, stop - start)."""
        return self._backend.from_host(_for_any_library(self._source.block(start, stop)))

    def block_ahead(self, start: int, stop: int) -> Array | TransferInFlight:
        """The same block, in flight if the library can copy while it computes."""
        if self._staging is None:
            return self.block(start, stop)
        return self._staging(_for_any_library(self._source.block(start, stop)))

    def gather(self, indices: np.ndarray) -> Array:
        """The examples at these positions, on the device: (n, len(indices))."""
        return self._backend.from_host(_for_any_library(self._source.gather(indices)))


def block_ahead(source: Source, start: int, stop: int) -> Array | TransferInFlight | DeferredBlock:
    """A block for later use: read, in flight, or deferred, see `receiving`."""
    if isinstance(source, StreamedSource):
        return source.block_ahead(start, stop)
    if source.in_memory:
        # On the reading thread another device may be current.
        return DeferredBlock(partial(source.block, start, stop))
    return source.block(start, stop)


def source_bytes(source: Source) -> int:
    """Bytes of all examples of a source."""
    return source.n * source.m * np.dtype(source.dtype).itemsize


def label_bytes(n: int, m: int, itemsize: int, *, elsewhere: bool) -> int:
    """Bytes that class labels take where they are placed: as columns or as codes."""
    columns = n * m * itemsize
    if columns <= _SMALL:
        return columns
    return m * code_dtype(n).itemsize if elsewhere else 0


def fits(nbytes: int, backend: Backend) -> bool:
    """Whether data of that size may be placed on the backend's device."""
    free = backend.memory_available()
    return free is None or nbytes <= _SHARE_FOR_DATA * free


def held_bytes(targets: Source) -> int:
    """Bytes of the codes of class labels; 0 for other targets."""
    if isinstance(targets, RangeSource):
        return held_bytes(targets.source) * targets.m // targets.source.m
    return int(targets.codes.nbytes) if isinstance(targets, LabelSource) else 0


def stored_bytes(source: Source) -> int:
    """Bytes of a source in memory: of the codes of labels, otherwise of values."""
    return held_bytes(source) or source_bytes(source)


def resides(source: Source, backend: Backend) -> bool:
    """Whether a source's blocks are arrays of the backend's library on its device."""
    array = source.codes if isinstance(source, LabelSource) else getattr(source, "array", None)
    if backend.library == "numpy":
        return array is None or library(array) == "numpy"
    if array is None or library(array) != backend.library:
        return False
    return backend_for_array(array).device_name == backend.device_name


def place(source: Source, backend: Backend) -> Source:
    """The source with blocks in the backend's library and on its device.

    Data that is there is not copied. Host data is copied to a device once if it fits, otherwise
    block by block. Files are read block by block. Arrays of another library are copied once.
    """
    if isinstance(source, LabelSource) and source_bytes(source) <= _SMALL:
        # Make columns once instead of at every step.
        source = ArraySource(source.block(0, source.m))
    if resides(source, backend):
        return source
    if isinstance(source, LabelSource):
        # Copy the codes, one small integer per example; columns are made from them in each block.
        codes = backend.from_host(to_host(source.codes))
        return LabelSource(codes, source.n, dtype=source.dtype.name)
    array: Any = getattr(source, "array", None)
    if array is not None and library(array) != "numpy":
        source = ArraySource(to_host(array), getattr(source, "rows", False))
        if backend.library == "numpy":
            return source
    if not source.in_memory:
        return StreamedSource(source, backend)
    if not fits(source_bytes(source), backend):
        return StreamedSource(source, backend)
    block = _for_any_library(source.block(0, source.m))
    return ArraySource(backend.from_host(block), rows=False)


def _for_any_library(block: np.ndarray) -> np.ndarray:
    """The block, in float64 where it is of longdouble: other libraries than NumPy lack that."""
    wide = block.dtype.kind == "f" and block.dtype.itemsize > 8
    return block.astype(np.float64) if wide else block


def convert(values: np.ndarray | Array, backend: Backend, like: Any) -> Array:
    """Results in the library and on the device of `like`; NumPy if that is no array."""
    if not is_array(like) or library(like) == "numpy":
        return backend.to_host(values)

    target = backend_for_array(like)
    if (target.library, target.device_name) == (backend.library, backend.device_name):
        return values
    host = backend.to_host(values)
    if target.library == "jax" and host.dtype == np.float64:
        # Without its 64-bit types JAX has no float64: results then have the dtype of X.
        host = host.astype(np.result_type(str(like.dtype), np.float32))
    return target.from_host(host)
