"""The layers of the CuPy backend put together: NumPy stands in for CuPy, the emulator for cublasLt."""

from __future__ import annotations

import types

import numpy as np
import pytest
from as_cuda import serve_as_cuda
from cublaslt_emulator import Emulator, runtime

import dnn_xp
from dnn_xp.backends.cuda.cublaslt import Products
from dnn_xp.backends.cuda.fusing import fuser
from dnn_xp.backends.cuda.layers import fortran_matmul, layers_on
from dnn_xp.backends.numpy.backend import numpy_backend


def as_cupy():
    """NumPy under CuPy's name: what is fused is run as it is, into the arrays that were made for it."""
    module = types.SimpleNamespace(**vars(np))
    module.kernels = []

    def fuse(kernel_name):
        module.kernels.append(kernel_name)
        return lambda function: function

    module.fuse, module.asnumpy = fuse, np.asarray
    module.empty = lambda shape, dtype: np.full(shape, 77, dtype=dtype)
    return module


def backend(layers):
    plain = numpy_backend()
    xp = types.ModuleType("array_api_compat.numpy")
    xp.__dict__.update(vars(plain.xp), matmul=layers.matmul)
    # One block after the other, as in CuPy.
    one = plain._replace(device_name="cuda:0", python_threads=False)
    return one._replace(xp=xp, lower=layers.lower, note=layers.note)


@pytest.fixture
def data(rng):
    X = rng.standard_normal((6, 300))
    return X, X[0] * X[1] > 0


def train(monkeypatch, layers, data, **how):
    serve_as_cuda(monkeypatch, lambda: backend(layers))
    options = {"hidden": [9, 7], "iterations": 20, "block_size": 128} | how
    return dnn_xp.train(*data, device="cuda", **options), dnn_xp.train(*data, **options)


@pytest.mark.parametrize("products", [True, False], ids=["cublasLt", "CuPy alone"])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"activation": "tanh"},
        {"activation": "silu"},
        {"activation": ["identity", "gelu"]},
        {"keep_prob": 0.7},
        {"batch_size": 64, "epochs": 3, "iterations": None},
        {"optimizer": "lbfgs"},
        {"l2": 0.1, "standardize": True, "validation": 0.2},
    ],
    ids=str,
)
def test_a_training_goes_the_same_way(monkeypatch, data, products, how):
    made = Products(runtime(Emulator())) if products else None
    model, expected = train(monkeypatch, layers_on(as_cupy(), made, "no nvmath"), data, **how)
    np.testing.assert_allclose(model.theta, expected.theta, rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        model.predict_proba(data[0]), expected.predict_proba(data[0]), atol=1e-9
    )
    assert model.evaluate(*data).cost == pytest.approx(expected.evaluate(*data).cost, rel=1e-9)


def test_softmax_and_regression(monkeypatch, rng):
    X = rng.standard_normal((5, 200))
    layers = layers_on(as_cupy(), Products(runtime(Emulator())), "")
    for Y in (rng.integers(0, 3, 200), np.sin(X[:2])):
        model, expected = train(monkeypatch, layers, (X, Y))
        np.testing.assert_allclose(model.theta, expected.theta, rtol=0, atol=1e-9)


def test_elementwise_formulas_are_fused_and_only_once(monkeypatch, data):
    cupy = as_cupy()
    train(monkeypatch, layers_on(cupy, None, "no nvmath"), data, activation="tanh")
    assert sorted(cupy.kernels) == [
        "dnn_xp_activated",
        "dnn_xp_binary_cross_entropy",
        "dnn_xp_binary_cross_entropy_derivative",
        "dnn_xp_tanh_backward",
    ]


def test_a_kernel_has_a_name_that_c_accepts():
    cupy = as_cupy()
    square = fuser(cupy)(lambda x, *, xp: x * x)
    assert square(np.asarray([[3.0]]), xp=np).tolist() == [[9.0]]
    assert all(name.isidentifier() for name in cupy.kernels)


def test_a_formula_that_cannot_be_traced_is_run_as_written(monkeypatch, data):
    cupy = as_cupy()
    fuse = cupy.fuse

    def picky(kernel_name):
        def refuse(*arrays):
            raise TypeError("clip is not supported")

        return (lambda written: refuse) if "tanh_backward" in kernel_name else fuse(kernel_name)

    cupy.fuse = picky
    with pytest.warns(
        UserWarning,
        match=r"^CuPy cannot fuse tanh_backward, which runs as written, .*: clip is not supported$",
    ) as warned:
        model, expected = train(monkeypatch, layers_on(cupy, None, ""), data, activation="tanh")
    assert len(warned) == 1
    np.testing.assert_allclose(model.theta, expected.theta, rtol=0, atol=1e-9)


def test_memory_that_runs_out_in_a_kernel_is_no_reason_to_give_up(monkeypatch, data):
    cupy, failures = as_cupy(), [MemoryError("no room")]

    def once(kernel_name):
        def failing(written):
            def run(*arrays):
                if failures:
                    raise failures.pop()
                return written(*arrays)

            return run

        return failing

    cupy.fuse = once
    with pytest.warns(dnn_xp.BlockSizeWarning, match="blocks of 128 .* blocks of 64"):
        model, expected = train(monkeypatch, layers_on(cupy, None, ""), data)
    np.testing.assert_allclose(model.theta, expected.theta, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("layers", "note"),
    [
        (
            lambda: layers_on(as_cupy(), None, "it is not there"),
            "CuPy alone, since it is not there",
        ),
        (lambda: layers_on(as_cupy(), Products(runtime(Emulator())), ""), "cublasLt"),
        (
            lambda: layers_on(as_cupy(), Products(runtime(Emulator(broken="DRELU"))), ""),
            "cublasLt, without DRELU: it is wrong by 1.0e+00",
        ),
    ],
    ids=["absent", "right", "wrong"],
)
def test_the_record_says_how(monkeypatch, data, layers, note):
    model, expected = train(monkeypatch, layers(), data)
    assert model.record.reason == f"as asked; layers by {note}"
    np.testing.assert_allclose(model.theta, expected.theta, rtol=0, atol=1e-9)


def test_products_of_cupy_are_in_columns(rng):
    A, B = rng.standard_normal((3, 4)), rng.standard_normal((4, 5))
    D = fortran_matmul(np)(A, B)
    np.testing.assert_allclose(D, A @ B)
    assert D.flags.f_contiguous


def test_a_periodic_encoding_has_its_stacked_products(data, monkeypatch):
    """Products of stacks of matrices, which cublasLt and products in Fortran order are not for."""
    how = {"hidden": [5], "iterations": 4, "number_encoding": "periodic", "dtype": "float64"}
    expected = dnn_xp.train(*data, **how)
    cupy = as_cupy()
    emulated = Products(runtime(Emulator()))
    for products, problem in ((emulated, ""), (None, "there is no cublasLt")):
        layers = layers_on(cupy, products, problem)
        serve_as_cuda(monkeypatch, lambda layers=layers: backend(layers))
        found = dnn_xp.train(*data, device="cuda", **how)
        np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-9, atol=1e-12)
