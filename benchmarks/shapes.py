"""The networks that are measured, with random data for them and the work one gradient takes."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Parameters = list[tuple[Array, Array]]


class Shape(NamedTuple):
    """A network and the number of examples it is measured with."""

    name: str
    sizes: tuple[int, ...]
    m: int


class Problem(NamedTuple):
    """Float32 parameters [(W, b), ...], X of shape (n_x, m) and Y of shape (n_y, m)."""

    parameters: Parameters
    X: Array
    Y: Array


SHAPES = (
    Shape("28-32-32-1", (28, 32, 32, 1), 1_000_000),
    Shape("28-300x4-1", (28, 300, 300, 300, 300, 1), 100_000),
    Shape("784-512-512-10", (784, 512, 512, 10), 30_000),
    Shape("12288-20-7-5-1", (12288, 20, 7, 5, 1), 209),
    Shape("100-64-1", (100, 64, 1), 1_000_000),
)
MINIBATCH_SIZES = (28, 64, 64, 1)


def named(name: str) -> Shape:
    """Return the shape of that name."""
    return next(shape for shape in SHAPES if shape.name == name)


def scaled(m: int, scale: float) -> int:
    """Return a share of m examples, for trying things out; never less than 16."""
    return min(m, max(16, round(m * scale)))


def problem(sizes: tuple[int, ...], m: int, *, seed: int = 0) -> Problem:
    """Draw He-initialised parameters, standard normal X, and labels a linear teacher gives to X.

    The teacher's scores carry noise of the size of the signal, so that training has something to
    learn and the cost stays away from 0. Y is 0 or 1 for one output, one-hot for several.
    """
    rng = np.random.default_rng(seed)
    parameters = [
        (
            rng.standard_normal((n, n_prev), dtype=np.float32) * np.float32(np.sqrt(2 / n_prev)),
            np.zeros((n, 1), np.float32),
        )
        for n_prev, n in pairwise(sizes)
    ]
    n_x, n_y = sizes[0], sizes[-1]
    X = rng.standard_normal((n_x, m), dtype=np.float32)
    teacher = rng.standard_normal((n_y, n_x), dtype=np.float32) / np.float32(np.sqrt(n_x))
    scores = teacher @ X + rng.standard_normal((n_y, m), dtype=np.float32)
    if n_y == 1:
        return Problem(parameters, X, (scores > 0).astype(np.float32))
    winners = scores.argmax(axis=0)
    return Problem(parameters, X, np.equal.outer(np.arange(n_y), winners).astype(np.float32))


def gradient_flops(sizes: tuple[int, ...], m: int) -> int:
    """Count the multiply-adds, times two, in the matrix products of one exact full-batch gradient.

    Z = W A and dW = dZ A^T in every layer, dA = W^T dZ in every layer but the first, whose
    dA nobody needs: 2 n n_prev m each. Elementwise work is not counted.
    """
    weights = [n_prev * n for n_prev, n in pairwise(sizes)]
    return 2 * m * (3 * sum(weights) - weights[0])
