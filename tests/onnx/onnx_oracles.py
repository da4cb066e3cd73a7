"""Models made by hand, and the runtimes that compute their graphs."""

from __future__ import annotations

import importlib
from itertools import pairwise
from typing import Any

import numpy as np
from namespaces import require

from dnn_xp import Model, Network
from dnn_xp.backends.choice import backend_named
from dnn_xp.formulas.activations import ACTIVATIONS
from dnn_xp.formulas.costs import COSTS

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}


def package(name: str) -> Any:
    """A package that may be missing: a skip, or a failure where DNN_XP_REQUIRE lists it."""
    return require(name, lambda: importlib.import_module(name))


def hand_made(
    sizes: tuple[int, ...],
    activations: tuple[str, ...],
    cost: str,
    kind: str,
    *,
    dtype: str = "float32",
    spread: float = 1.0,
    **fields: Any,
) -> Model:
    """A model of random parameters, those of each layer scaled to the number of its inputs."""
    rng = np.random.default_rng(1)
    theta = [
        part
        for n_prev, n in pairwise(sizes)
        for part in (rng.standard_normal(n * n_prev) / n_prev**0.5, rng.standard_normal(n) / 2)
    ]
    network = Network(sizes, tuple(ACTIVATIONS[name] for name in activations), COSTS[cost])
    flat = (spread * np.concatenate(theta)).astype(dtype)
    return Model(flat, network, backend_named("numpy"), kind, **fields)


def run(proto: Any, feeds: dict[str, Any]) -> dict[str, np.ndarray]:
    """What onnxruntime computes, by the names of the outputs."""
    runtime = package("onnxruntime")
    session = runtime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def run_reference(proto: Any, feeds: dict[str, Any]) -> dict[str, np.ndarray]:
    """What ONNX's own reference implementation computes."""
    evaluator = package("onnx.reference").ReferenceEvaluator(proto)
    return dict(zip(evaluator.output_names, evaluator.run(None, feeds), strict=True))


def probabilities(model: Model, X: Any) -> np.ndarray:
    """A column for each class, of two classes too: (m, K)."""
    P = np.asarray(model.predict_proba(X, examples="rows"))
    return np.concatenate([1 - P, P], axis=1) if model.kind == "binary" else P


def columns_of(frame: Any, proto: Any) -> dict[str, np.ndarray]:
    """The columns of a pandas frame as the inputs of a graph."""
    types = {each.name: each.type.tensor_type.elem_type for each in proto.graph.input}
    fed: dict[str, np.ndarray] = {}
    for name, kind in types.items():
        values = frame[[name]]
        if kind == package("onnx").TensorProto.STRING:
            fed[name] = values.astype(object).where(values.notna(), "").astype(str).to_numpy(object)
        else:
            dtype = package("onnx.helper").tensor_dtype_to_np_dtype(kind)
            if values.dtypes.iloc[0].kind == "M":
                values = (values - np.datetime64(0, "s")) / np.timedelta64(1, "s")
            fed[name] = values.to_numpy(dtype=dtype, na_value=np.nan)
    return fed
