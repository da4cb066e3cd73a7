"""Every elementwise formula can be traced by cupy.fuse, and the kernel it makes gives the formula's numbers.

Needs CuPy, but no GPU: see `cupy_without_a_device`.
"""

from __future__ import annotations

import importlib
import re
import shutil
from functools import partial
from typing import Any, NamedTuple

import cupy_without_a_device as without
import numpy as np
import pytest
from namespaces import require

from dnn_xp.backends.cuda import cublaslt_plans as numbers
from dnn_xp.backends.cuda.fusing import kernel_of
from dnn_xp.backends.cuda.lowering import outer_derivative
from dnn_xp.formulas import ACTIVATIONS, COSTS
from dnn_xp.formulas.layers import activated


class Case(NamedTuple):
    formula: Any
    inputs: int
    results: int


CASES = {
    f"{name} {what}": case
    for name, g in ACTIVATIONS.items()
    if g.elementwise
    for what, case in {
        "forward": Case(g.forward, 1, 1),
        "backward": Case(g.backward, 2, 1),
        "activated": Case(partial(activated, activation=g), 2, 2),
        "outer": Case(partial(outer_derivative, activation=g), 3, 1),
    }.items()
} | {
    f"{name} {what}": Case(formula, 2, 1)
    for name, cost in COSTS.items()
    if ACTIVATIONS[cost.activation].elementwise
    for what, formula in {"loss": cost.loss, "derivative": cost.derivative}.items()
}
SIZE = 2000


@pytest.fixture(scope="module")
def cupy():
    return require("cupy-traced", lambda: importlib.import_module("cupy"))


@pytest.fixture(scope="module")
def bfloat16():
    return np.dtype(require("ml_dtypes", lambda: importlib.import_module("ml_dtypes")).bfloat16)


@pytest.fixture(params=["float32", "float64", "bfloat16"])
def dtype(request):
    return np.dtype(
        request.getfixturevalue("bfloat16") if request.param == "bfloat16" else request.param
    )


def traced(cupy, case, dtype):
    function = kernel_of(case.formula, cupy, inputs=case.inputs, narrow=dtype.itemsize == 2)
    return without.kernel(cupy, function, [np.zeros((4, 3), dtype)] * (case.inputs + case.results))


@pytest.mark.parametrize("name", CASES)
def test_tracing_computes_in_no_dtype_but_the_wanted_one(cupy, name, dtype):
    kernel = traced(cupy, CASES[name], dtype)
    variables = re.findall(r"^(\w+) v\d+(?:_\d+)?;", kernel.operation, re.MULTILINE)
    # cupy.fuse once did the arithmetic of two Python numbers in float16.
    wanted = {"float64": {"double", "bool"}}.get(dtype.name, {"float", "bool"})
    assert set(re.findall(r"\b(\w+) v\d+_\d+;", kernel.operation)) <= wanted
    assert set(variables) <= wanted
    assert [each.dtype for each in kernel.in_params] == [dtype] * len(kernel.in_params)


def test_kernels_give_the_numbers_of_the_formulas(cupy, bfloat16, tmp_path, rng):
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler to run the kernels with")
    dtypes = [np.dtype("float32"), np.dtype("float64"), bfloat16]
    cases = {
        f"k{number}_{dtype.name}": (case, dtype)
        for number, case in enumerate(CASES.values())
        for dtype in dtypes
    }
    sources = {
        name: without.source(traced(cupy, case, dtype), name)
        for name, (case, dtype) in cases.items()
    }
    functions = without.compiled(sources, tmp_path)
    for name, (case, dtype) in cases.items():
        inputs = [(3 * rng.standard_normal(SIZE)).astype(dtype) for _ in range(case.inputs)]
        outputs = [np.full(SIZE, 77, dtype=dtype) for _ in range(case.results)]
        functions[name](*inputs, *outputs)
        wide = [each.astype(np.float64) for each in inputs]
        expected = case.formula(*wide, xp=np)
        eps = 2.0**-8 if dtype == bfloat16 else float(np.finfo(dtype).eps)
        for found, exact in zip(
            outputs, expected if isinstance(expected, tuple) else (expected,), strict=True
        ):
            assert found.dtype == dtype
            # Formulas like that of gelu take 1 - tanh^2 of large arguments: some ulps of 1, times Z.
            np.testing.assert_allclose(
                found.astype(np.float64), exact, rtol=16 * eps, atol=300 * eps, err_msg=name
            )


@pytest.mark.parametrize("architecture", ["sm_90", "sm_100"])
def test_kernels_compile_for_a_gpu(cupy, bfloat16, architecture):
    require("nvrtc", lambda: importlib.import_module("nvidia.cuda_nvrtc"))
    sources = [
        without.cuda_source(traced(cupy, case, dtype), f"k{number}_{dtype.name}")
        for number, case in enumerate(CASES.values())
        for dtype in (np.dtype("float32"), np.dtype("float64"), bfloat16)
    ]
    assert len(without.machine_code(cupy, sources, architecture)) > 1000 * len(sources)


def test_the_numbers_of_cublaslt_are_those_of_nvmath():
    lt = require("nvmath", lambda: importlib.import_module("nvmath.bindings.cublasLt"))
    types = importlib.import_module("nvmath").CudaDataType
    compute = importlib.import_module("nvmath.bindings.cublas").ComputeType
    for name, number in numbers.EPILOGUES.items():
        assert lt.Epilogue[name or "DEFAULT"] == number
    of_product, of_search = lt.MatmulDescAttribute, lt.MatmulPreferenceAttribute
    names = {
        of_product.TRANSA: numbers.TRANSA,
        of_product.TRANSB: numbers.TRANSB,
        of_product.EPILOGUE: numbers.EPILOGUE,
        of_product.BIAS_POINTER: numbers.BIAS_POINTER,
        of_product.EPILOGUE_AUX_POINTER: numbers.AUX_POINTER,
        of_product.EPILOGUE_AUX_LD: numbers.AUX_LD,
        of_search.MAX_WORKSPACE_BYTES: numbers.MAX_WORKSPACE,
        of_search.REDUCTION_SCHEME_MASK: numbers.REDUCTION_SCHEMES,
        of_search.MIN_ALIGNMENT_A_BYTES: numbers.MIN_ALIGNMENT_A,
        of_search.MIN_ALIGNMENT_D_BYTES: numbers.MIN_ALIGNMENT_A + 3,
        types.CUDA_R_32F: numbers.REAL_TYPES["float32"],
        types.CUDA_R_64F: numbers.REAL_TYPES["float64"],
        types.CUDA_R_16BF: numbers.REAL_TYPES["bfloat16"],
        compute.COMPUTE_32F: numbers.COMPUTE_32F,
        compute.COMPUTE_32F_FAST_TF32: numbers.COMPUTE_TF32,
        compute.COMPUTE_64F: numbers.COMPUTE_64F,
    }
    for theirs, ours in names.items():
        assert theirs == ours, theirs
    schemes = lt.ReductionScheme
    assert schemes.COMPUTE_TYPE | schemes.OUTPUT_TYPE == numbers._IN_ORDER
    for attribute, size in {
        of_product.TRANSA: 4,
        of_product.EPILOGUE: 4,
        of_product.BIAS_POINTER: 8,
        of_product.EPILOGUE_AUX_LD: 8,
    }.items():
        assert np.dtype(lt.get_matmul_desc_attribute_dtype(attribute)).itemsize == size
    assert lt.matmul_heuristic_result_dtype["algo"].itemsize == 64
