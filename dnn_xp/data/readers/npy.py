"""Arrays in .npy files, read in blocks and not mapped: a mapped file that is truncated kills the process."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.common.watched import ChangedFileError, Watch

Values = npt.NDArray[Any]


class NpyFile:
    """The array of a .npy file; slices of it are read when they are asked for.

    What is read has the memory layout of the same slice of the file. Safe to read from several
    threads.

    Parameters
    ----------
    path : str or PathLike

    Attributes
    ----------
    shape, ndim, dtype
        As of an array.

    Raises
    ------
    ValueError
        For a file that holds objects, or no array; EOFError for an empty file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # NumPy reads the header, and checks it against the size of the file.
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        self.path = os.fspath(path)
        self.shape: tuple[int, ...] = mapped.shape
        self.ndim, self.dtype, self._first = mapped.ndim, mapped.dtype, int(mapped.offset)
        # An array in Fortran order is the transpose of one in C order.
        self._transposed = bool(mapped.flags.f_contiguous and not mapped.flags.c_contiguous)
        del mapped
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, handle)
        self._read_at = _reader(handle)
        self._watch = Watch(handle, repr(self.path))

    def __getitem__(self, key: Any) -> Values:
        """The whole array, or slices of step 1 of the first axis and of the second one."""
        keys = key if isinstance(key, tuple) else (key,)
        ranges = [range(size) for size in self.shape]
        for axis, each in enumerate(() if key is Ellipsis else keys):
            ranges[axis] = ranges[axis][each]
            if ranges[axis].step != 1:
                raise IndexError(f"slices of step 1 are read from a file; got {each}")
        with self._watch.reading():
            if self._transposed:
                return self._part(ranges[::-1]).T
            return self._part(ranges)

    def take(self, positions: npt.NDArray[np.int64], axis: int) -> Values:
        """The entries at these positions of an axis, as numpy.take gives them."""
        increasing, places = np.unique(positions, return_inverse=True)
        runs = np.split(increasing, np.flatnonzero(np.diff(increasing) > 1) + 1)
        before = (slice(None),) * axis
        parts = [self[(*before, slice(int(run[0]), int(run[-1]) + 1))] for run in runs if len(run)]
        if not parts:
            return np.empty((*self.shape[:axis], 0, *self.shape[axis + 1 :]), self.dtype)
        return np.take(np.concatenate(parts, axis=axis), places, axis=axis)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Values:
        return np.asarray(self[...], dtype=dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def _part(self, ranges: list[range]) -> Values:
        """The entries at these ranges of a C-ordered array."""
        shape = tuple(map(len, ranges))
        raw = np.empty(int(np.prod(shape, dtype=np.int64)) * self.dtype.itemsize, np.uint8)
        stored = self.shape[::-1] if self._transposed else self.shape
        if len(shape) == 2 and shape[1] < stored[1]:
            # A part of each row.
            row, part = stored[1] * self.dtype.itemsize, shape[1] * self.dtype.itemsize
            for place, i in enumerate(ranges[0]):
                first = self._first + i * row + ranges[1].start * self.dtype.itemsize
                self._fill(raw[place * part : (place + 1) * part], first)
        elif len(raw):
            of_first = int(np.prod(stored[1:], dtype=np.int64)) * self.dtype.itemsize
            self._fill(raw, self._first + (ranges[0].start * of_first if ranges else 0))
        values: Values = raw.view(self.dtype).reshape(shape)
        return values

    def _fill(self, buffer: npt.NDArray[np.uint8], position: int) -> None:
        left = memoryview(buffer)  # type: ignore[arg-type]  # Python 3.11 has no Buffer
        while len(left):
            count = self._read_at(left, position)
            if count == 0:
                raise ChangedFileError(repr(self.path), "it ends before its array does")
            left, position = left[count:], position + count


def _reader(handle: int) -> Callable[[memoryview, int], int]:
    """``read(buffer, position)`` -> bytes that were read; several threads may call it."""
    if hasattr(os, "preadv"):
        return lambda buffer, position: os.preadv(handle, [buffer], position)
    lock = threading.Lock()  # Windows

    def read(buffer: memoryview, position: int) -> int:
        with lock:
            os.lseek(handle, position, os.SEEK_SET)
            got = os.read(handle, len(buffer))
        buffer[: len(got)] = got
        return len(got)

    return read
