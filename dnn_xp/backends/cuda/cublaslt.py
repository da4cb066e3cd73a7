"""Matrix products with an epilogue by cublasLt: D = epilogue(A B), D in Fortran order.

cublasLt takes matrices in Fortran order. An operand in C order is passed as its transpose, with the
flag TRANSA or TRANSB; an operand is copied only if neither of its strides is 1. An epilogue computes
the bias, relu, its mask or the sums over examples in the kernel of the product:

    BIAS             D = A B + bias
    RELU_AUX_BIAS    D = max(A B + bias, 0), and one bit per element: whether D > 0
    DRELU            D = A B where the bit is set, else 0
    BGRADA           D = A B, and the sums over each row of A

cublasLt decides which of them it supports for a device, dtype and shape; `UnsupportedError` is raised
for the others. Source: cuBLAS 12 and 13, "Using the cublasLt API".
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.backends.cuda.cublaslt_plans import (
    AUX_POINTER,
    BIAS_POINTER,
    Operand,
    Plan,
    decide,
    mask_leading,
    set_attribute,
)
from dnn_xp.formulas.types import Array


class UnsupportedError(RuntimeError):
    """cublasLt has no algorithm for this product and epilogue."""


class Runtime(NamedTuple):
    """The functions of the device that products use.

    Attributes
    ----------
    lt : the functions of cublasLt, as nvmath.bindings.cublasLt has them.
    empty : ``empty(shape, dtype)``, an array in C order.
    pointer : address of an array's first element.
    stream : handle of the stream that work is issued to.
    tf32 : whether float32 operands are rounded to TF32.
    """

    lt: Any
    empty: Callable[..., Array]
    pointer: Callable[[Array], int]
    stream: Callable[[], int]
    tf32: Callable[[], bool]


class Products:
    """Products on one device; descriptors and algorithms are cached."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._handle = runtime.lt.create()
        self._plans: dict[Any, Plan | None] = {}
        # Threads share the descriptor, in which the pointers of an epilogue are set.
        self._lock = threading.Lock()

    def matmul(
        self,
        A: Array,
        B: Array,
        *,
        epilogue: str = "",
        bias: Array | None = None,
        mask: Array | None = None,
        dtype: Any = None,
    ) -> Array:
        """Product of A (M, K) and B (K, N), in Fortran order.

        Parameters
        ----------
        A, B : arrays
            In any memory order; if their dtypes differ, both are converted to the one of fewer bytes.
        epilogue : str
            A key of `EPILOGUES` in `cublaslt_plans`.
        bias : array of M, optional
            Read by BIAS and RELU_AUX_BIAS; BGRADA writes its sums there.
        mask : array that `empty_mask` made, optional
            Written by RELU_AUX_BIAS, read by DRELU.
        dtype : dtype, optional
            Dtype of the result, that of the operands by default; float32 for operands in bfloat16.

        Raises
        ------
        UnsupportedError
            Where there is no such product.
        """
        runtime = self._runtime
        # CuPy promotes bfloat16 to float32 in some operations, as in dropout.
        if A.dtype.itemsize > B.dtype.itemsize:
            A = A.astype(B.dtype)
        elif B.dtype != A.dtype:
            B = B.astype(A.dtype)
        (a, A), (b, B) = self._operand(A), self._operand(B)
        D = runtime.empty((B.shape[1], A.shape[0]), dtype or A.dtype)
        d = Operand(A.shape[0], B.shape[1], A.shape[0], False, D.dtype.name, 256)
        with self._lock:
            plan = self._plan((a, b, d), epilogue, runtime.tf32())
            if bias is not None:
                set_attribute(
                    runtime.lt, plan.description, BIAS_POINTER, runtime.pointer(bias), np.int64
                )
            if mask is not None:
                set_attribute(
                    runtime.lt, plan.description, AUX_POINTER, runtime.pointer(mask), np.int64
                )
            scalar = np.float64 if d.dtype == "float64" else np.float32
            factors = np.asarray([1.0, 0.0], dtype=scalar)
            workspace = runtime.empty((max(1, plan.workspace),), np.uint8)
            of_a, of_b, of_d = plan.layouts
            at = runtime.pointer
            # C is D here; its factor is 0, so it is not read.
            runtime.lt.matmul(
                self._handle,
                plan.description,
                factors.ctypes.data,
                at(A),
                of_a,
                at(B),
                of_b,
                factors.ctypes.data + factors.itemsize,
                at(D),
                of_d,
                at(D),
                of_d,
                plan.algorithm.ctypes.data,
                at(workspace),
                plan.workspace,
                runtime.stream(),
            )
        return D.T

    def empty_mask(self, rows: int, columns: int) -> Array:
        """Memory for one bit per element of a (rows, columns) matrix, each column padded to 128 bits."""
        return self._runtime.empty((columns, mask_leading(rows) // 8), np.uint8)

    def _operand(self, x: Array) -> tuple[Operand, Array]:
        strides = [stride // x.dtype.itemsize for stride in x.strides]
        rows, columns = x.shape
        # The stride of an axis of length 1 is arbitrary.
        fortran = (strides[0] == 1 or rows == 1) and (strides[1] >= rows or columns == 1)
        c_order = (strides[1] == 1 or columns == 1) and (strides[0] >= columns or rows == 1)
        if not fortran and not c_order:
            copy = self._runtime.empty((columns, rows), x.dtype)
            copy[...] = x.T
            x, strides, fortran = copy.T, [1, rows], True
        name, pointer = x.dtype.name, self._runtime.pointer(x)
        alignment = min(256, pointer & -pointer)
        if fortran:
            return Operand(rows, columns, max(strides[1], rows), False, name, alignment), x
        return Operand(columns, rows, max(strides[0], columns), True, name, alignment), x

    def _plan(self, operands: tuple[Operand, ...], epilogue: str, tf32: bool) -> Plan:
        key = operands, epilogue, tf32
        if key not in self._plans:
            self._plans[key] = decide(self._runtime.lt, self._handle, operands, epilogue, tf32=tf32)
        plan = self._plans[key]
        if plan is None:
            a, b, d = operands
            msg = f"cublasLt has no {epilogue or 'plain'} product of {a} and {b} into {d}"
            raise UnsupportedError(msg)
        return plan
