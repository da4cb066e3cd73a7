"""NumPy on the CPU: blocks on Python threads, formulas as written."""

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
    """Bytes of free physical memory; None where the system does not report them."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on macOS, not on Windows
        return None


# Up to this size the lookup costs more than it saves.
_LARGEST_UNFILLED = 512
# Up to so many bytes a scalar becomes an array of the full shape, above that one row.
_FILLED_BYTES = 1 << 18


@lru_cache(maxsize=32)
def _filled(value: float, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array of one value, cached: a training uses a few shapes again and again."""
    return np.full(shape, value, dtype=dtype)


def _with_scalar_filled(function: Callable[..., Array]) -> Callable[..., Array]:
    """The same function, with a Python scalar replaced by an array where the other operand is a matrix.

    NumPy's maximum and minimum use SIMD only if both operands are contiguous: for a (64, 256)
    float32 array they take 5.7 us against a scalar, 2.7 us against a row, 1.4 us against an array.
    From 256 KiB on a row is faster, since it stays in the caches.
    """

    def of_matrix(x1: Array, x2: Array, *, out: Array | None = None) -> Array:
        if type(x2) is float and x1.size > _LARGEST_UNFILLED and x1.ndim == 2:
            shape = x1.shape if x1.nbytes <= _FILLED_BYTES else (1, x1.shape[1])
            x2 = _filled(x2, shape, x1.dtype)
        return function(x1, x2, out=out)

    return of_matrix


# NumPy's stubs have one overload for keepdims=True and one for False, none for a variable.
_add_reduce: Any = np.add.reduce
_maximum_reduce: Any = np.maximum.reduce


# Up to this size the call of BLAS costs more than it saves.
_LARGEST_BY_REDUCTION = 8192


def _sum(x: Array, *, axis: int | None = None, keepdims: bool = False) -> Array:
    # BLAS adds over the examples of a block three times as fast as NumPy's reduction.
    of_examples = x.ndim == 2 and axis == 1 and keepdims  # not over the classes of an ensemble
    if of_examples and x.size > _LARGEST_BY_REDUCTION and x.dtype.kind == "f":
        return np.dot(x, _filled(1.0, (x.shape[1], 1), x.dtype))
    return _add_reduce(x, axis=axis, keepdims=keepdims)


def _max(x: Array, *, axis: int | None = None, keepdims: bool = False) -> Array:
    return _maximum_reduce(x, axis=axis, keepdims=keepdims)


def _reshape(x: Array, shape: tuple[int, ...]) -> Array:
    return x.reshape(shape)


def _astype(x: Array, dtype: Any, *, copy: bool = True) -> Array:
    return x.astype(dtype, copy=copy)


def _tuned_namespace(matmul: Callable[..., Array]) -> Namespace:
    """array-api-compat's NumPy, with faster functions of the same values.

    Its Python wrappers of the ufuncs cost 2 us a call, as much as the arithmetic of a small network,
    so the functions that formulas call most go to the ufuncs and methods directly.
    """
    tuned = ModuleType("array_api_compat.numpy")
    tuned.__dict__.update(vars(array_api_compat.numpy))
    tuned.__dict__.update(
        maximum=_with_scalar_filled(np.maximum),
        minimum=_with_scalar_filled(np.minimum),
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
    """The block (n, k) in C order ("columns") or Fortran order ("rows"); None keeps which of them it has.

    With some kernels (OpenBLAS's SkylakeX) the last bits of a product depend on the strides of its
    operands. Here the strides follow from n and k alone, so these bits depend neither on the array
    that a block is a view of nor on where it was read from. A block that has these strides is
    returned without a copy.
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


@cache
def _l2_cache_bytes() -> int:
    """Bytes of a core's L2 cache; 1 MiB where the system does not report them."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text.removesuffix("K")) << 10
    except (OSError, ValueError):
        return 1 << 20


@cache
def _with_mkl(mkl: intel.Mkl) -> tuple[Callable[..., Array], Namespace]:
    """The product that uses MKL for wide operands, and the namespace with it."""
    product = partial(matmul, mkl=mkl)
    return product, _tuned_namespace(product)


def numpy_backend(blas: str = "auto") -> Backend:
    """NumPy on the CPU.

    Parameters
    ----------
    blas : {"auto", "numpy", "mkl"}
        NumPy's own BLAS, or MKL for the products that it is faster at. "auto" is MKL on an Intel CPU
        with the package mkl and without PyTorch, otherwise NumPy's. The choice depends on the machine
        and on no measurement, so that the same machine gives the same bits.
    """
    product, namespace, used = matmul, xp, ""
    by_itself = blas == "auto" and intel.made_by_intel() and not intel.beside_torch()
    if blas == "mkl" or by_itself:
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
        # Above 2 MiB nothing is gained; below 1 MiB calls cost too much.
        block_bytes=min(max(_l2_cache_bytes(), 1 << 20), 2 << 20),
        blas=used,
        active=numpy_settings,
    )
