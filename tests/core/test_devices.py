"""Which device computes: what was asked, what was used, and one warning that says why they differ."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
from namespaces import require
from refusals import refused

import dnn_xp
from dnn_xp.common.errors import ArgumentError, render

rng = np.random.default_rng(1)
X = rng.standard_normal((3, 40))
Y = X[0] > 0


def train(**how):
    return dnn_xp.train(X, Y, hidden=[3], **{"iterations": 2} | how)


class Device:
    """cupy.cuda.Device as far as the probe uses it."""

    def __init__(self, index):
        self.index = index

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


def fake_cupy(*, devices=1, fails=None, wrong=False):
    """A module that passes for CuPy up to the probe, computed by NumPy."""

    def device_count():
        if isinstance(devices, Exception):
            raise devices
        return devices

    def maximum(*arguments):
        if fails is not None:
            raise fails
        return np.maximum(*arguments) + (1 if wrong else 0)

    cupy = types.ModuleType("cupy")
    cupy.__version__ = "14.0-fake"
    cupy.ndarray = type("ndarray", (), {})
    cupy.float32, cupy.arange, cupy.maximum, cupy.asnumpy = (
        np.float32,
        np.arange,
        maximum,
        np.asarray,
    )
    cupy.cuda = types.SimpleNamespace(
        Device=Device, runtime=types.SimpleNamespace(getDeviceCount=device_count)
    )
    return cupy


DRIVER = RuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient")
FAILURES = {
    "not installed": (None, "cuda", r"CuPy is not installed \(pip install 'dnn_xp\[cuda12\]'"),
    "no driver": (fake_cupy(devices=DRIVER), "cuda", r"no usable CUDA driver: cudaErrorInsuff"),
    "no device": (fake_cupy(devices=0), "cuda", r"cuda:0 was asked for, but no CUDA device was fo"),
    "too high": (fake_cupy(devices=2), "cuda:2", r"cuda:2 was asked for, but the .* are 0 to 1"),
    "probe fails": (
        fake_cupy(fails=RuntimeError("nvrtc: error: no kernel image")),
        "cuda:0",
        r"a small kernel failed on cuda:0: nvrtc: error: no kernel image",
    ),
    "probe is wrong": (
        fake_cupy(wrong=True),
        "cuda",
        r"a small kernel gave a wrong result on cuda:0",
    ),
}


@pytest.fixture
def no_cuda(monkeypatch):
    """A machine without CuPy, whatever is installed here."""
    monkeypatch.setitem(sys.modules, "cupy", None)


# Without CUDA


@pytest.mark.parametrize("device", [None, "auto", "cpu"])
def test_host_arrays_are_computed_on_the_cpu(device):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = train(device=device)
    record = model.record
    assert (record.requested, record.device, record.library) == (str(device), "cpu", "numpy")
    assert record.version == np.__version__
    assert record.dtype == "float64"
    assert (record.reason == "as asked") == (device == "cpu")
    blas = f", {record.blas}" if record.blas else ""
    assert str(record).startswith(
        f"cpu with numpy {np.__version__}, float64{blas}, 1 block of 40 ex"
    )
    assert f"(asked for: {device}; {record.reason})" in str(record)


@pytest.mark.parametrize("library", ["torch", "jax", "array_api_strict"])
def test_arrays_stay_where_they_are(library):
    require(library, lambda: importlib.import_module(library))
    xp = importlib.import_module("jax.numpy" if library == "jax" else library)
    for device in (None, "auto"):
        model = dnn_xp.train(xp.asarray(X), [0, 1] * 20, hidden=[3], iterations=1, device=device)
        assert model.record.library == library
        assert model.record.reason == "the arrays were already there"


# CUDA that cannot be used


@pytest.mark.parametrize("failure", FAILURES)
def test_one_warning_says_why_the_cpu_goes_on(failure, monkeypatch):
    cupy, device, reason = FAILURES[failure]
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    expected = train()
    with pytest.warns(dnn_xp.DeviceFallbackWarning) as caught:
        model = train(device=device)
    assert len(caught) == 1
    text = str(caught[0].message)
    assert text.startswith(f"device={device!r} cannot be used: ")
    assert re.search(reason, text)
    assert text.endswith(
        ". Falling back to the CPU, with the same result; fallback=False makes this an error"
    )
    assert caught[0].filename == __file__
    # The very same result, and a record that tells.
    assert np.array_equal(model.theta, expected.theta)
    assert (model.record.requested, model.record.device) == (device, "cpu")
    assert model.record.reason.startswith("fell back to the CPU: ")
    assert model.record.reason.removeprefix("fell back to the CPU: ") in text


@pytest.mark.parametrize("failure", FAILURES)
def test_fallback_false_makes_it_an_error(failure, monkeypatch):
    cupy, device, reason = FAILURES[failure]
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(RuntimeError) as caught:
        train(device=device, fallback=False)
    error = caught.value
    assert isinstance(error, ArgumentError)
    assert (error.argument, error.wanted) == ("device", "a device that can be used")
    assert re.match(rf"'{device}', which cannot be used: {reason}", render(error.got))
    assert render(error.remedy) == (
        "pass device='cpu', or pass fallback=True to fall back to the CPU"
    )


def test_cupy_that_cannot_be_imported(monkeypatch, tmp_path):
    (tmp_path / "cupy.py").write_text("raise ImportError('libcublas.so.12: cannot open it')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    reason = r"CuPy is installed but cannot be imported: libcublas.so.12: cannot open it"
    with pytest.warns(dnn_xp.DeviceFallbackWarning, match=reason):
        train(device="cuda")


def test_something_that_cupy_needs_is_missing(monkeypatch, tmp_path):
    (tmp_path / "cupy.py").write_text("import a_package_that_nobody_has")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    with pytest.warns(
        dnn_xp.DeviceFallbackWarning, match="installed but cannot be imported: No mod"
    ):
        train(device="cuda")


def test_the_warning_points_at_the_line_of_the_user(no_cuda, tmp_path):
    model = train()
    model.save(tmp_path / "model")
    calls = {
        "train": lambda: train(device="cuda"),
        "to": lambda: model.to("cuda"),
        "to cupy": lambda: model.to("cupy"),
        "load": lambda: dnn_xp.load(tmp_path / "model", device="cuda"),
        "plan": lambda: dnn_xp.plan(X, device="cuda"),
        "gradient_check": lambda: dnn_xp.gradient_check(X, Y, device="cuda", hidden=[2]),
    }
    lines = Path(__file__).read_text().splitlines()
    for name, call in calls.items():
        with pytest.warns(dnn_xp.DeviceFallbackWarning) as caught:
            call()
        assert [each.filename for each in caught] == [__file__]
        # train is called in a helper of this file.
        place = lines[caught[0].lineno - 1]
        assert "dnn_xp.train(" in place if name == "train" else f'"{name}": lambda' in place


def test_a_moved_or_loaded_model_falls_back_or_refuses(no_cuda, tmp_path):
    model = train()
    model.save(tmp_path / "model")
    with pytest.warns(dnn_xp.DeviceFallbackWarning):
        there = model.to("cuda:1")
    assert there.backend.device_name == "cpu"
    assert np.array_equal(there.predict(X), model.predict(X))
    with refused(RuntimeError, "device | 'cuda:1', which cannot be used: ... | ... | ..."):
        model.to("cuda:1", fallback=False)
    with refused(RuntimeError, "device | 'cuda', which cannot be used: ... | ... | ..."):
        dnn_xp.load(tmp_path / "model", device="cuda", fallback=False)
    for device in (None, "auto", "cpu"):
        assert dnn_xp.load(tmp_path / "model", device=device).backend.library == "numpy"


# The report


def test_devices_say_what_can_be_used_and_why_not(no_cuda):
    report = dnn_xp.devices()
    by_name = {line.name: line for line in report}
    assert list(by_name) == ["cpu", "cuda", "torch", "jax"]
    assert by_name["cpu"].usable
    assert f"NumPy {np.__version__}, " in by_name["cpu"].detail
    assert not by_name["cuda"].usable
    assert "CuPy is not installed (pip install 'dnn_xp[cuda12]'" in by_name["cuda"].detail
    lines = repr(report).splitlines()
    assert len(lines) == 4
    assert [line.split()[:2] for line in lines[:2]] == [["cpu", "yes"], ["cuda", "no"]]


def test_devices_without_optional_libraries(monkeypatch, no_cuda):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    report = dnn_xp.devices()
    assert [line.detail for line in report[2:]] == ["not installed"] * 2


def test_importing_loads_no_heavy_library():
    program = """
import sys, dnn_xp
heavy = {"torch", "jax", "cupy", "scipy", "sklearn", "pandas", "matplotlib", "tqdm", "pyarrow", "h5py"}
print(sorted(heavy & set(sys.modules)))
import numpy as np
X = np.random.default_rng(0).standard_normal((2, 20))
dnn_xp.train(X, X[0] > 0, hidden=[2], iterations=2, batch_size=None).predict(X)
print(sorted(heavy & set(sys.modules)))
dnn_xp.devices()
print(sorted((heavy - {"cupy"}) & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["[]", "[]", "[]"]


# With CUDA


@pytest.fixture(scope="module")
def cupy():
    """CuPy on a device that works."""

    def load():
        problem = importlib.import_module("dnn_xp.backends.cuda.backend").why_not_cuda(0)
        if problem is not None:
            raise RuntimeError(problem)
        return importlib.import_module("cupy")

    return require("cupy", load)


@pytest.mark.gpu
@pytest.mark.parametrize(
    "how",
    [{"iterations": 100}, {"epochs": 5, "batch_size": 8}, {"iterations": 30, "keep_prob": 0.7}],
    ids=["full", "batches", "dropout"],
)
def test_cuda_gives_the_model_of_the_cpu(cupy, how):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = train(device="cuda", **how)
    assert model.record.device == "cuda:0"
    assert model.record.reason.startswith("as asked; layers by ")
    np.testing.assert_allclose(cupy.asnumpy(model.theta), train(**how).theta, rtol=0, atol=1e-12)


@pytest.mark.gpu
def test_results_of_a_cuda_model_come_out_where_the_examples_are(cupy, tmp_path):
    model = train(device="cuda")
    host, there = model.predict_proba(X), model.predict_proba(cupy.asarray(X))
    assert isinstance(host, np.ndarray)
    assert isinstance(there, cupy.ndarray)
    np.testing.assert_allclose(cupy.asnumpy(there), host, rtol=0, atol=1e-14)
    assert model.evaluate(X, Y) == model.evaluate(cupy.asarray(X), cupy.asarray(Y))
    model.save(tmp_path / "model")
    assert np.array_equal(dnn_xp.load(tmp_path / "model").theta, cupy.asnumpy(model.theta))
    assert dnn_xp.load(tmp_path / "model", device="cuda").backend.device_name == "cuda:0"
    np.testing.assert_allclose(model.to("cpu").predict_proba(X), host, rtol=0, atol=1e-12)
    assert dnn_xp.devices()[1].usable


@pytest.mark.gpu
def test_arrays_of_cupy_are_computed_where_they_are(cupy):
    model = dnn_xp.train(cupy.asarray(X), cupy.asarray(Y), hidden=[3], iterations=2)
    assert model.record.device == "cuda:0"
    np.testing.assert_allclose(cupy.asnumpy(model.theta), train().theta, rtol=0, atol=1e-12)


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("hidden", [[3], [32, 32], [300, 20]])
def test_cuda_and_cpu_agree_after_100_steps(cupy, dtype, tolerance, hidden):
    X = rng.standard_normal((28, 5000)).astype(dtype)
    how = {"hidden": hidden, "iterations": 100, "optimizer": "gradient_descent", "dtype": dtype}
    theta = dnn_xp.train(X, X[0] * X[1] > 0, **how).theta
    found = dnn_xp.train(X, X[0] * X[1] > 0, device="cuda", **how)
    assert found.settings["steps"] == "replayed as a CUDA graph"
    apart = np.linalg.norm(cupy.asnumpy(found.theta) - theta) / np.linalg.norm(theta)
    assert apart < tolerance


@pytest.mark.gpu
def test_no_memory_is_kept_from_step_to_step(cupy):
    pool = cupy.get_default_memory_pool()

    def used_after(iterations):
        train(device="cuda", iterations=iterations, block_size=16)
        return pool.total_bytes()

    used_after(10)
    assert used_after(1000) == used_after(100)


@pytest.mark.gpu
def test_every_epilogue_of_cublaslt_works(cupy):
    note = train(device="cuda").record.reason
    assert note == "as asked; layers by cublasLt"


@pytest.mark.gpu
def test_lower_precision_on_cuda(cupy):
    X = rng.standard_normal((28, 5000)).astype("float32")
    plain = dnn_xp.train(X, X[0] * X[1] > 0, device="cuda", iterations=100)
    for precision, tolerance in {"tf32": 0.02, "bfloat16": 0.05}.items():
        model = dnn_xp.train(X, X[0] * X[1] > 0, device="cuda", iterations=100, precision=precision)
        assert model.record.precision == precision
        assert model.history.costs != plain.history.costs
        np.testing.assert_allclose(model.history.costs, plain.history.costs, rtol=tolerance)


def test_another_blas_is_not_loaded_when_numpys_is_asked_for(monkeypatch):
    """On a CPU of Intel's "auto" would load MKL."""
    asked = []
    original = dnn_xp.backends.choice.numpy_backend

    def noting(blas="auto"):
        asked.append(blas)
        return original("numpy")

    monkeypatch.setattr("dnn_xp.backends.choice.numpy_backend", noting)
    model = train(blas="numpy")
    train(blas="numpy", device="cpu")
    with pytest.warns(dnn_xp.DeviceFallbackWarning):
        train(blas="numpy", device="cuda")
    model.predict(X)
    assert set(asked) == {"numpy"}
