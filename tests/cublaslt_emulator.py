"""cublasLt as its manual has it, on host memory: what columns, flags, leading dimensions and epilogues mean."""

from __future__ import annotations

import ctypes

import numpy as np

from dnn_xp.backends.cuda import cublaslt_plans as numbers
from dnn_xp.backends.cuda.cublaslt import Runtime

TYPES = {0: "float32", 1: "float64"}
WIDTHS = {np.int32: ctypes.c_int32, np.int64: ctypes.c_int64}


def columns(pointer, dtype, rows, count, leading):
    """A matrix in Fortran order at an address, to be read and written."""
    assert pointer, "a null pointer"
    size = leading * (count - 1) + rows
    flat = np.ctypeslib.as_array(
        (ctypes.c_char * (size * np.dtype(dtype).itemsize)).from_address(pointer)
    ).view(dtype)
    return np.lib.stride_tricks.as_strided(
        flat, (rows, count), (flat.itemsize, leading * flat.itemsize)
    )


class Error(RuntimeError):
    """CUBLAS_STATUS_NOT_SUPPORTED."""


class Emulator:
    """The part of nvmath.bindings.cublasLt that `dnn_xp.backends.cuda.cublaslt` calls.

    Parameters
    ----------
    refuse : callable, optional
        Of (epilogue, rows, columns, depth): whether there is no algorithm.
    broken : str
        An epilogue that gives wrong numbers.
    """

    cuBLASLtError = Error  # noqa: N815  as in nvmath-python
    matmul_heuristic_result_dtype = np.dtype(
        [("algo", [("data_", "<u8", (8,))]), ("workspace_size", "<u8"), ("state", "<i4"),
         ("waves_count", "<f4"), ("reserved", "<i4", (4,))],
        align=True,
    )  # fmt: skip

    def __init__(self, refuse=lambda *what: False, broken=""):
        self.refuse, self.broken = refuse, broken
        self.descriptions, self.layouts, self.preferences = {}, {}, {}
        self.calls = []
        self.asked = 0
        self._count = 0

    def _new(self, table, value):
        self._count += 1
        table[self._count] = value
        return self._count

    def create(self):
        return 7

    def matmul_desc_create(self, compute, scale):
        return self._new(self.descriptions, {"compute": compute, "scale": scale})

    def matmul_desc_set_attribute(self, description, attribute, buffer, size):
        width = {4: ctypes.c_int32, 8: ctypes.c_int64}[size]
        wanted = 4 if attribute in (numbers.TRANSA, numbers.TRANSB, numbers.EPILOGUE) else 8
        assert size == wanted, f"attribute {attribute} has {wanted} bytes"
        self.descriptions[description][attribute] = width.from_address(buffer).value

    def matrix_layout_create(self, dtype, rows, count, leading):
        assert leading >= rows > 0 < count
        return self._new(self.layouts, (TYPES[dtype], rows, count, leading))

    def matmul_preference_create(self):
        return self._new(self.preferences, {})

    def matmul_preference_set_attribute(self, preference, attribute, buffer, size):
        assert size == (8 if attribute == numbers.MAX_WORKSPACE else 4)
        width = {4: ctypes.c_uint32, 8: ctypes.c_uint64}[size]
        self.preferences[preference][attribute] = width.from_address(buffer).value

    def matmul_preference_destroy(self, preference):
        del self.preferences[preference]

    def _shape(self, description, of_a, of_b, of_d):
        """(rows, columns, depth) and the name of the epilogue; mismatches are errors."""
        settings = self.descriptions[description]
        a, b = (
            self.layouts[of][1:3][:: -1 if settings[flag] else 1]
            for of, flag in ((of_a, numbers.TRANSA), (of_b, numbers.TRANSB))
        )
        assert a[1] == b[0]
        assert self.layouts[of_d][1:3] == (a[0], b[1])
        names = {number: name for name, number in numbers.EPILOGUES.items()}
        return (a[0], b[1], a[1]), names[settings[numbers.EPILOGUE]]

    def matmul_algo_get_heuristic(
        self, handle, description, of_a, of_b, of_c, of_d, preference, most, results, count
    ):
        self.asked += 1
        assert handle == 7
        assert of_c == of_d
        (rows, cols, depth), epilogue = self._shape(description, of_a, of_b, of_d)
        settings = self.descriptions[description]
        if epilogue in ("RELU_AUX_BIAS", "DRELU"):
            leading = settings[numbers.AUX_LD]
            assert leading % 128 == 0
            assert leading >= rows
            assert settings[numbers.AUX_POINTER]
        # cuBLAS has no DRELU of depth 1.
        refused = (epilogue == "DRELU" and depth == 1) or self.refuse(epilogue, rows, cols, depth)
        ctypes.c_int32.from_address(count).value = 0 if refused else most
        ctypes.c_uint64.from_address(results).value = 4242
        ctypes.c_uint64.from_address(results + 64).value = 1024

    def matmul(
        self, handle, description, alpha, a, of_a, b, of_b, beta, c, of_c, d, of_d, algorithm,
        workspace, workspace_size, stream,
    ):  # fmt: skip
        assert (handle, stream, workspace_size, c) == (7, 99, 1024, d)
        assert ctypes.c_uint64.from_address(algorithm).value == 4242
        assert workspace
        (rows, cols, _), epilogue = self._shape(description, of_a, of_b, of_d)
        settings = self.descriptions[description]
        scalar = {0: ctypes.c_float, 1: ctypes.c_double}[settings["scale"]]
        assert (scalar.from_address(alpha).value, scalar.from_address(beta).value) == (1.0, 0.0)
        A, B, D = (
            columns(pointer, *self.layouts[of]) for pointer, of in ((a, of_a), (b, of_b), (d, of_d))
        )
        A, B = (
            matrix.T if settings[flag] else matrix
            for matrix, flag in ((A, numbers.TRANSA), (B, numbers.TRANSB))
        )
        self.calls.append((epilogue, (rows, cols), settings["compute"]))
        product = A @ B
        if epilogue in ("BIAS", "RELU_AUX_BIAS", "BGRADA"):
            bias = columns(settings[numbers.BIAS_POINTER], D.dtype, rows, 1, rows)
        if epilogue in ("RELU_AUX_BIAS", "DRELU"):
            leading = settings[numbers.AUX_LD] // 8
            bits = columns(settings[numbers.AUX_POINTER], np.uint8, leading, cols, leading)
        if epilogue in ("BIAS", "RELU_AUX_BIAS"):
            product = product + bias
        if epilogue == "RELU_AUX_BIAS":
            packed = np.packbits(product > 0, axis=0, bitorder="little")
            bits[: len(packed)] = packed
            product = np.maximum(product, 0)
        if epilogue == "DRELU":
            product = product * np.unpackbits(bits, axis=0, bitorder="little")[:rows]
        if epilogue == "BGRADA":
            bias[...] = A.sum(axis=1, keepdims=True)
        D[...] = product + (1 if epilogue and epilogue == self.broken else 0)


def runtime(emulator, *, tf32=False):
    """Products on NumPy arrays by the emulator."""

    def empty(shape, dtype):
        # Poisoned, so that what is not written shows.
        return np.full(shape, 77, dtype=dtype)

    return Runtime(
        lt=emulator,
        empty=empty,
        pointer=lambda array: array.ctypes.data,
        stream=lambda: 99,
        tf32=lambda: tf32,
    )
