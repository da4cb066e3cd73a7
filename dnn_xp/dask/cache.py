"""Chunks of files that a worker's process keeps in its memory from one iteration to the next."""

from __future__ import annotations

import hashlib
import pickle
import threading
from functools import partial
from typing import Any

import numpy as np

from dnn_xp.backends.numpy.backend import memory_available
from dnn_xp.dask import pickled  # noqa: F401 - how sources go through pickle
from dnn_xp.dask.sources import Joined
from dnn_xp.data.sources.base import ArraySource, Source

# Of a worker's memory limit; the rest is for blocks, gradients, and what Dask holds.
_SHARE = 0.4
# Tasks after which a chunk that none of them used makes room for others.
_UNUSED = 64


class ChunkCache:
    """Chunks by file and number, up to a limit in bytes.

    Ranges are read in a circle, for which the oldest chunk is the wrong one to drop: a full cache
    keeps what it has, and drops only what the last tasks did not use.
    """

    def __init__(self) -> None:
        self._chunks: dict[Any, tuple[ArraySource, int, int]] = {}
        self._lock = threading.Lock()
        self._task = 0
        self.limit = 0
        self.held = 0
        self.read = 0

    def begin(self, limit: int) -> None:
        """Count a task; `limit` is what the worker may keep."""
        with self._lock:
            self._task, self.limit = self._task + 1, limit

    def get(self, key: Any) -> ArraySource | None:
        """The chunk, if it is here."""
        with self._lock:
            found = self._chunks.get(key)
            if found is None:
                return None
            self._chunks[key] = (*found[:2], self._task)
            return found[0]

    def put(self, key: Any, chunk: ArraySource) -> None:
        """Keep a chunk that was read, if there is room."""
        nbytes = int(chunk.array.nbytes)
        with self._lock:
            self.read += nbytes
            if key in self._chunks:
                return
            if self.held + nbytes > self.limit:
                old = [k for k, (*_, used) in self._chunks.items() if used < self._task - _UNUSED]
                for each in old:
                    self.held -= self._chunks.pop(each)[1]
            if self.held + nbytes <= self.limit:
                self._chunks[key] = chunk, nbytes, self._task
                self.held += nbytes


CHUNKS = ChunkCache()
_opened: dict[str, Source] = {}
_opening = threading.Lock()


def opened(stored: bytes) -> tuple[str, Source]:
    """A source from its pickle, opened once a process; and what it is called in the cache."""
    name = hashlib.sha256(stored).hexdigest()
    with _opening:
        if name not in _opened:
            while len(_opened) >= 16:
                del _opened[next(iter(_opened))]
            _opened[name] = pickle.loads(stored)
        return name, _opened[name]


def cached(stored: bytes, chunk: int, *, rows: bool) -> Joined:
    """The source of a pickle, read `chunk` examples at a time; `rows` as of `Joined`."""
    name, source = opened(stored)
    return Joined(
        np.minimum(np.arange(0, source.m + chunk, chunk, dtype=np.int64), source.m),
        partial(_chunk, name, source, chunk),
        n=source.n,
        m=source.m,
        dtype=source.dtype,
        in_memory=False,
        rows=rows,
    )


def _chunk(name: str, source: Source, chunk: int, k: int) -> ArraySource:
    found = CHUNKS.get((name, chunk, k))
    if found is None:
        block = source.block(k * chunk, min((k + 1) * chunk, source.m))
        found = ArraySource(np.array(block, order="K"))
        CHUNKS.put((name, chunk, k), found)
    return found


def room() -> int:
    """Bytes that this process may keep."""
    from distributed import get_worker

    try:
        limit = get_worker().memory_manager.memory_limit
    except (ValueError, AttributeError):  # no worker
        limit = None
    return int(_SHARE * (limit or memory_available() or 1 << 30))
