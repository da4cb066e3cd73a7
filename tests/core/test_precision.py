"""Lower precision where a library has it: what it costs in accuracy, what stays in float32, what is refused."""

from __future__ import annotations

import importlib
import sys
import types

import numpy as np
import pytest
from namespaces import require, usable
from refusals import refused

import dnn_xp
from dnn_xp.backends import precision
from dnn_xp.backends.choice import backend_named
from dnn_xp.backends.precision import with_precision
from dnn_xp.data.host import to_host
from dnn_xp.data.sources.base import ArraySource
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.objective import Objective
from dnn_xp.formulas import ACTIVATIONS, COSTS
from dnn_xp.formulas.network import Network

NETWORK = Network(
    (6, 16, 16, 1),
    tuple(ACTIVATIONS[n] for n in ("relu", "tanh", "sigmoid")),
    COSTS["binary_cross_entropy"],
)
X = np.random.default_rng(5).standard_normal((6, 400)).astype(np.float32)
Y = (X[:1] * X[1:2] > 0).astype(np.float32)


@pytest.fixture(params=["torch", "jax", "cupy"])
def library(request):
    require(request.param, lambda: usable(request.param))
    return request.param


@pytest.fixture
def asarray(library):
    return usable(library).asarray


def gradient(library, dtype, precision=""):
    """J and its gradient, at one theta, as float64."""
    backend = backend_named(library)
    theta = np.random.default_rng(6).standard_normal(NETWORK.parameter_count) * 0.3
    source = [ArraySource(backend.from_host(array.astype(dtype))) for array in (X, Y)]
    objective = Objective(
        NETWORK, backend, dtype=dtype, block_size=lambda m: 90, precision=precision
    )
    at = backend.from_host(theta.astype(dtype))
    J, slope = objective.cost_and_gradient(at, Examples(*source, None))
    assert str(slope.dtype).endswith(dtype)
    assert str(J.dtype).endswith(dtype)
    return float(J), to_host(slope).astype(np.float64)


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def test_the_error_that_bfloat16_brings(library):
    J, exact = gradient("numpy", "float64")
    J32, plain = gradient(library, "float32")
    J16, narrow = gradient(library, "float32", "bfloat16")
    assert relative(plain, exact) < 1e-6
    assert abs(J32 - J) < 1e-6
    # 2^-8 is the rounding of one number. Below a tenth of it nothing would have been rounded.
    assert 2**-8 / 10 < relative(narrow, exact) < 2**-8 * 5
    assert abs(J16 - J) < 2**-8 * J


def test_parameters_stay_in_float32_under_bfloat16(asarray):
    start = [(np.full((1, 6), 0.5, np.float32), np.full((1, 1), 0.5, np.float32))]
    model = dnn_xp.train(
        asarray(X),
        asarray(Y),
        hidden=(),
        initialization=start,
        optimizer="gradient_descent",
        learning_rate=1e-4,
        iterations=20,
        precision="bfloat16",
    )
    W, _ = model.parameters[0]
    moved = np.abs(np.asarray(W) - 0.5)
    # Of bfloat16 0.5 and its neighbour are 2^-9 apart: no such step would ever have arrived there.
    assert (moved > 0).all()
    assert moved.max() < 2**-9
    assert str(W.dtype).endswith("float32")


def test_training_in_bfloat16_learns_what_float32_learns(asarray):
    def train(**how):
        return dnn_xp.train(asarray(X), asarray(Y), hidden=[16], iterations=150, **how)

    plain, narrow = train(), train(precision="bfloat16")
    assert plain.record.precision == ""
    assert (narrow.record.dtype, narrow.record.precision) == ("float32", "bfloat16")
    assert "float32, products in bfloat16" in str(narrow.record)
    assert narrow.history.costs != plain.history.costs
    np.testing.assert_allclose(narrow.history.costs, plain.history.costs, rtol=0.05)
    # Predictions are those of the parameters, in float32.
    assert str(narrow.predict_proba(X).dtype) == "float32"
    again = narrow.to("cpu").predict_proba(X)
    np.testing.assert_allclose(narrow.predict_proba(X), again, rtol=2e-5, atol=1e-6)


def test_other_ways_to_train_in_bfloat16(asarray):
    model = dnn_xp.train(
        asarray(X.T * 3 + 5),
        asarray(Y[0]),
        examples="rows",
        hidden=[16, 16],
        standardize=True,
        keep_prob=0.9,
        l2=0.1,
        sample_weight=np.linspace(0.5, 1.5, 400),
        validation=0.2,
        batch_size=64,
        epochs=30,
        learning_rate=0.01,
        seed=1,
        precision="bfloat16",
    )
    assert model.history.costs[-1] < 0.7 * model.history.costs[0]


def test_the_record_of_the_precision_is_saved(tmp_path):
    torch = require("torch", lambda: importlib.import_module("torch"))
    model = dnn_xp.train(torch.asarray(X), torch.asarray(Y), iterations=2, precision="bfloat16")
    model.save(tmp_path / "model")
    assert dnn_xp.load(tmp_path / "model").record.precision == "bfloat16"


def test_precision_chooses_the_dtype():
    assert dnn_xp.train(X, Y, iterations=1, precision="float64").record.dtype == "float64"
    model = dnn_xp.train(X.astype(np.float64), Y, iterations=1, precision="float32")
    assert (model.record.dtype, model.record.precision) == ("float32", "")


@pytest.mark.parametrize(
    ("how", "text"),
    [
        (
            {"precision": "bfloat"},
            "precision | 'bfloat' | one of 'float32', ... | did you mean 'bfloat16'?",
        ),
        (
            {"precision": "bfloat16"},
            (
                "precision | 'bfloat16' with numpy | another one here: numpy alone cannot ... "
                "| leave precision out, or pass X and Y as PyTorch tensors ... device='cuda'"
            ),
        ),
        (
            {"precision": "tf32"},
            (
                "precision | 'tf32' on cpu with numpy | another one here: TF32 is a mode of CUDA "
                "GPUs | leave precision out, or pass device='cuda'"
            ),
        ),
        (
            {"precision": "tf32", "dtype": "float64"},
            "dtype | 'float64' | 'float32' where precision='tf32' is given | leave one of them out",
        ),
        (
            {"precision": "float64", "dtype": "float32"},
            "dtype | 'float32' | 'float64' where precision='float64' is given | leave one of them out",
        ),
        (
            {"precision": "bfloat16", "optimizer": "lbfgs"},
            (
                "precision | 'bfloat16' | left out where optimizer='lbfgs' is given | its line search "
                "needs the exact cost: leave it out, or pass optimizer='adam'"
            ),
        ),
    ],
    ids=["unknown", "numpy", "tf32 on the CPU", "two dtypes", "wider", "lbfgs"],
)
def test_refused(how, text):
    with refused(ValueError, text):
        dnn_xp.train(X, Y, iterations=1, **how)


# The switches of TF32. No GPU is needed to see that they are set and put back.


def on_gpu(library):
    return backend_named("numpy")._replace(library=library, device_name="cuda:0")


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("chosen", ["tf32", "float32"])
def test_the_switch_of_torch(before, chosen):
    torch = require("torch", lambda: importlib.import_module("torch"))
    kept = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = before
    try:
        with with_precision(on_gpu("torch"), chosen).active():
            assert torch.backends.cuda.matmul.allow_tf32 is (chosen == "tf32")
        assert torch.backends.cuda.matmul.allow_tf32 is before
    finally:
        torch.backends.cuda.matmul.allow_tf32 = kept


@pytest.mark.parametrize(("chosen", "name"), [("tf32", "tensorfloat32"), ("float32", "float32")])
def test_the_switch_of_jax(chosen, name):
    jax = require("jax", lambda: importlib.import_module("jax"))
    before = jax.config.jax_default_matmul_precision
    with with_precision(on_gpu("jax"), chosen).active():
        assert jax.config.jax_default_matmul_precision == name
    assert jax.config.jax_default_matmul_precision == before


@pytest.mark.parametrize(("chosen", "mode"), [("tf32", 7), ("float32", 4)])
def test_the_switch_of_cupy(monkeypatch, chosen, mode):
    # As in CuPy 14: cupy._core._routines_linalg, modes by number, one for each dtype.
    modes = {"float32": 1}
    linalg = types.SimpleNamespace(
        COMPUTE_TYPE_FP32=4,
        COMPUTE_TYPE_TF32=7,
        get_compute_type=lambda dtype: modes[dtype.name],
        set_compute_type=lambda dtype, value: modes.update({dtype.name: value}),
    )
    core = types.SimpleNamespace(_routines_linalg=linalg)
    cupy = types.SimpleNamespace(dtype=np.dtype, _core=core)
    for name, module in {
        "cupy": cupy,
        "cupy._core": core,
        "cupy._core._routines_linalg": linalg,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    with with_precision(on_gpu("cupy"), chosen).active():
        assert modes == {"float32": mode}
    assert modes == {"float32": 1}


def test_bfloat16_is_refused_where_cupy_computes():
    with refused(
        ValueError,
        "precision | 'bfloat16' with cupy | another one here: cupy alone cannot compute in bfloat16 "
        "| leave precision out, or install nvmath-python and ml_dtypes, which compute with it",
    ):
        with_precision(on_gpu("cupy"), "bfloat16")


def test_on_the_cpu_nothing_is_switched():
    backend = backend_named("numpy")
    assert with_precision(backend, "float32") is backend
    assert set(precision._TF32) == {"cupy", "torch", "jax"}
