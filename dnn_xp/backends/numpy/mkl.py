"""Matrix products by Intel's MKL: on the calling thread, and the same bits for any alignment.

On one core of an Intel Xeon (AVX-512, 2.6 GHz), float32, GFLOP/s of `products` with OpenBLAS and of
MKL in its strict mode:

    forward W (n1, n0) A (n0, k)       OpenBLAS   MKL        dW = dZ A^T     OpenBLAS   MKL
    n1 = n0 = 300, k = 864                  148   164                             131   143
    n1 = 64, n0 = 100, k = 4080             107   141                              92   118
    n1 = n0 = 64, k = 4096                   82   142                              77   114
    n1 = n0 = 32, k = 16144                 104    94                              74    91
    n1 = 64, n0 = 28, k = 4096               83   133                              76    64

So MKL computes the products whose sides are all at least `_NARROWEST`. On AMD CPUs OpenBLAS is
faster, and MKL is used only when asked for.

MKL's libraries find each other's functions in the process's global scope. PyTorch has an MKL of its
own, which finds them there, too: imported after ours, it computes on one thread. So MKL is used only
when asked for where PyTorch is installed.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, files, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from dnn_xp.formulas.types import Array

_NARROWEST = 48
# Below so many multiplications the call by ctypes costs more than MKL saves.
WORTH_CALLING = 2_000_000

_ROW_MAJOR, _NOT_TRANSPOSED, _TRANSPOSED = 101, 111, 112
_SEQUENTIAL = 1
_STRICT = 0x10000


@dataclass(frozen=True, eq=False)
class Mkl:
    """MKL's matrix products in both dtypes, and the version of its package."""

    sgemm: Callable[..., None]
    dgemm: Callable[..., None]
    version: str


@cache
def load() -> Mkl | str:
    """MKL, or why it cannot be used."""
    try:
        found = [
            Path(str(each.locate()))
            for each in files("mkl") or ()
            if each.name.startswith(("libmkl_rt.", "mkl_rt."))
        ]
        release = version("mkl")
    except PackageNotFoundError:
        return "the package mkl is not installed (pip install 'dnn_xp[mkl]')"
    try:
        library = ctypes.CDLL(str(found[0].resolve()))
        library.MKL_Set_Threading_Layer(_SEQUENTIAL)
        # Without the strict mode the last bits depend on the alignment of an array.
        branch = library.MKL_CBWR_Get_Auto_Branch()
        if library.MKL_CBWR_Set(branch | _STRICT) != 0:
            return f"MKL {release} has no strict reproducibility on this CPU"
        single, double = library.cblas_sgemm, library.cblas_dgemm
    except (IndexError, OSError, AttributeError) as error:
        return f"MKL {release} cannot be loaded: {error}"
    for function, real in ((single, ctypes.c_float), (double, ctypes.c_double)):
        of_integers, pointer, integer = [ctypes.c_int] * 6, ctypes.c_void_p, ctypes.c_int
        function.argtypes = [
            *of_integers, real, pointer, integer, pointer, integer, real, pointer, integer,
        ]  # fmt: skip
        function.restype = None
    return Mkl(single, double, release)


@cache
def made_by_intel() -> bool:
    """Whether the CPU is Intel's."""
    try:
        return "GenuineIntel" in Path("/proc/cpuinfo").read_text()
    except OSError:
        named = os.environ.get("PROCESSOR_IDENTIFIER", "") + platform.processor()
        return "Intel" in named


@cache
def beside_torch() -> bool:
    """Whether PyTorch may be imported into this process."""
    return find_spec("torch") is not None


def suits(x1: Array, x2: Array) -> bool:
    """Whether x1 (n, k) times x2 (k, p), of at least `WORTH_CALLING` multiplications, is for MKL."""
    (n, k), p = x1.shape, x2.shape[1]
    return (
        min(n, k, p) >= _NARROWEST
        and x1.dtype == x2.dtype
        and x1.dtype.char in "fd"
        and x1.itemsize in x1.strides
        and x2.itemsize in x2.strides
        and min(*x1.strides, *x2.strides) > 0
    )


def multiply(x1: Array, x2: Array, out: Array | None = None, *, mkl: Mkl) -> Array:
    """x1 (n, k) times x2 (k, p), in C order."""
    (n, k), p = x1.shape, x2.shape[1]
    result = np.empty((n, p), x1.dtype) if out is None else out
    (first, row1), (second, row2) = _stored(x1), _stored(x2)
    gemm = mkl.sgemm if x1.itemsize == 4 else mkl.dgemm
    gemm(
        *(_ROW_MAJOR, first, second, n, p, k),
        *(1.0, x1.ctypes.data, row1, x2.ctypes.data, row2),
        *(0.0, result.ctypes.data, result.strides[0] // result.itemsize),
    )
    return result


def _stored(x: Array) -> tuple[int, int]:
    """CBLAS's transpose flag of x, and its leading dimension."""
    row, column = x.strides
    if column == x.itemsize:
        return _NOT_TRANSPOSED, row // x.itemsize
    return _TRANSPOSED, column // x.itemsize
