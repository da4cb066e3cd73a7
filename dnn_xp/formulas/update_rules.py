"""The update rules of the optimizers in `optimizers`, which states their equations and sources.

theta, gradient and the arrays of the state are (p,). A rule returns the new theta and state. Scalars
are Python floats: a NumPy float64 scalar would turn float32 arrays into float64.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from dnn_xp.formulas.types import Array, Namespace

State: TypeAlias = tuple[Array, ...]
Updated: TypeAlias = tuple[Array, State]


def zeros(theta: Array, *, count: int, xp: Namespace) -> State:
    """A state of `count` vectors like theta."""
    return tuple(xp.zeros_like(theta) for _ in range(count))


def gradient_descent_rule(
    theta: Array, gradient: Array, state: State, *, learning_rate: float, step: int, xp: Namespace
) -> Updated:
    """No state."""
    return theta - learning_rate * gradient, state


def momentum_rule(
    theta: Array,
    gradient: Array,
    state: State,
    *,
    learning_rate: float,
    step: int,
    beta: float,
    xp: Namespace,
) -> Updated:
    """State: (v,)."""
    (v,) = state
    v = beta * v + gradient
    return theta - learning_rate * v, (v,)


def nesterov_rule(
    theta: Array,
    gradient: Array,
    state: State,
    *,
    learning_rate: float,
    step: int,
    beta: float,
    xp: Namespace,
) -> Updated:
    """State: (v,)."""
    (v,) = state
    v = beta * v + gradient
    return theta - learning_rate * (gradient + beta * v), (v,)


def rmsprop_rule(
    theta: Array,
    gradient: Array,
    state: State,
    *,
    learning_rate: float,
    step: int,
    rho: float,
    epsilon: float,
    xp: Namespace,
) -> Updated:
    """State: (nu,)."""
    (nu,) = state
    nu = rho * nu + (1.0 - rho) * (gradient * gradient)
    return theta - learning_rate * gradient / (xp.sqrt(nu) + epsilon), (nu,)


def adam_scalars(
    *, learning_rate: float, step: int, beta1: float, beta2: float, epsilon: float
) -> dict[str, float]:
    """``rate = learning_rate root / (1 - beta1^step)``, ``floor = epsilon root``, ``root = sqrt(1 - beta2^step)``.

    Numerator and denominator of the update are multiplied by the root (end of the paper's section
    2): both corrections become scalars, which saves a pass over the arrays.
    """
    root = (1.0 - beta2**step) ** 0.5
    return {"rate": learning_rate * root / (1.0 - beta1**step), "floor": epsilon * root}


def adam_rule(
    theta: Array,
    gradient: Array,
    state: State,
    *,
    rate: float,
    floor: float,
    beta1: float,
    beta2: float,
    xp: Namespace,
) -> Updated:
    """State: (mu, nu)."""
    mu, nu = state
    mu = beta1 * mu + (1.0 - beta1) * gradient
    nu = beta2 * nu + (1.0 - beta2) * (gradient * gradient)
    return theta - rate * mu / (xp.sqrt(nu) + floor), (mu, nu)


def adamw_scalars(
    *, learning_rate: float, step: int, weight_decay: float, **of_adam: float
) -> dict[str, float]:
    """Those of Adam, and the factor by which theta decays."""
    scalars = adam_scalars(learning_rate=learning_rate, step=step, **of_adam)
    return scalars | {"kept": 1.0 - learning_rate * weight_decay}


def adamw_rule(
    theta: Array, gradient: Array, state: State, *, kept: float, xp: Namespace, **of_adam: Any
) -> Updated:
    """State: (mu, nu)."""
    return adam_rule(theta * kept, gradient, state, xp=xp, **of_adam)


def clip_by_global_norm(gradient: Array, *, max_norm: float, xp: Namespace) -> Array:
    """The gradient, scaled down to length max_norm if longer: ``gradient min(1, max_norm / |gradient|)``.

    gradient is the (p,) gradient of all parameters and |.| the Euclidean norm; max_norm > 0. The
    direction stays the same. Entries are divided by the largest before they are squared, so that
    the squares cannot overflow. Source: Pascanu, Mikolov and Bengio 2013.

    Examples
    --------
    >>> import numpy as np
    >>> clip_by_global_norm(np.asarray([3.0, 4.0]), max_norm=1.0, xp=np)
    array([0.6, 0.8])
    >>> clip_by_global_norm(np.asarray([0.3, 0.4]), max_norm=1.0, xp=np)
    array([0.3, 0.4])
    """
    unit = xp.maximum(xp.max(xp.abs(gradient)), max_norm)
    ratio = gradient / unit
    norm = unit * xp.sqrt(xp.sum(ratio * ratio))
    return gradient * (max_norm / xp.maximum(norm, max_norm))
