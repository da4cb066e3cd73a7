"""NumPy: the CPU, blocks on Python threads, formulas as they are written."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import array_api_compat.numpy
import numpy as np

from dnn_xp.backends.numpy import mkl as intel
from dnn_xp.backends.numpy.layers import lowering
from dnn_xp.backends.numpy.products import matmul
from dnn_xp.backends.numpy.settings import numpy_settings
from dnn_xp.backends.record import Backend
from dnn_xp.formulas.types import Array, Namespace


def memory_available() -> int | None:
    """Bytes of free physical memory, None where the system does not say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on macOS, not on Windows
        return None


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


def _tuned_namespace(matmul: Callable[..., Array]) -> Namespace:
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


xp = _tuned_namespace(matmul)


def canonical(block: Array, *, orientation: str | None) -> Array:
    """The block (n, k) in one of two layouts: examples as "columns" or as "rows"; None is as they lie.

    The last bits of a BLAS product depend on the strides of its operands with some kernels
    (OpenBLAS's SkylakeX). With strides that follow from n and k alone they depend on neither the
    array that a block is a view of nor on where it was read from. A block that lies so already is
    returned as it is.
    """
    n, k = block.shape
    row, column = block.strides
    size = block.itemsize
    as_rows = orientation == "rows" or (orientation is None and abs(row) < abs(column))
    as_rows = as_rows and n > 1 and k > 1
    wanted = (size, n * size) if as_rows else (k * size, size)
    if (row, column) == wanted and block.flags.aligned:
        return block
    return np.array(block, order="F" if as_rows else "C")


def _core_cache() -> int:
    """Bytes of the second cache of a core; 1 MiB where the system does not say."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text.removesuffix("K")) << 10
    except (OSError, ValueError):
        return 1 << 20


@cache
def _with_mkl(mkl: intel.Mkl) -> tuple[Callable[..., Array], Namespace]:
    """The product that leaves wide operands to MKL, and the namespace that has it."""
    product = partial(matmul, mkl=mkl)
    return product, _tuned_namespace(product)


def numpy_backend(blas: str = "auto") -> Backend:
    """The record of this library on one device.

    Parameters
    ----------
    blas : {"auto", "numpy", "mkl"}
        What multiplies matrices: NumPy's own BLAS, or MKL where it suits. "auto" is MKL on Intel
        CPUs where its package is installed: there it is faster, on AMD's it is not. What decides is
        the machine, never a measurement, so that the same machine gives the same bits.
    """
    product, namespace, used = matmul, xp, ""
    if blas == "mkl" or (blas == "auto" and intel.made_by_intel()):
        loaded = intel.load()
        if isinstance(loaded, intel.Mkl):
            product, namespace = _with_mkl(loaded)
            used = f"wide products by MKL {loaded.version}"
        elif blas == "mkl":
            msg = f"blas='mkl' cannot be used: {loaded}. Use blas='numpy' or 'auto'"
            raise RuntimeError(msg)
    return Backend(
        library="numpy",
        version=np.__version__,
        device_name="cpu",
        xp=namespace,
        from_host=np.asarray,
        to_host=np.asarray,
        memory_available=memory_available,
        lower=lowering(product),
        canonical=canonical,
        python_threads=True,
        # More than 2 MiB gains nothing, and less than 1 MiB costs calls.
        block_bytes=min(max(_core_cache(), 1 << 20), 2 << 20),
        blas=used,
        active=numpy_settings,
    )
