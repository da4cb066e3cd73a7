"""Every activation and every cost as ONNX: onnxruntime, and our own forward traced by ndonnx."""

from __future__ import annotations

import numpy as np
import pytest
from onnx_oracles import TOLERANCE, hand_made, package, probabilities, run
from refusals import refused

import dnn_xp.onnx
from dnn_xp.formulas.activations import ACTIVATIONS
from dnn_xp.formulas.costs import COSTS
from dnn_xp.formulas.network import forward

package("onnx")
NAMES = tuple(ACTIVATIONS)
ANY_OUTPUT = [
    (cost.name, name)
    for cost in COSTS.values()
    for name in NAMES
    if name == cost.activation or (cost.any_activation and ACTIVATIONS[name].elementwise)
]


def rows(model, rng, m=50, spread=1.0):
    return (spread * rng.standard_normal((m, model.sizes[0]))).astype(model.dtype)


def close(actual, expected, dtype):
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


def test_every_activation_has_its_nodes():
    assert set(dnn_xp.onnx.ACTIVATIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", NAMES)
def test_hidden_activations(name, dtype, rng):
    sizes, activations = (4, 5, 6, 3), (name, name, "identity")
    model = hand_made(
        sizes, activations, "squared_error", "regression", dtype=dtype, flat_targets=False
    )
    X = rows(model, rng)
    close(run(model.to_onnx(), {"X": X})["prediction"], model.predict(X, examples="rows"), dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("cost", "output"), ANY_OUTPUT)
def test_costs_and_output_activations(cost, output, dtype, rng):
    kind = {"sigmoid": "multilabel", "softmax": "multiclass"}.get(output, "regression")
    kind = "regression" if COSTS[cost].any_activation else kind
    how = {"dtype": dtype, "spread": 2.0, "flat_targets": False}
    classes = np.arange(3) if kind == "multiclass" else None
    model = hand_made((4, 5, 3), ("tanh", output), cost, kind, **how, classes=classes)
    X = rows(model, rng)
    found = run(model.to_onnx(), {"X": X})
    if kind == "regression":
        close(found["prediction"], model.predict(X, examples="rows"), dtype)
    else:
        close(found["probabilities"], probabilities(model, X), dtype)
        assert np.array_equal(found["label"], model.predict(X, examples="rows"))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", [each for each in NAMES if each != "exp"])
def test_large_values_overflow_nowhere(name, dtype, rng):
    cost, kind = "squared_error", "regression"
    if name == "softmax":
        cost, kind = "softmax_cross_entropy", "multiclass"
    how = {"dtype": dtype, "spread": 30.0, "classes": np.arange(3) if name == "softmax" else None}
    model = hand_made((4, 3), (name,), cost, kind, flat_targets=False, **how)
    X = rows(model, rng, spread=30.0)
    found = run(model.to_onnx(), {"X": X})
    if name == "softmax":
        close(found["probabilities"], probabilities(model, X), dtype)
    else:
        close(found["prediction"], model.predict(X, examples="rows"), dtype)


@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, "float32") for name in NAMES), ("tanh", "float64")]
)
def test_our_own_forward_as_ndonnx_traces_it(name, dtype, rng):
    ndonnx = package("ndonnx")
    output = name if ACTIVATIONS[name].elementwise else "identity"
    model = hand_made(
        (4, 5, 3), (name, output), "squared_error", "regression", dtype=dtype, flat_targets=False
    )
    given = ndonnx.argument(shape=(4, "m"), dtype=getattr(ndonnx, dtype))
    parameters = [(ndonnx.asarray(W), ndonnx.asarray(b)) for W, b in model.parameters]
    A, _ = forward(given, parameters, model.network.activations, xp=ndonnx)
    X = rows(model, rng)
    (traced,) = run(ndonnx.build({"X": given}, {"A": A}), {"X": X.T}).values()
    close(run(model.to_onnx(), {"X": X})["prediction"], traced.T, dtype)


def test_an_activation_of_ones_own(rng):
    ACTIVATIONS["cube"] = ACTIVATIONS["relu"]._replace(
        name="cube", forward=lambda Z, *, xp: Z * Z * Z
    )
    try:
        model = hand_made((4, 5, 1), ("cube", "identity"), "huber", "regression")
        said = (
            "model | the activation 'cube' | one of the activations ..., whose ONNX operators are "
            "known | add an entry for it to dnn_xp.onnx.ACTIVATIONS"
        )
        with refused(ValueError, said):
            model.to_onnx()
        dnn_xp.onnx.ACTIVATIONS["cube"] = lambda graph, Z: graph.node(
            "Mul", Z, graph.node("Mul", Z, Z)
        )
        X = rows(model, rng)
        close(
            run(model.to_onnx(), {"X": X})["prediction"],
            model.predict(X, examples="rows"),
            "float32",
        )
    finally:
        del ACTIVATIONS["cube"]
        dnn_xp.onnx.ACTIVATIONS.pop("cube", None)
