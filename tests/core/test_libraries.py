"""One seed, one result on every array library; results in the library of the X that predict gets."""

from __future__ import annotations

import os
import subprocess
import sys

import array_api_compat
import numpy as np
import pytest
from namespaces import STRICT_DEVICES, require, usable

import dnn_xp
from dnn_xp.data.host import library as library_of
from dnn_xp.data.host import to_host

LIBRARIES = ("array_api_strict", "torch", "jax", "cupy")


def namespace(name):
    """The namespace of a library, or a skip where it is missing."""
    return require(name, lambda: usable(name))


@pytest.fixture(name="X")
def features(rng):
    return rng.standard_normal((5, 60))


def targets(kind, X):
    return {
        "binary": (X[0] * X[1] > 0).astype(int),
        "multiclass": (X[0] > 0).astype(int) + (X[1] > 0),
        "multilabel": np.stack([X[0] > 0, X[1] * X[2] > 0]).astype(int),
        "regression": np.stack([X[0] * X[1], X[2]]),
    }[kind]


TRAININGS = {
    "relu-adam": ("binary", {}),
    "softmax-tanh": ("multiclass", {"activation": "tanh", "optimizer": "momentum", "l2": 0.5}),
    "dropout": ("multilabel", {"keep_prob": [0.8, 0.6], "activation": ["gelu", "elu"]}),
    "regression": (
        "regression",
        {"activation": "silu", "optimizer": "rmsprop", "block_size": 17, "cost": "huber"},
    ),
    "ensemble": ("multiclass", {"ensemble": 3, "keep_prob": 0.8, "validation": 0.2}),
    "ensemble-nothing": (
        "regression",
        {"ensemble": 3, "ensemble_sharing": "nothing", "scaling_layer": True, "block_size": 17},
    ),
    "batches": (
        "binary",
        {"batch_size": 16, "epochs": 10, "standardize": True, "optimizer": "adamw", "l1": 0.1},
    ),
    "weights-clip": (
        "binary",
        {
            "optimizer": "nesterov",
            "sample_weight": np.linspace(0.5, 1.5, 60),
            "clip_norm": 0.5,
            "validation": 0.2,
        },
    ),
}


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_same_parameters_on_every_library(X, library, training):
    xp = namespace(library)
    kind, how = TRAININGS[training]
    Y = targets(kind, X)
    how = {"hidden": [7, 5], **how} | ({} if "epochs" in how else {"iterations": 40})
    # Reports cost array-api-strict more than updates do.
    how["report_every"] = 10 if "epochs" in how else 40
    expected = dnn_xp.train(X, Y, **how)
    model = dnn_xp.train(xp.asarray(X), xp.asarray(Y), **how)
    assert library_of(model.theta) == model.record.library == library
    assert model.dtype == "float64"
    np.testing.assert_allclose(to_host(model.theta), expected.theta, rtol=0, atol=1e-12)
    assert model.history.costs == pytest.approx(expected.history.costs, rel=1e-11)
    assert model.history.validation_costs == pytest.approx(
        expected.history.validation_costs, rel=1e-11
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_lbfgs_agrees_on_every_library(X, library):
    xp = namespace(library)
    how = {"hidden": [4], "activation": "tanh", "optimizer": "lbfgs", "iterations": 5}
    expected = dnn_xp.train(X, X[0] > 0, **how)
    model = dnn_xp.train(xp.asarray(X), xp.asarray(X[0] > 0), **how)
    np.testing.assert_allclose(to_host(model.theta), expected.theta, rtol=0, atol=1e-10)


def all_results(model, X, Y, **how):
    results = [model.decision_function(X, **how), model.predict(X, **how)]
    return results if model.kind == "regression" else [*results, model.predict_proba(X, **how)]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_results_come_out_in_the_library_of_the_examples(X, library, kind):
    xp = namespace(library)
    Y = targets(kind, X)
    here = dnn_xp.train(X, Y, hidden=[6], iterations=5)
    there = here.to(library)
    assert library_of(there.theta) == library
    expected = all_results(here, X, Y)
    for model in (here, there):
        for given in (X, xp.asarray(X)):
            results = all_results(model, given, Y)
            for result, wanted in zip(results, expected, strict=True):
                assert library_of(result) == library_of(given)
                assert array_api_compat.device(result) == array_api_compat.device(given)
                assert result.shape == wanted.shape
                np.testing.assert_allclose(to_host(result), wanted, rtol=0, atol=1e-12)
        rows = all_results(model, xp.asarray(X.T.copy()), Y, examples="rows")
        assert to_host(rows[0]).shape == expected[0].T.shape
        figures = model.evaluate(xp.asarray(X), xp.asarray(Y))
        wanted = here.evaluate(X, Y)
        assert figures.cost == pytest.approx(wanted.cost, rel=1e-12)
        assert figures.score == pytest.approx(wanted.score, rel=1e-12)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_model_goes_there_and_back(X, library, tmp_path):
    namespace(library)
    model = dnn_xp.train(X, X[0] > 0, hidden=[6], iterations=5)
    there = model.to(library)
    back = there.to("cpu")
    assert np.array_equal(back.theta, model.theta)
    assert back.backend.library == "numpy"
    assert f"{library} on {'cuda:0' if library == 'cupy' else 'cpu'}" in repr(there)
    there.save(tmp_path / "model")
    assert np.array_equal(dnn_xp.load(tmp_path / "model").theta, model.theta)


@pytest.mark.parametrize("library", LIBRARIES)
def test_host_labels_go_with_any_library(X, library):
    xp = namespace(library)
    words = np.where(X[0] > 0, "yes", "no")
    numbers = (X[0] > 0).astype(int).tolist()
    for Y in (words, numbers):
        model = dnn_xp.train(xp.asarray(X), Y, hidden=[4], iterations=20)
        assert model.record.library == library
        labels = model.predict(xp.asarray(X))
        # No other library has arrays of text.
        assert library_of(labels) == ("numpy" if Y is not numbers else library)
        expected = dnn_xp.train(X, Y, hidden=[4], iterations=20).predict(X)
        assert np.array_equal(to_host(labels), expected)


@pytest.mark.parametrize("library", LIBRARIES)
def test_device_cpu_computes_in_numpy(X, library):
    xp = namespace(library)
    model = dnn_xp.train(xp.asarray(X), xp.asarray(X[0]), iterations=2, device="cpu")
    assert model.record.library == "numpy"
    assert model.record.reason == "as asked"
    assert library_of(model.predict(xp.asarray(X))) == library


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_dtypes_are_those_of_numpy(X, library, dtype):
    xp = namespace(library)
    given = (4 * X).astype(dtype)
    model = dnn_xp.train(xp.asarray(given), xp.asarray(X[0] > 0), hidden=[3], iterations=3)
    assert model.dtype == "float32"
    other = dnn_xp.train(given, X[0] > 0, hidden=[3], iterations=3)
    np.testing.assert_allclose(to_host(model.theta), other.theta, rtol=0, atol=1e-5)


def test_bfloat16_of_torch_becomes_float32(X):
    torch = namespace("torch")
    model = dnn_xp.train(torch.asarray(X).to(torch.bfloat16), [0, 1] * 30, hidden=[3], iterations=3)
    assert model.dtype == "float32"


@pytest.mark.parametrize("device", STRICT_DEVICES)
def test_devices_of_array_api_strict(X, device):
    xp = namespace("array_api_strict")
    where = xp.Device(device)
    dtype = "float32" if device in ("no_float64", "no_x64") else "float64"
    on_device = xp.asarray(X.astype(dtype), device=where)
    Y = (X[0] > 0).astype("int32")
    model = dnn_xp.train(
        on_device,
        xp.asarray(Y, device=where),
        hidden=[5],
        iterations=10,
        keep_prob=0.8,
        standardize=True,
        batch_size=None,
        validation=0.2,
    )
    expected = dnn_xp.train(
        X.astype(dtype),
        Y,
        hidden=[5],
        iterations=10,
        keep_prob=0.8,
        standardize=True,
        validation=0.2,
    )
    assert model.theta.device == where
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(to_host(model.theta), expected.theta, rtol=0, atol=tolerance)
    # Computed where the model lives, returned where X is.
    for given in (on_device, xp.asarray(X.astype(dtype)), X.astype(dtype)):
        labels = model.predict(given)
        assert np.array_equal(to_host(labels), expected.predict(X))
        assert array_api_compat.device(labels) == array_api_compat.device(given)
    assert model.evaluate(on_device, xp.asarray(Y, device=where)).accuracy > 0.5


def test_jax_without_float64_says_what_to_do():
    namespace("jax")
    program = """
import jax.numpy as jnp, numpy as np, dnn_xp
X = np.random.default_rng(0).standard_normal((3, 20))
model = dnn_xp.train(jnp.asarray(X), [0, 1] * 10, hidden=[2], iterations=2)
print(model.dtype, model.predict(jnp.asarray(X)).dtype)
wide = dnn_xp.train(X, [0, 1] * 10, hidden=[2], iterations=2)
for call in (lambda: wide.to("jax"), lambda: dnn_xp.train(jnp.asarray(X), [0, 1] * 10, dtype="float64")):
    try:
        call()
    except ValueError as error:
        print(error)
"""
    environment = {**os.environ, "JAX_ENABLE_X64": "0", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    first, *messages = done.stdout.splitlines()
    assert first == "float32 int32"
    assert len(messages) == 2
    for message in messages:
        assert "jax_enable_x64" in message
        assert "dtype='float32'" in message
