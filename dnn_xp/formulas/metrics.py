"""Scores of each example, (1, m) or (n_L, m); their sums over examples give accuracy and R2."""

from __future__ import annotations

from dnn_xp.formulas.types import Array, Namespace


def binary_correct(Z: Array, Y: Array, *, xp: Namespace) -> Array:
    """1 where every output is on Y's side of 1/2 (Z > 0 means sigmoid(Z) > 1/2), else 0; (1, m)."""
    return xp.astype(xp.all((Z > 0) == (Y > 0.5), axis=0, keepdims=True), Z.dtype)


def class_correct(Z: Array, Y: Array, *, xp: Namespace) -> Array:
    """1 where the largest output is that of the largest entry of Y, else 0; (1, m)."""
    return xp.astype(
        xp.argmax(Z, axis=0, keepdims=True) == xp.argmax(Y, axis=0, keepdims=True), Z.dtype
    )


def squares_about(A: Array, center: Array, *, xp: Namespace) -> Array:
    """(A - center)^2, elementwise; residuals with center = Y, spread of Y with its mean."""
    difference = A - center
    return difference * difference
