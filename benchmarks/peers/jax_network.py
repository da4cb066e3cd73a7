"""The network as a JAX user writes it; shared by the peers on the CPU and on a GPU."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.candidate import Gradients


def cross_entropy(Z: Any, Y: Any, axis: int) -> Any:
    """Return the mean cross-entropy; `axis` runs over the outputs."""
    if Z.shape[axis] == 1:
        return jnp.mean(jax.nn.softplus(Z) - Z * Y)
    return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(Z, axis=axis), axis=axis))


def rows_output(parameters: Any, X: Any) -> Any:
    """Return Z of the last layer with examples as rows."""
    A = X
    for W, b in parameters[:-1]:
        A = jax.nn.relu(A @ W.T + b.T)
    W, b = parameters[-1]
    return A @ W.T + b.T


def rows_cost(parameters: Any, X: Any, Y: Any) -> Any:
    """Return the cost with examples as rows."""
    return cross_entropy(rows_output(parameters, X), Y, axis=1)


def columns_cost(parameters: Any, X: Any, Y: Any) -> Any:
    """Return the cost with examples as columns."""
    A = X
    for W, b in parameters[:-1]:
        A = jax.nn.relu(W @ A + b)
    W, b = parameters[-1]
    return cross_entropy(W @ A + b, Y, axis=0)


def convert(result: Any) -> tuple[float, Gradients]:
    """Turn (cost, [(dW, db), ...]) into a float and NumPy arrays."""
    cost, gradients = result
    return float(cost), [(np.array(dW), np.array(db)) for dW, db in gradients]
