"""JAX: value_and_grad of the whole-batch cost under jit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.candidate import Gradients, Step, fastest
from benchmarks.shapes import Array, Parameters

# The peers are compared on the CPU; a JAX with CUDA would take the GPU.
jax.config.update("jax_platforms", "cpu")


def cross_entropy(Z: Any, Y: Any, axis: int) -> Any:
    """Return the mean cross-entropy; `axis` runs over the outputs."""
    if Z.shape[axis] == 1:
        return jnp.mean(jax.nn.softplus(Z) - Z * Y)
    return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(Z, axis=axis), axis=axis))


def rows_cost(parameters: Any, X: Any, Y: Any) -> Any:
    """Return the cost with examples as rows."""
    A = X
    for W, b in parameters[:-1]:
        A = jax.nn.relu(A @ W.T + b.T)
    W, b = parameters[-1]
    return cross_entropy(A @ W.T + b.T, Y, axis=1)


def columns_cost(parameters: Any, X: Any, Y: Any) -> Any:
    """Return the cost with examples as columns."""
    A = X
    for W, b in parameters[:-1]:
        A = jax.nn.relu(W @ A + b)
    W, b = parameters[-1]
    return cross_entropy(W @ A + b, Y, axis=0)


def _convert(result: Any) -> tuple[float, Gradients]:
    cost, gradients = result
    return float(cost), [(np.array(dW), np.array(db)) for dW, db in gradients]


def make(parameters: Parameters, X: Array, Y: Array, *, tune: bool = True) -> Step:
    """Return the step in the faster of the two layouts, or in columns."""
    weights = [(jnp.asarray(W), jnp.asarray(b)) for W, b in parameters]

    def layout(name: str) -> Callable[[], Any]:
        cost, arrays = (columns_cost, (X, Y)) if name == "columns" else (rows_cost, (X.T, Y.T))
        step = jax.jit(jax.value_and_grad(cost))
        data = [jnp.asarray(np.ascontiguousarray(array)) for array in arrays]
        return lambda: jax.block_until_ready(step(weights, *data))

    best = fastest(("columns", "rows"), layout) if tune else "columns"
    return Step(run=layout(best), convert=_convert, note=f"examples as {best}")
