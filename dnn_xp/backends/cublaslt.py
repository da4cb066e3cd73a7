"""Matrix products with an epilogue by cublasLt: D = epilogue(A B), D in Fortran order.

cublasLt thinks in columns. An operand in C order is its transpose in Fortran order, which is what
the flags TRANSA and TRANSB are for, so nothing is copied unless neither of its strides is 1. The
bias, the mask of relu and the sums over examples ride on a product that is taken anyway:

    BIAS             D = A B + bias
    RELU_AUX_BIAS    D = max(A B + bias, 0), and one bit an element: whether D > 0
    DRELU            D = A B where the bit is set, else 0
    BGRADA           D = A B, and the sums over each row of A

Which of them a device and a dtype have is the library's affair: it is asked for an algorithm, and
where there is none `UnsupportedError` says so. Source: cuBLAS 12 and 13, "Using the cublasLt API".
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.formulas.types import Array

# Numbers of cublasLt.h, cublas_api.h and library_types.h; a test compares them with nvmath-python's.
EPILOGUES = {"": 1, "BIAS": 4, "RELU_AUX_BIAS": 134, "DRELU": 136, "BGRADA": 256}
TRANSA, TRANSB, EPILOGUE, BIAS_POINTER, AUX_POINTER, AUX_LD = 3, 4, 7, 8, 11, 12
MAX_WORKSPACE, REDUCTION_SCHEMES, MIN_ALIGNMENT_A = 1, 3, 5
REAL_TYPES = {"float32": 0, "float64": 1, "bfloat16": 14}
COMPUTE_32F, COMPUTE_64F, COMPUTE_TF32 = 68, 70, 77

# Parts of a long sum are added in a fixed order (COMPUTE_TYPE, OUTPUT_TYPE), never as they arrive
# (INPLACE), or two runs would differ.
_IN_ORDER = 2 | 4
# What cuBLAS itself takes on Hopper.
WORKSPACE_BYTES = 32 << 20
# Leading dimension of the bits of relu, in bits.
_AUX_BITS = 128


class UnsupportedError(RuntimeError):
    """cublasLt has no algorithm for this product and epilogue."""


class Runtime(NamedTuple):
    """What products need of the device.

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


class _Operand(NamedTuple):
    """A matrix as cublasLt sees it: (rows, columns) in Fortran order, to be transposed or not."""

    rows: int
    columns: int
    leading: int
    transposed: bool
    dtype: str
    alignment: int


class _Plan(NamedTuple):
    """A product that was decided: descriptors and the algorithm."""

    description: int
    layouts: tuple[int, int, int]
    algorithm: np.ndarray
    workspace: int


class Products:
    """Products on one device; descriptors and algorithms are kept for the next time."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._handle = runtime.lt.create()
        self._plans: dict[Any, _Plan | None] = {}
        # The pointers of an epilogue are set in a descriptor that all threads share.
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
        """Product of A (M, K) and B (K, N), in Fortran order and in `dtype`, or that of A.

        Parameters
        ----------
        A, B : arrays
            In any order; of two dtypes the narrower one is taken.
        epilogue : str
            A key of `EPILOGUES`.
        bias : array of M, optional
            Read by BIAS and RELU_AUX_BIAS; BGRADA writes its sums there.
        mask : array that `empty_mask` made, optional
            Written by RELU_AUX_BIAS, read by DRELU.
        dtype : dtype, optional
            Of the result; float32 goes with operands in bfloat16.

        Raises
        ------
        UnsupportedError
            Where there is no such product.
        """
        runtime = self._runtime
        # Dropout in CuPy, for one, makes float32 of bfloat16.
        if A.dtype.itemsize > B.dtype.itemsize:
            A = A.astype(B.dtype)
        elif B.dtype != A.dtype:
            B = B.astype(A.dtype)
        (a, A), (b, B) = self._operand(A), self._operand(B)
        D = runtime.empty((B.shape[1], A.shape[0]), dtype or A.dtype)
        d = _Operand(A.shape[0], B.shape[1], A.shape[0], False, D.dtype.name, 256)
        with self._lock:
            plan = self._plan((a, b, d), epilogue, runtime.tf32())
            if bias is not None:
                self._set(plan.description, BIAS_POINTER, runtime.pointer(bias), np.int64)
            if mask is not None:
                self._set(plan.description, AUX_POINTER, runtime.pointer(mask), np.int64)
            scalar = np.float64 if d.dtype == "float64" else np.float32
            factors = np.asarray([1.0, 0.0], dtype=scalar)
            workspace = runtime.empty((max(1, plan.workspace),), np.uint8)
            of_a, of_b, of_d = plan.layouts
            at = runtime.pointer
            # The last argument but C, which is D and, its factor being 0, not read.
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
        """Room for one bit an element of a (rows, columns) matrix, columns padded to 128 bits."""
        return self._runtime.empty((columns, _mask_leading(rows) // 8), np.uint8)

    def _operand(self, x: Array) -> tuple[_Operand, Array]:
        steps = [stride // x.dtype.itemsize for stride in x.strides]
        rows, columns = x.shape
        # The stride of a side of length 1 says nothing.
        in_columns = (steps[0] == 1 or rows == 1) and (steps[1] >= rows or columns == 1)
        in_rows = (steps[1] == 1 or columns == 1) and (steps[0] >= columns or rows == 1)
        if not in_columns and not in_rows:
            copy = self._runtime.empty((columns, rows), x.dtype)
            copy[...] = x.T
            x, steps, in_columns = copy.T, [1, rows], True
        name, pointer = x.dtype.name, self._runtime.pointer(x)
        alignment = min(256, pointer & -pointer)
        if in_columns:
            return _Operand(rows, columns, max(steps[1], rows), False, name, alignment), x
        return _Operand(columns, rows, max(steps[0], columns), True, name, alignment), x

    def _plan(self, operands: tuple[_Operand, ...], epilogue: str, tf32: bool) -> _Plan:
        key = operands, epilogue, tf32
        if key not in self._plans:
            self._plans[key] = self._decide(operands, epilogue, tf32)
        plan = self._plans[key]
        if plan is None:
            a, b, d = operands
            msg = f"cublasLt has no {epilogue or 'plain'} product of {a} and {b} into {d}"
            raise UnsupportedError(msg)
        return plan

    def _decide(self, operands: tuple[_Operand, ...], epilogue: str, tf32: bool) -> _Plan | None:
        lt = self._runtime.lt
        a, b, d = operands
        compute, scale = COMPUTE_TF32 if tf32 else COMPUTE_32F, REAL_TYPES["float32"]
        if a.dtype == "float64":
            compute, scale = COMPUTE_64F, REAL_TYPES["float64"]
        elif a.dtype == "bfloat16":
            compute = COMPUTE_32F
        description = lt.matmul_desc_create(compute, scale)
        self._set(description, TRANSA, a.transposed, np.int32)
        self._set(description, TRANSB, b.transposed, np.int32)
        self._set(description, EPILOGUE, EPILOGUES[epilogue], np.int32)
        if epilogue in ("RELU_AUX_BIAS", "DRELU"):
            self._set(description, AUX_LD, _mask_leading(d.rows), np.int64)
            # Any address but 0, or no algorithm is found; the real one comes with every product.
            self._set(description, AUX_POINTER, 16, np.int64)
        if epilogue in ("BIAS", "RELU_AUX_BIAS", "BGRADA"):
            self._set(description, BIAS_POINTER, 16, np.int64)
        layouts = tuple(
            lt.matrix_layout_create(REAL_TYPES[x.dtype], x.rows, x.columns, x.leading)
            for x in operands
        )
        preference = lt.matmul_preference_create()
        try:
            wanted = {
                MAX_WORKSPACE: np.uint64(WORKSPACE_BYTES),
                REDUCTION_SCHEMES: np.uint32(_IN_ORDER),
            } | {MIN_ALIGNMENT_A + at: np.uint32(x.alignment) for at, x in enumerate((a, b, d, d))}
            for attribute, value in wanted.items():
                held = np.asarray(value)
                lt.matmul_preference_set_attribute(
                    preference, attribute, held.ctypes.data, held.nbytes
                )
            found, count = (
                np.zeros(1, dtype=lt.matmul_heuristic_result_dtype),
                np.zeros(1, np.int32),
            )
            of_a, of_b, of_d = layouts
            try:
                lt.matmul_algo_get_heuristic(
                    self._handle,
                    description,
                    of_a,
                    of_b,
                    of_d,
                    of_d,
                    preference,
                    1,
                    found.ctypes.data,
                    count.ctypes.data,
                )
            except lt.cuBLASLtError:
                return None
        finally:
            lt.matmul_preference_destroy(preference)
        if count[0] < 1 or found["state"][0] != 0:
            return None
        algorithm = np.ascontiguousarray(found["algo"])
        return _Plan(description, layouts, algorithm, int(found["workspace_size"][0]))

    def _set(self, description: int, attribute: int, value: int, dtype: Any) -> None:
        held = np.asarray(value, dtype=dtype)
        self._runtime.lt.matmul_desc_set_attribute(
            description, attribute, held.ctypes.data, held.nbytes
        )


def _mask_leading(rows: int) -> int:
    """Bits from one column of a mask to the next."""
    return -(-rows // _AUX_BITS) * _AUX_BITS
