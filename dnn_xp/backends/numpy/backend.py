"""NumPy: the CPU, blocks on Python threads, formulas as they are written."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

import array_api_compat.numpy
import numpy as np

from dnn_xp.backends.numpy.layers import lower
from dnn_xp.backends.numpy.products import matmul
from dnn_xp.backends.record import Backend
from dnn_xp.formulas.types import Array, Namespace


def memory_available() -> int | None:
    """Bytes of free physical memory, None where the system does not say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on macOS, not on Windows
        return None


def keep_freed_memory() -> None:
    """Make the C library keep the memory of freed arrays for the next ones, on glibc.

    Pure formulas make a new array at every step. glibc gives each array above a threshold back to
    the system as soon as it is freed, and the next one is paid for page by page: a gradient of
    28-32-32-1 over 8192 examples took 4.4 ms that way and 1.8 ms without. glibc raises the
    threshold to the largest block freed so far, up to 32 MiB, so freeing one untouched array of
    nearly that size is enough. Twice as much may then stay with the process for reuse. Elsewhere
    this does nothing.
    """
    np.empty(31 << 20, dtype=np.uint8)


# Elements of the buffer that NumPy's ufuncs may copy operands into. It does so, to no end, whenever
# two rows of a matrix fit: with the usual 8192, adding b to a (300, 864) float32 array took twice
# as long.
UFUNC_BUFFER = 1024


def set_ufunc_buffer(elements: int) -> int:
    """Set the buffer for this thread, and return what it was."""
    return np.setbufsize(elements)


# Smaller arrays are through before another operand has been found.
_WORTH_SPREADING = 512
# A number is spread over a whole array up to so many bytes, over one row of a larger one.
_SPREAD_BYTES = 1 << 18


@lru_cache(maxsize=32)
def _spread(value: float, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array of one value, kept: a training asks for a few shapes again and again."""
    return np.full(shape, value, dtype=dtype)


def _with_numbers_spread(function: Callable[..., Array]) -> Callable[..., Array]:
    """The same function, a Python number spread to an array before it meets a matrix.

    NumPy's maximum and minimum use the vector units only where both operands lie side by side in
    memory: against a number they take 5.7 us for a (64, 256) float32 array, against a row 2.7 us,
    against an array 1.4 us; from 256 KiB on a row is better, since it stays in the caches.
    """

    def of_matrix(x1: Array, x2: Array, *, out: Array | None = None) -> Array:
        if type(x2) is float and x1.size > _WORTH_SPREADING and x1.ndim == 2:
            shape = x1.shape if x1.nbytes <= _SPREAD_BYTES else (1, x1.shape[1])
            x2 = _spread(x2, shape, x1.dtype)
        return function(x1, x2, out=out)

    return of_matrix


# NumPy's stubs tell keepdims=True from False by overloads; here it is a variable.
_add_reduce: Any = np.add.reduce
_maximum_reduce: Any = np.maximum.reduce


# Smaller sums are through before BLAS has been asked.
_WORTH_BLAS = 8192


def _sum(x: Array, *, axis: int | None = None, keepdims: bool = False) -> Array:
    # Over the examples of a block, BLAS adds three times as fast as NumPy's reduction.
    if axis == 1 and keepdims and x.size > _WORTH_BLAS and x.dtype.kind == "f":
        return np.dot(x, _spread(1.0, (x.shape[1], 1), x.dtype))
    return _add_reduce(x, axis=axis, keepdims=keepdims)


def _max(x: Array, *, axis: int | None = None, keepdims: bool = False) -> Array:
    return _maximum_reduce(x, axis=axis, keepdims=keepdims)


def _reshape(x: Array, shape: tuple[int, ...]) -> Array:
    return x.reshape(shape)


def _astype(x: Array, dtype: Any, *, copy: bool = True) -> Array:
    return x.astype(dtype, copy=copy)


def _tuned_namespace() -> Namespace:
    """array-api-compat's NumPy with the same values, some of them sooner.

    Its functions of Python around the ufuncs cost 2 us a call, as much as the arithmetic of a small
    network; what the formulas call most goes to the ufuncs and methods straight away.
    """
    tuned = ModuleType("array_api_compat.numpy")
    tuned.__dict__.update(vars(array_api_compat.numpy))
    tuned.__dict__.update(
        maximum=_with_numbers_spread(np.maximum),
        minimum=_with_numbers_spread(np.minimum),
        matmul=matmul,
        concat=np.concatenate,
        sum=_sum,
        max=_max,
        reshape=_reshape,
        astype=_astype,
    )
    return tuned


xp = _tuned_namespace()


def canonical(block: Array, *, columns: bool) -> Array:
    """The block (n, k) in one of two layouts: examples as columns, or as rows where they lie so.

    The last bits of a BLAS product depend on the strides of its operands with some kernels
    (OpenBLAS's SkylakeX). With strides that follow from n and k alone they depend on neither the
    array that a block is a view of nor on where it was read from. A block that lies so already is
    returned as it is.
    """
    n, k = block.shape
    row, column = block.strides
    size = block.itemsize
    as_rows = not columns and abs(row) < abs(column) and n > 1 and k > 1
    wanted = (size, n * size) if as_rows else (k * size, size)
    if (row, column) == wanted and block.flags.aligned:
        return block
    return np.array(block, order="F" if as_rows else "C")


def numpy_backend() -> Backend:
    """The record of this library on one device."""
    return Backend(
        library="numpy",
        version=np.__version__,
        device_name="cpu",
        xp=xp,
        from_host=np.asarray,
        to_host=np.asarray,
        memory_available=memory_available,
        lower=lower,
        canonical=canonical,
        python_threads=True,
    )
