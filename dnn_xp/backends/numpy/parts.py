"""Large products in parts, for the threads of an engine whose block is alone.

Threads share blocks of examples. Where all examples are a single block -- few of them with
thousands of features, or a block as large as the user wants it -- they share the products in that
block. How a product is cut depends on its shape alone, never on the threads, so that their number
changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from dnn_xp.backends.parallel_for import ParallelFor
from dnn_xp.formulas.types import Array

# Multiplications of a part: 0.1 ms, twice the time to wake a thread.
_PART = 12_500_000
# Smaller products are left whole.
WORTH_PARTS = 2 * _PART
_MOST = 16
# Parts begin at whole cache lines, and are no shorter than BLAS computes efficiently.
_STEP = 16
_SHORTEST = 64


def part_count(n: int, k: int, p: int) -> int:
    """Parts of a product of (n, k) and (k, p) in a block that is alone; 1 when it is not worth cutting."""
    return max(1, min(_MOST, n * k * p // _PART, max(n, k, p) // _SHORTEST))


def in_parts(
    product: Callable[..., Array], x1: Array, x2: Array, parallel_for: ParallelFor
) -> Array:
    """product(x1, x2) (n, p) in C order, cut along the longest of n, k and p; sums over k in the order of the parts."""
    (n, k), p = x1.shape, x2.shape[1]
    longest, count = max(n, k, p), part_count(n, k, p)
    edges = [longest * part // count // _STEP * _STEP for part in range(count)] + [longest]
    pieces = [slice(start, stop) for start, stop in pairwise(edges)]
    if k > max(n, p):
        terms: list[Array] = [x1] * count

        def multiply(part: int) -> None:
            terms[part] = product(x1[:, pieces[part]], x2[pieces[part]])

        parallel_for(multiply, count)
        return np.ascontiguousarray(sum(terms[1:], start=terms[0]))
    result = np.empty((n, p), dtype=np.result_type(x1, x2))

    def fill(part: int) -> None:
        piece = pieces[part]
        if p == longest:
            product(x1, x2[:, piece], result[:, piece])
        else:
            product(x1[piece], x2, result[piece])

    parallel_for(fill, count)
    return result
