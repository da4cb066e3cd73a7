"""Matrix products computed in blocks: of columns of x2, of terms of the sums, or of both (tiles).

x1 is (n, k), x2 is (k, p). Splitting one axis of a strided array in two gives a view, never a copy,
and one call of `numpy.matmul` multiplies a stack of blocks.
"""

from __future__ import annotations

import numpy as np

from dnn_xp.formulas.types import Array


def multiply_column_blocks(x1: Array, x2: Array, *, step: int, out: Array | None = None) -> Array:
    """x1 x2, `step` columns of x2 at a time."""
    (n, k), p = x1.shape, x2.shape[1]
    pieces, rest = divmod(p, step)
    cut = p - rest
    result = np.empty((n, p), dtype=np.result_type(x1, x2)) if out is None else out
    stack = result[:, :cut].reshape(n, pieces, step).swapaxes(0, 1)
    np.matmul(x1, x2[:, :cut].reshape(k, pieces, step).swapaxes(0, 1), out=stack)
    if rest:
        np.matmul(x1, x2[:, cut:], out=result[:, cut:])
    return result


def multiply_term_blocks(x1: Array, x2: Array, *, step: int, out: Array | None = None) -> Array:
    """x1 x2, as a sum of products over `step` of the k terms each."""
    (n, k), p = x1.shape, x2.shape[1]
    pieces, rest = divmod(k, step)
    cut = k - rest
    left = x1[:, :cut].reshape(n, pieces, step).swapaxes(0, 1)
    total = np.add.reduce(np.matmul(left, x2[:cut].reshape(pieces, step, p)), axis=0, out=out)
    return np.add(total, np.matmul(x1[:, cut:], x2[cut:]), out=out) if rest else total


def multiply_tiles(
    x1: Array, x2: Array, *, width: int, pieces: int, out: Array | None = None
) -> Array:
    """x1 x2, `width` columns of x2 at a time, as a sum over `pieces` equal parts of the k terms."""
    (n, k), p = x1.shape, x2.shape[1]
    step, tiles = k // pieces, p // width
    cut, wide = step * pieces, width * tiles
    left = x1[:, :cut].reshape(n, pieces, step).swapaxes(0, 1)
    right = x2[:cut].reshape(pieces, step, p)
    if pieces == 1 and out is not None:
        terms = out[None]
    else:
        terms = np.empty((pieces, n, p), dtype=np.result_type(x1, x2))
    np.matmul(
        left[:, None],
        right[:, :, :wide].reshape(pieces, step, tiles, width).swapaxes(1, 2),
        out=terms[:, :, :wide].reshape(pieces, n, tiles, width).swapaxes(1, 2),
    )
    if wide < p:
        np.matmul(left, right[:, :, wide:], out=terms[:, :, wide:])
    total = terms[0] if pieces == 1 else np.add.reduce(terms, axis=0, out=out)
    return np.add(total, np.matmul(x1[:, cut:], x2[cut:]), out=out) if cut < k else total
