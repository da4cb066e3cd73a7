"""Sources: examples as columns, a block at a time, from arrays and datasets."""

from __future__ import annotations

import threading
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from dnn_xp.common.watched import ChangedFileError
from dnn_xp.data.host import namespace, native, numpy_dtype, positions_for
from dnn_xp.data.readers.npy import NpyFile
from dnn_xp.data.sources.watching import watch
from dnn_xp.formulas.types import Array


@runtime_checkable
class Source(Protocol):
    """m examples of n features each, read as columns.

    Several threads may read at once. Callers must not write to a block: it may be a view of the
    user's array.

    Attributes
    ----------
    n : int
        Features (or outputs) of an example.
    m : int
        Examples.
    dtype : numpy.dtype
        Dtype of the blocks, as NumPy names it. The engine converts them to the working dtype.
    in_memory : bool
        Whether a block takes no reading from disk.
    """

    n: int
    m: int
    dtype: np.dtype[Any]
    in_memory: bool

    def block(self, start: int, stop: int) -> Array:
        """Examples start to stop-1: (n, stop - start)."""
        ...

    def gather(self, indices: npt.NDArray[np.int64]) -> Array:
        """The examples at these positions, in this order, repeats allowed: (n, len(indices))."""
        ...


def _extent(shape: tuple[int, ...], rows: bool) -> tuple[int, int]:
    """(n, m) of an array; an array of one dimension is one feature in both layouts."""
    if len(shape) == 1:
        return 1, int(shape[0])
    n, m = (int(shape[1]), int(shape[0])) if rows else (int(shape[0]), int(shape[1]))
    return n, m


class ArraySource:
    """An array in memory, of any array-API library; its blocks are views in that library.

    Parameters
    ----------
    array : array, (n, m), (m, n) or (m,)
        One dimension is one feature.
    rows : bool
        Whether the array is (m, n): examples are rows.
    """

    in_memory = True

    def __init__(self, array: Array, rows: bool = False) -> None:
        self.array, self.rows = array, rows
        self.n, self.m = _extent(array.shape, rows)
        self.dtype = native(numpy_dtype(array.dtype))
        self._xp = namespace(array)
        # Blocks in another byte order or in bfloat16 are converted one by one, so that the engine
        # sees neither.
        stored_natively = (
            array.dtype == self.dtype
            if isinstance(array, np.ndarray)
            else (not str(array.dtype).endswith("bfloat16"))
        )
        self._convert = not stored_natively
        self._examples_axis = 0 if rows or len(array.shape) == 1 else 1

    def block(self, start: int, stop: int) -> Array:
        """Examples start to stop-1: (n, stop - start), a view where the library has views."""
        if self._examples_axis == 1:
            return self._given(self.array[:, start:stop])
        return self._columns(self.array[start:stop, ...])

    def gather(self, indices: npt.NDArray[np.int64]) -> Array:
        """The examples at these positions: (n, len(indices))."""
        if isinstance(self.array, np.ndarray):
            taken: Array = self.array.take(indices, axis=self._examples_axis)
        else:
            positions = positions_for(self.array, indices, self.m)
            taken = self._xp.take(self.array, positions, axis=self._examples_axis)
        return self._given(taken) if self._examples_axis == 1 else self._columns(taken)

    def _columns(self, rows: Array) -> Array:
        return self._given(rows.T if len(rows.shape) == 2 else rows[None, :])

    def _given(self, block: Array) -> Array:
        if not self._convert:
            return block
        if isinstance(block, np.ndarray):
            return block.astype(self.dtype)
        return self._xp.astype(block, self._xp.float32)

    def __repr__(self) -> str:
        library = self._xp.__name__.removeprefix("array_api_compat.")
        return f"ArraySource(n={self.n}, m={self.m}, dtype={self.dtype}, library={library})"


class DatasetSource:
    """A dataset read block by block: .npy files, np.memmap, h5py, Zarr, or any object that can be sliced.

    Blocks are NumPy arrays in memory, read (not mapped) by the thread that calls `block`. A file that
    changes meanwhile raises ChangedFileError where its package shows the change.

    Parameters
    ----------
    dataset : object with shape, dtype and slicing
    rows : bool
        Whether the dataset is (m, n): examples are rows.
    """

    in_memory = False

    def __init__(self, dataset: Any, rows: bool = False) -> None:
        self.dataset, self.rows = dataset, rows
        self.n, self.m = _extent(dataset.shape, rows)
        self.dtype = native(numpy_dtype(dataset.dtype))
        self._examples_axis = 0 if rows or len(dataset.shape) == 1 else 1
        # Other datasets may not be safe to read from several threads, so one reads at a time.
        self._lock = None if isinstance(dataset, (np.ndarray, NpyFile)) else threading.Lock()
        self._watch = watch(dataset)

    def block(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Examples start to stop-1: (n, stop - start)."""
        return self._columns(self._watched(start, min(stop, self.m), self._slice(start, stop)))

    def gather(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The examples at these positions: (n, len(indices))."""
        axis = self._examples_axis
        if len(indices) == 0:
            return np.empty((self.n, 0), dtype=self.dtype)
        if isinstance(self.dataset, (np.ndarray, NpyFile)):
            self._look(int(indices.min()), int(indices.max()) + 1)
            taken = np.asarray(self.dataset.take(indices, axis=axis))
            return self._columns(taken.astype(self.dtype, copy=False))
        # h5py and Zarr take increasing positions without repeats.
        increasing, places = np.unique(indices, return_inverse=True)
        return self._columns(np.take(self._read_increasing(increasing), places, axis=axis))

    def _read_increasing(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        two = len(self.dataset.shape) == 2
        key: Any = positions
        if two:
            key = (positions, slice(None)) if self._examples_axis == 0 else (slice(None), positions)
        first, last = int(positions[0]), int(positions[-1]) + 1
        package = type(self.dataset).__module__.partition(".")[0]
        if package == "zarr":
            return self._watched(first, last, key, of=self.dataset.oindex)
        if package == "h5py":
            return self._watched(first, last, key)
        # Other datasets support slices only: read each run of neighbours as one slice.
        runs = np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1)
        parts = [self._read(self._slice(int(run[0]), int(run[-1]) + 1)) for run in runs]
        return np.concatenate(parts, axis=self._examples_axis)

    def _slice(self, start: int, stop: int) -> Any:
        if self._examples_axis == 1:
            return (slice(None), slice(start, stop))
        return slice(start, stop)

    def _look(self, start: int, stop: int) -> None:
        """Raise ChangedFileError if the file of these examples has changed."""
        if self._watch is not None:
            self._watch(self._examples_axis, start, stop)

    def _watched(self, start: int, stop: int, key: Any, of: Any = None) -> npt.NDArray[Any]:
        """`_read`, with a ChangedFileError where the file of examples start to stop-1 has changed."""
        if self._lock is None:
            # A mapped file that was truncated ends the process that touches it.
            self._look(start, stop)
        try:
            values = self._read(key, of)
        except ChangedFileError:
            raise
        except Exception as error:
            try:
                self._look(start, stop)
            except ChangedFileError as changed:
                raise changed from error
            if type(self.dataset).__module__.partition(".")[0] not in ("h5py", "zarr"):
                raise
            # Packages have error types of their own for a chunk that cannot be decompressed.
            msg = f"{self.dataset!r} cannot be read: {error}"
            raise OSError(msg) from error
        self._look(start, stop)
        return values

    def _read(self, key: Any, of: Any = None) -> npt.NDArray[Any]:
        reader = self.dataset if of is None else of
        if self._lock is None:
            return np.array(reader[key], dtype=self.dtype)
        with self._lock:
            return np.asarray(reader[key], dtype=self.dtype)

    def _columns(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if values.ndim == 1:
            return values[None, :]
        return values.T if self._examples_axis == 0 else values

    def __repr__(self) -> str:
        kind = type(self.dataset)
        name = f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
        return f"DatasetSource(n={self.n}, m={self.m}, dtype={self.dtype}, dataset={name})"
