"""The nodes of each activation of `dnn_xp.formulas`.

Operators that onnxruntime computes in float32 and float64 alike; for others the formula itself is
written in such operators (LeakyRelu, Elu and Softplus have no float64 there).

To export an activation of your own, add an entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from dnn_xp.formulas.hidden_activations import LEAKY_SLOPE
from dnn_xp.formulas.tabular_activations import MISH_LINEAR, SELU_ALPHA, SELU_SCALE
from dnn_xp.onnx.graph import Graph

Nodes = Callable[[Graph, str], str]
_GELU_SCALE = math.sqrt(2.0 / math.pi)
_GELU_CUBIC = 0.044715 * _GELU_SCALE


def _identity(graph: Graph, Z: str) -> str:
    return Z


def _leaky_relu(graph: Graph, Z: str) -> str:
    return graph.node("Max", Z, graph.node("Mul", Z, graph.scalar(LEAKY_SLOPE)))


def _elu(graph: Graph, Z: str) -> str:
    """Compute ``max(Z, 0) + (exp(min(Z, 0)) - 1)``."""
    exp = graph.node("Exp", graph.node("Min", Z, graph.scalar(0.0)))
    return graph.node("Add", graph.node("Relu", Z), graph.node("Sub", exp, graph.scalar(1.0)))


def _gelu(graph: Graph, Z: str) -> str:
    """Compute ``Z / 2 (1 + tanh(Z (c + d Z^2)))``."""
    square = graph.node("Mul", graph.node("Mul", Z, Z), graph.scalar(_GELU_CUBIC))
    u = graph.node("Mul", Z, graph.node("Add", square, graph.scalar(_GELU_SCALE)))
    once = graph.node("Add", graph.node("Tanh", u), graph.scalar(1.0))
    return graph.node("Mul", graph.node("Mul", Z, graph.scalar(0.5)), once)


def _silu(graph: Graph, Z: str) -> str:
    return graph.node("Mul", Z, graph.node("Sigmoid", Z))


def _softplus(graph: Graph, Z: str) -> str:
    """Compute ``max(Z, 0) + log(1 + exp(-|Z|))``."""
    e = graph.node("Exp", graph.node("Neg", graph.node("Abs", Z)))
    log = graph.node("Log", graph.node("Add", e, graph.scalar(1.0)))
    return graph.node("Add", graph.node("Relu", Z), log)


def _selu(graph: Graph, Z: str) -> str:
    """Compute ``scale max(Z, 0) + scale alpha (exp(min(Z, 0)) - 1)``."""
    exp = graph.node("Exp", graph.node("Min", Z, graph.scalar(0.0)))
    negative = graph.node("Sub", exp, graph.scalar(1.0))
    negative = graph.node("Mul", negative, graph.scalar(SELU_SCALE * SELU_ALPHA))
    positive = graph.node("Mul", graph.node("Relu", Z), graph.scalar(SELU_SCALE))
    return graph.node("Add", positive, negative)


def _mish(graph: Graph, Z: str) -> str:
    """Compute ``Z n / (n + 2)`` with ``n = u (u + 2)`` and ``u = exp(min(Z, 20))``."""
    two = graph.scalar(2.0)
    u = graph.node("Exp", graph.node("Min", Z, graph.scalar(MISH_LINEAR)))
    n = graph.node("Mul", u, graph.node("Add", u, two))
    return graph.node("Mul", Z, graph.node("Div", n, graph.node("Add", n, two)))


ACTIVATIONS: dict[str, Nodes] = {
    "relu": lambda graph, Z: graph.node("Relu", Z),
    "sigmoid": lambda graph, Z: graph.node("Sigmoid", Z),
    "tanh": lambda graph, Z: graph.node("Tanh", Z),
    "softmax": lambda graph, Z: graph.node("Softmax", Z, axis=1),
    "identity": _identity,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "exp": lambda graph, Z: graph.node("Exp", Z),
    "selu": _selu,
    "mish": _mish,
}
