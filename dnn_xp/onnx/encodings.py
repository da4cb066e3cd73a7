"""The nodes that encode numbers, as `dnn_xp.formulas.number_encodings` and `piecewise` do.

Examples are rows: numbers are (N, n), and what is made of them (N, n d), in the same order.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.execution.scaling import scaling_on
from dnn_xp.onnx.graph import Graph

if TYPE_CHECKING:
    from dnn_xp.model.model import Model


def encoded_numbers(graph: Graph, X: str, unclipped: str, model: Model) -> str:
    """What the encoding of a model makes of its numbers, (N, n d), in the model's dtype.

    X (N, n_x) holds them standardized, and `unclipped` the same before it is clipped.
    """
    encoding = model.network.number_encoding
    assert encoding is not None
    chosen = np.concatenate([np.arange(start, stop) for start, stop in encoding.rows])
    if not encoding.hidden:
        numbers = graph.node("Gather", unclipped, graph.constant(chosen), axis=1)
        return _piecewise(graph, numbers, model)
    return _periodic(graph, graph.node("Gather", X, graph.constant(chosen), axis=1), model)


def _periodic(graph: Graph, x: str, model: Model) -> str:
    """``V cos(2 pi w x + b) + c``, of each number, as stacked products (n, N, h) (n, h, d)."""
    w, b, V, c = (np.asarray(model.backend.to_host(each)) for each in model.periodic)
    n, d, _ = V.shape
    stacked = graph.node("Unsqueeze", graph.node("Transpose", x, perm=[1, 0]), _axes(graph, 2))
    frequencies = _constant(graph, (w * (2.0 * math.pi))[:, None, :], model)
    Z = graph.node("Mul", stacked, frequencies)
    # cos(Z) = sin(Z + pi/2): runtimes have the cosine of float32 only.
    cosines = (
        graph.node("Cos", graph.node("Add", Z, _constant(graph, b[:, None, :], model)))
        if model.dtype == "float32"
        else graph.node(
            "Sin", graph.node("Add", Z, _constant(graph, b[:, None, :] + math.pi / 2, model))
        )
    )
    P = graph.node("MatMul", cosines, _constant(graph, V.transpose(0, 2, 1), model))
    P = graph.node("Add", P, _constant(graph, c[:, None, :], model))
    return graph.reshaped(graph.node("Transpose", P, perm=[1, 0, 2]), -1, n * d)


def _piecewise(graph: Graph, x: str, model: Model) -> str:
    """``min(max((x - lows) slopes, 0), 1)``, of each number."""
    backend = numpy_backend("numpy")
    scaling = scaling_on(backend, model.standardization, model.dtype)
    assert scaling is not None
    assert scaling.bins is not None
    lows, slopes = scaling.bins
    x = graph.node("Unsqueeze", x, _axes(graph, 2))
    parts = graph.node("Sub", x, _constant(graph, lows[None], model))
    parts = graph.node("Mul", parts, _constant(graph, slopes[None], model))
    parts = graph.node("Min", graph.node("Max", parts, graph.scalar(0.0)), graph.scalar(1.0))
    return graph.reshaped(parts, -1, lows.size)


def _axes(graph: Graph, *axes: int) -> str:
    return graph.constant(np.asarray(axes, dtype=np.int64))


def _constant(graph: Graph, values: npt.NDArray[Any], model: Model) -> str:
    return graph.constant(np.ascontiguousarray(values, dtype=model.dtype))
