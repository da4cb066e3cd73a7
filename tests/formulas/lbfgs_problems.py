"""Functions to minimise, and how many evaluations SciPy's L-BFGS-B takes: the oracle of test_lbfgs.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from namespaces import Library

from dnn_xp.formulas import ACTIVATIONS, COSTS, initialize
from dnn_xp.formulas.network import Network, gradient_sums, output_cost_sum
from dnn_xp.formulas.parameters import flatten, unflatten

Evaluate = Callable[[Any], tuple[Any, Any]]


def quadratic(library: Library, dtype: str, *, seed: int = 0, n: int = 50, condition: float = 1e4):
    """1/2 theta' A theta - b' theta, with A of the given condition."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    whole = (Q * np.geomspace(1.0, condition, n)) @ Q.T
    A, b = library.array((whole + whole.T) / 2, dtype), library.array(rng.standard_normal(n), dtype)
    xp = library.xp

    def evaluate(theta):
        product = xp.matmul(A, theta)
        return xp.sum((0.5 * product - b) * theta), product - b

    return evaluate, library.array(np.zeros(n), dtype)


def rosenbrock(library: Library, dtype: str, *, n: int, seed: int | None = None):
    """Sum of 100 (theta_{i+1} - theta_i^2)^2 + (1 - theta_i)^2, from (-1.2, 1, -1.2, 1, ...)."""
    xp = library.xp
    start = np.tile([-1.2, 1.0], n // 2)
    if seed is not None:
        start = start + 0.3 * np.random.default_rng(seed).standard_normal(n)
    end = library.array([0.0], dtype)

    def evaluate(theta):
        left, right = theta[:-1], theta[1:]
        off, to_one = right - left * left, 1.0 - left
        J = xp.sum(100.0 * off * off + to_one * to_one)
        by_left, by_right = -400.0 * left * off - 2.0 * to_one, 200.0 * off
        return J, xp.concat([by_left, end]) + xp.concat([end, by_right])

    return evaluate, library.array(start, dtype)


def network(
    library: Library,
    dtype: str,
    *,
    sizes: tuple[int, ...],
    seed: int = 0,
    m: int = 200,
    l2: float = 0.0,
    spread: float = 0.0,
):
    """Binary cross-entropy of a network with tanh; without hidden layers it is logistic regression."""
    rng, xp = np.random.default_rng(seed), library.xp
    X = rng.standard_normal((sizes[0], m)) * np.exp(spread * rng.standard_normal((sizes[0], 1)))
    Y = X[:1] * X[1:2] if len(sizes) > 2 else rng.standard_normal(sizes[0]) @ X
    Y = np.reshape(Y + 0.3 * rng.standard_normal(m) > 0, (1, m))
    names = ["tanh"] * (len(sizes) - 2) + ["sigmoid"]
    of_network = Network(
        sizes, tuple(ACTIVATIONS[each] for each in names), COSTS["binary_cross_entropy"]
    )
    start = flatten([each for layer in initialize(sizes, names, rng=rng) for each in layer], xp=np)
    X, Y = library.array(X, dtype), library.array(Y, dtype)

    def evaluate(theta):
        sums, Z = gradient_sums(X, Y, unflatten(theta, sizes, xp=xp), of_network, xp=xp)
        J = output_cost_sum(Z, Y, of_network, xp=xp) / m + 0.5 * l2 * xp.sum(theta * theta)
        gradient = flatten([each for layer in sums for each in layer], xp=xp) / m
        return J, gradient + l2 * theta

    return evaluate, library.array(start if len(sizes) > 2 else 0.0 * start, dtype)


class Counted:
    """An evaluate that keeps the costs it gave."""

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate
        self.costs: list[float] = []

    def __call__(self, theta: Any) -> tuple[Any, Any]:
        J, gradient = self._evaluate(theta)
        self.costs.append(float(J))
        return J, gradient

    def until(self, target: float) -> int:
        """Evaluations up to the first with a cost that is no higher."""
        return next(count for count, J in enumerate(self.costs, start=1) if target >= J)
