"""The plan of a product by cublasLt: descriptors and the algorithm.

The constants are those of cublasLt.h, cublas_api.h and library_types.h; a test compares them with
nvmath-python's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

EPILOGUES = {"": 1, "BIAS": 4, "RELU_AUX_BIAS": 134, "DRELU": 136, "BGRADA": 256}
TRANSA, TRANSB, EPILOGUE, BIAS_POINTER, AUX_POINTER, AUX_LD = 3, 4, 7, 8, 11, 12
MAX_WORKSPACE, REDUCTION_SCHEMES, MIN_ALIGNMENT_A = 1, 3, 5
REAL_TYPES = {"float32": 0, "float64": 1, "bfloat16": 14}
COMPUTE_32F, COMPUTE_64F, COMPUTE_TF32 = 68, 70, 77

# Partial sums are added in a fixed order (COMPUTE_TYPE, OUTPUT_TYPE), never as they complete
# (INPLACE): two runs would differ.
_IN_ORDER = 2 | 4
# cuBLAS's own default on Hopper.
WORKSPACE_BYTES = 32 << 20
# The leading dimension of a mask is a multiple of so many bits.
_AUX_BITS = 128


class Operand(NamedTuple):
    """A matrix as given to cublasLt: (rows, columns) in Fortran order, transposed or not."""

    rows: int
    columns: int
    leading: int
    transposed: bool
    dtype: str
    alignment: int


class Plan(NamedTuple):
    """Descriptors and algorithm of a product."""

    description: int
    layouts: tuple[int, int, int]
    algorithm: np.ndarray
    workspace: int


def decide(
    lt: Any, handle: int, operands: tuple[Operand, ...], epilogue: str, *, tf32: bool
) -> Plan | None:
    """Plan of the product of the first two operands into the third; None if cublasLt has no algorithm."""
    a, b, d = operands
    compute, scale = COMPUTE_TF32 if tf32 else COMPUTE_32F, REAL_TYPES["float32"]
    if a.dtype == "float64":
        compute, scale = COMPUTE_64F, REAL_TYPES["float64"]
    elif a.dtype == "bfloat16":
        compute = COMPUTE_32F
    description = lt.matmul_desc_create(compute, scale)
    set_attribute(lt, description, TRANSA, a.transposed, np.int32)
    set_attribute(lt, description, TRANSB, b.transposed, np.int32)
    set_attribute(lt, description, EPILOGUE, EPILOGUES[epilogue], np.int32)
    if epilogue in ("RELU_AUX_BIAS", "DRELU"):
        set_attribute(lt, description, AUX_LD, mask_leading(d.rows), np.int64)
        # Any address but 0: with 0 no algorithm is found. Each product sets its own.
        set_attribute(lt, description, AUX_POINTER, 16, np.int64)
    if epilogue in ("BIAS", "RELU_AUX_BIAS", "BGRADA"):
        set_attribute(lt, description, BIAS_POINTER, 16, np.int64)
    layouts = tuple(
        lt.matrix_layout_create(REAL_TYPES[x.dtype], x.rows, x.columns, x.leading) for x in operands
    )
    preference = lt.matmul_preference_create()
    try:
        wanted = {
            MAX_WORKSPACE: np.uint64(WORKSPACE_BYTES),
            REDUCTION_SCHEMES: np.uint32(_IN_ORDER),
        } | {MIN_ALIGNMENT_A + at: np.uint32(x.alignment) for at, x in enumerate((a, b, d, d))}
        for attribute, value in wanted.items():
            held = np.asarray(value)
            lt.matmul_preference_set_attribute(preference, attribute, held.ctypes.data, held.nbytes)
        found, count = (
            np.zeros(1, dtype=lt.matmul_heuristic_result_dtype),
            np.zeros(1, np.int32),
        )
        of_a, of_b, of_d = layouts
        try:
            lt.matmul_algo_get_heuristic(
                handle,
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
    return Plan(description, layouts, algorithm, int(found["workspace_size"][0]))


def set_attribute(lt: Any, description: int, attribute: int, value: int, dtype: Any) -> None:
    """Set one attribute of a product, an integer of that dtype."""
    held = np.asarray(value, dtype=dtype)
    lt.matmul_desc_set_attribute(description, attribute, held.ctypes.data, held.nbytes)


def mask_leading(rows: int) -> int:
    """Leading dimension of a mask, in bits."""
    return -(-rows // _AUX_BITS) * _AUX_BITS
