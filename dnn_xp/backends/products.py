"""Matrix products with one long side, put to NumPy's BLAS in the form that it runs fastest.

A layer of a few dozen units over thousands of examples is a long thin product, and so is a layer
of a few units over thousands of features. BLAS treats them like large square ones: it packs both
operands first, which takes longer than the arithmetic. OpenBLAS runs products of up to 10^6
multiplications without packing, so long ones are cut into such pieces; and where the result is
wider than high, its transpose is computed instead. On one core of a Zen 5, float32, GFLOP/s before
and after: W (32, 32) times A (32, 8080) 165 and 215; dZ (32, 8080) times A^T (8080, 32) 91 and 174;
W (20, 12288) times X (12288, 112) 124 and 170; dZ (20, 112) times X^T (112, 12288) 80 and 104. With
OpenBLAS's kernels for older processors the same costs 5 to 30%, so they get the product as it is.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from threadpoolctl import threadpool_info

from dnn_xp.backends.parts import WORTH_PARTS, in_parts, lent
from dnn_xp.formulas.types import Array

# Processors, as OpenBLAS names them, for which it has kernels that do not pack.
_WITHOUT_PACKING = ("SkylakeX", "Cooperlake", "SapphireRapids")
# Multiplications of the largest product that OpenBLAS runs without packing, and of the smallest
# one whose cutting pays for the calls it takes.
_UNPACKED = 1_000_000
_WORTH_CUTTING = 4_000_000
# A side is long when it is so many times the others.
_LONG = 4
# Narrower than this, a vector register is hardly filled and packing hardly costs.
_NARROWEST = 4
# Wider than this, a product and its transpose are equally fast.
_WIDEST = 100
# Shorter pieces gain nothing: columns side by side, sums over them, sums with both operands across.
_SHORTEST_APART = 240
_SHORTEST_SUMMED = 128
_SHORTEST_ACROSS = 880
# Pieces begin at whole cache lines.
_STEP = 16


def matmul(x1: Array, x2: Array, *, any_order: bool = False) -> Array:
    """x1 (n, k) times x2 (k, p), in C order unless any will do; other shapes as in NumPy."""
    if x1.ndim != 2 or x2.ndim != 2 or x1.shape[1] != len(x2):
        # An activation or optimizer of the user's may multiply what it likes.
        return np.matmul(x1, x2)
    (n, k), p = x1.shape, x2.shape[1]
    if k == 1:
        # A product over one unit is no sum: as a multiplication it takes a fifth of BLAS's time.
        return x1 * x2
    if n * k * p >= WORTH_PARTS and (share := lent.get()) is not None:
        return in_parts(_whole_in_any_order, x1, x2, share)
    return _whole(x1, x2, any_order=any_order)


def _whole_in_any_order(x1: Array, x2: Array) -> Array:
    return _whole(x1, x2, any_order=True)


def _whole(x1: Array, x2: Array, *, any_order: bool) -> Array:
    """The same on this thread."""
    (n, k), p = x1.shape, x2.shape[1]
    if n * k * p < _WORTH_CUTTING or not _runs_without_packing():
        return np.matmul(x1, x2)
    across = x2.strides[0] < x2.strides[1]  # the transpose of an array that lies in rows
    if k >= _LONG * max(n, p):
        step = _step(n, p, _SHORTEST_ACROSS if across else _SHORTEST_SUMMED)
        if step:
            return _summed(x1, x2, step)
    elif p >= _LONG * max(n, k) and not across:
        step = _step(n, k, _SHORTEST_APART)
        if step:
            return _side_by_side(x1, x2, step)
    if across and n < p and n <= _WIDEST and k >= _LONG * n:
        product = np.matmul(x2.T, x1.T).T
        return product if any_order else np.ascontiguousarray(product)
    return np.matmul(x1, x2)


@cache
def _runs_without_packing() -> bool:
    return any(library.get("architecture") in _WITHOUT_PACKING for library in threadpool_info())


def _step(n: int, p: int, shortest: int) -> int:
    """Length of the pieces of a product with short sides n and p; 0 where cutting is of no use."""
    step = _UNPACKED // (n * p) // _STEP * _STEP
    return step if min(n, p) >= _NARROWEST and step >= shortest else 0


# Splitting one axis of a strided array into two is a view, never a copy.
def _side_by_side(x1: Array, x2: Array, step: int) -> Array:
    """x1 (n, k) times x2 (k, p), `step` columns of x2 at a time."""
    (n, k), p = x1.shape, x2.shape[1]
    pieces, rest = divmod(p, step)
    cut = p - rest
    result = np.empty((n, p), dtype=np.result_type(x1, x2))
    stack = result[:, :cut].reshape(n, pieces, step).swapaxes(0, 1)
    np.matmul(x1, x2[:, :cut].reshape(k, pieces, step).swapaxes(0, 1), out=stack)
    if rest:
        np.matmul(x1, x2[:, cut:], out=result[:, cut:])
    return result


def _summed(x1: Array, x2: Array, step: int) -> Array:
    """x1 (n, k) times x2 (k, p), the sum of the products over `step` entries of k each."""
    (n, k), p = x1.shape, x2.shape[1]
    pieces, rest = divmod(k, step)
    cut = k - rest
    left = x1[:, :cut].reshape(n, pieces, step).swapaxes(0, 1)
    total = np.add.reduce(np.matmul(left, x2[:cut].reshape(pieces, step, p)), axis=0)
    return total + np.matmul(x1[:, cut:], x2[cut:]) if rest else total
