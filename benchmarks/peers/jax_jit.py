"""JAX: value_and_grad of the whole-batch cost under jit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.candidate import Step
from benchmarks.interleave import fastest
from benchmarks.peers.jax_network import columns_cost, convert, rows_cost
from benchmarks.shapes import Array, Parameters

# The peers are compared on the CPU; a JAX with CUDA would take the GPU.
jax.config.update("jax_platforms", "cpu")


def make(parameters: Parameters, X: Array, Y: Array, *, tune: bool = True) -> Step:
    """Return the step in the faster of the two layouts, or in columns."""
    weights = [(jnp.asarray(W), jnp.asarray(b)) for W, b in parameters]

    def layout(name: str) -> Callable[[], Any]:
        cost, arrays = (columns_cost, (X, Y)) if name == "columns" else (rows_cost, (X.T, Y.T))
        step = jax.jit(jax.value_and_grad(cost))
        data = [jnp.asarray(np.ascontiguousarray(array)) for array in arrays]
        return lambda: jax.block_until_ready(step(weights, *data))

    best = fastest(("columns", "rows"), layout) if tune else "columns"
    return Step(run=layout(best), convert=convert, note=f"examples as {best}")
