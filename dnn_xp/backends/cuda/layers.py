"""The steps of a layer in CuPy: products by cublasLt if nvmath-python is installed, elementwise formulas fused."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.backends.cuda.cublaslt import Products, Runtime, UnsupportedError
from dnn_xp.backends.cuda.cublaslt_plans import EPILOGUES
from dnn_xp.backends.cuda.fusing import fused, fuser
from dnn_xp.backends.cuda.lowering import lowered
from dnn_xp.backends.cuda.probing import epilogues_that_fail
from dnn_xp.formulas.layers import Layers
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.types import Array


class CudaLayers(NamedTuple):
    """The functions that run layers on one device.

    Attributes
    ----------
    matmul : product of two matrices, in Fortran order.
    lower : the backend's function of that name.
    by_cublaslt : whether products are cublasLt's.
    note : the same in words, for the model's record.
    """

    matmul: Callable[[Array, Array], Array]
    lower: Callable[[Network], tuple[Network, Layers]]
    by_cublaslt: bool
    note: str


def fortran_matmul(cupy: Any) -> Callable[[Array, Array], Array]:
    """CuPy's product with its result in Fortran order, (B^T A^T)^T: CuPy's own is in C order."""

    def matmul(A: Array, B: Array) -> Array:
        # Stacked matrices, such as a periodic encoding's, are in C order.
        if A.ndim != 2 or B.ndim != 2:
            return cupy.matmul(A, B)
        return cupy.matmul(B.T, A.T).T

    return matmul


def layers_on(cupy: Any, products: Products | None, problem: str) -> CudaLayers:
    """The layers of a device with its products by cublasLt, or without them because of `problem`."""
    plain, fuse = fortran_matmul(cupy), fuser(cupy)
    if products is None:
        note = f"layers by CuPy alone, since {problem}"
        return CudaLayers(plain, partial(fused, fuse=fuse), False, note)
    failing = epilogues_that_fail(products, cupy.asarray, cupy.asnumpy)
    working = [name for name in EPILOGUES if name and name not in failing]

    def matmul(A: Array, B: Array) -> Array:
        if A.ndim != 2 or B.ndim != 2:
            return plain(A, B)
        try:
            return products.matmul(A, B)
        except UnsupportedError:
            return plain(A, B)

    reasons = "".join(f", without {name}: {why}" for name, why in failing.items())
    return CudaLayers(
        matmul,
        partial(lowered, fuse=fuse, products=products, epilogues=working),
        True,
        f"layers by cublasLt{reasons}",
    )


@lru_cache
def cuda_layers(index: int) -> CudaLayers:
    """The layers of device `index`, which must be current; cached."""
    import cupy

    products, problem = None, ""
    try:
        products = Products(_runtime(cupy))
    except ImportError:
        problem = "nvmath-python is not installed (pip install nvmath-python)"
    except Exception as error:  # such as a missing or old cublasLt
        problem = f"nvmath-python cannot use cublasLt: {error}"
    return layers_on(cupy, products, problem)


def _runtime(cupy: Any) -> Runtime:
    from cupy._core import _routines_linalg as linalg  # CuPy's switch for TF32

    float32 = np.dtype("float32")
    return Runtime(
        lt=import_module("nvmath.bindings.cublasLt"),
        empty=cupy.empty,
        pointer=lambda array: int(array.data.ptr),
        stream=lambda: int(cupy.cuda.get_current_stream().ptr),
        tf32=lambda: linalg.get_compute_type(float32) == linalg.COMPUTE_TYPE_TF32,
    )
