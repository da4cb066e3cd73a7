"""One step of Adam as a JAX user writes it; shared by the loops on the CPU and on a GPU."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.epochs import BETA1, BETA2, EPSILON, LEARNING_RATE


def zeros(theta: Any) -> tuple[Any, Any]:
    """Return the moments before the first step."""
    tree = jax.tree_util.tree_map
    return tree(jnp.zeros_like, theta), tree(jnp.zeros_like, theta)


def adam(theta: Any, state: Any, t: Any, gradient: Any) -> tuple[Any, Any]:
    """Return parameters and moments after step t."""
    mu, nu = state
    tree = jax.tree_util.tree_map
    mu = tree(lambda m, g: BETA1 * m + (1 - BETA1) * g, mu, gradient)
    nu = tree(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, nu, gradient)
    unbiased1, unbiased2 = 1 - BETA1**t, 1 - BETA2**t

    def update(W: Any, m: Any, v: Any) -> Any:
        return W - LEARNING_RATE * (m / unbiased1) / (jnp.sqrt(v / unbiased2) + EPSILON)

    return tree(update, theta, mu, nu), (mu, nu)
