"""JAX: one jitted function that gathers a batch, takes its gradient and one step of Adam."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.candidate import Epoch
from benchmarks.epochs.jax_adam import adam, zeros
from benchmarks.peers.jax_network import rows_cost
from benchmarks.shapes import Array, Parameters

# The peers are compared on the CPU; a JAX with CUDA would take the GPU.
jax.config.update("jax_platforms", "cpu")


def _step(theta: Any, state: Any, t: Any, X: Any, Y: Any, indices: Any) -> tuple[Any, Any]:
    """Return parameters and moments after step t on the rows at `indices`."""
    return adam(theta, state, t, jax.grad(rows_cost)(theta, X[indices], Y[indices]))


def make(parameters: Parameters, X: Array, Y: Array, *, batch_size: int, seed: int) -> Epoch:
    """Return the epoch."""
    step = jax.jit(_step, donate_argnums=(0, 1))
    rows, labels = (jnp.asarray(np.ascontiguousarray(array.T)) for array in (X, Y))
    # Copies, since a donated buffer must not be the caller's memory.
    theta = [(jnp.array(W), jnp.array(b)) for W, b in parameters]
    state = zeros(theta)
    rng = np.random.default_rng(seed)
    t = 0

    def run() -> None:
        nonlocal theta, state, t
        order = rng.permutation(len(rows)).astype(np.int32)
        for start in range(0, len(order), batch_size):
            t += 1
            batch = order[start : start + batch_size]
            theta, state = step(theta, state, float(t), rows, labels, batch)
        jax.block_until_ready(theta)

    return Epoch(run=run, parameters=lambda: [(np.array(W), np.array(b)) for W, b in theta])
