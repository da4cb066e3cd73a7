"""No figure without this: a candidate's cost and gradients against a float64 reference."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.candidate import Gradients
from benchmarks.shapes import Array, Parameters

TOLERANCE = 1e-4  # of the norm; float32 sums over a million examples stay well below
BLOCK_SIZE = 8192

Float64 = NDArray[np.float64]


class Mismatch(Exception):  # noqa: N818 - reads as what it is in the results
    """A candidate computes something else."""


def _output(Z: Float64, Y: Array) -> tuple[float, Float64]:
    """Return the summed cross-entropy and its derivative dZ = A - Y.

    Both come from log-probabilities: of the two classes for one output, of the outputs for several.
    """
    if len(Z) == 1:
        loss = np.logaddexp(0, Z) - Z * Y
        return float(loss.sum()), np.exp(-np.logaddexp(0, -Z)) - Y
    log_A = Z - np.logaddexp.reduce(Z, axis=0)
    return float(-(Y * log_A).sum()), np.exp(log_A) - Y


def _block(
    weights: list[tuple[Float64, Float64]], X: Float64, Y: Array
) -> tuple[float, list[tuple[Float64, Float64]]]:
    """Return summed cost and gradients of one block, by the course's formulas without 1/m."""
    layers = [X]
    for W, b in weights[:-1]:
        layers.append(np.maximum(W @ layers[-1] + b, 0))
    W, b = weights[-1]
    loss, dZ = _output(W @ layers[-1] + b, Y)
    gradients = []
    for (W, _), A in zip(reversed(weights), reversed(layers), strict=True):
        gradients.append((dZ @ A.T, dZ.sum(axis=1, keepdims=True)))
        dZ = (W.T @ dZ) * (A > 0)
    return loss, gradients[::-1]


def reference(parameters: Parameters, X: Array, Y: Array) -> tuple[float, Gradients]:
    """Return the exact cost and gradients, computed in float64 and block by block."""
    weights = [(W.astype(np.float64), b.astype(np.float64)) for W, b in parameters]
    m = X.shape[1]
    loss = 0.0
    total = [(np.zeros_like(W), np.zeros_like(b)) for W, b in weights]
    for start, stop in pairwise([*range(0, m, BLOCK_SIZE), m]):
        part, gradients = _block(weights, X[:, start:stop].astype(np.float64), Y[:, start:stop])
        loss += part
        for sums, terms in zip(total, gradients, strict=True):
            for array, term in zip(sums, terms, strict=True):
                array += term
    return loss / m, [(dW / m, db / m) for dW, db in total]


def cost(parameters: Parameters, X: Array, Y: Array) -> float:
    """Return the exact cost."""
    return reference(parameters, X, Y)[0]


def error(found: tuple[float, Gradients], expected: tuple[float, Gradients]) -> float:
    """Return the larger of the relative errors of the cost and of the gradient as one vector."""

    def flat(gradients: Gradients) -> Float64:
        return np.concatenate([array.ravel() for pair in gradients for array in pair]).astype(
            np.float64
        )

    shapes, wanted = ([(dW.shape, db.shape) for dW, db in pairs] for _, pairs in (found, expected))
    if shapes != wanted:
        raise Mismatch(f"gradients of shapes {shapes} instead of {wanted}")
    gradient = flat(expected[1])
    gradient_error = np.linalg.norm(flat(found[1]) - gradient) / np.linalg.norm(gradient)
    return max(float(gradient_error), abs(found[0] - expected[0]) / abs(expected[0]))


def check(found: tuple[float, Gradients], expected: tuple[float, Gradients]) -> float:
    """Return the error, or raise Mismatch when it is above the tolerance."""
    size = error(found, expected)
    if not size <= TOLERANCE:  # NaN is a mismatch too
        raise Mismatch(f"relative error {size:.1e}, more than {TOLERANCE:.0e}")
    return size
