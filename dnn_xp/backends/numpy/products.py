"""Matrix products of layers, put to NumPy's BLAS in the form that it runs fastest.

BLAS treats the long thin products of a layer of a few dozen units over thousands of examples, or of
a few units over thousands of features, like large square ones: it packs both operands first, which
takes longer than the arithmetic. OpenBLAS has kernels that do not pack, for products of up to 10^6
multiplications; and where x2 is the transpose of an array in rows, as in dW = dZ A^T, only for
results of up to 1200 entries. So products are cut into such pieces where that pays. On one core of
a Zen 5, float32, x2 another one than in the call before, GFLOP/s of numpy.matmul and of these:

    W (32, 32) A (32, 8080)          153   196
    W (100, 100) A (100, 2000)       205   221
    W (20, 12288) X (12288, 209)      86   115
    dZ (64, 4080) X^T (4080, 28)      94   174
    dZ (64, 4080) A^T (4080, 64)     130   154
    dZ (10, 944) A^T (944, 512)       39   127
    dZ (20, 209) X^T (209, 3072)      72   129

The limits below were found by timing some 8000 shapes there, of blocks and of mini-batches, in float32
and float64; `benchmarks/test_products.py` measures the lines above.

With OpenBLAS's kernels for older processors cutting costs 5 to 30%, so they get a product whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache, partial

import numpy as np
from threadpoolctl import threadpool_info

from dnn_xp.backends.numpy import mkl as intel
from dnn_xp.backends.numpy.cutting import side_by_side, summed, tiled
from dnn_xp.backends.numpy.parts import WORTH_PARTS, in_parts, lent
from dnn_xp.formulas.types import Array

# Processors, as OpenBLAS names them, for which it has kernels that do not pack.
_WITHOUT_PACKING = ("SkylakeX", "Cooperlake", "SapphireRapids")
# What those take: so many multiplications, and entries of a result where x2 lies across.
_UNPACKED = 1_000_000
_UNPACKED_ACROSS = 1200
# Up to as many multiplications BLAS is quick to multiply by a single unit, too.
_WORTH_MULTIPLYING = 1 << 14
# Below as many multiplications cutting does not pay for the calls it takes; below the second number
# not even where the result is thin.
_WORTH_CUTTING = 4_000_000
_WORTH_CUTTING_THIN = 250_000
# Sides below this are thin: BLAS packs in vain for them. And sides up to which it does for others.
_THIN = 32
_SMALL = 128
# Narrower than this, a vector register is hardly filled and packing hardly costs.
_NARROWEST = 4
# The fewest terms of a tile's sums and the fewest multiplications in all that are worth tiles, by
# the shorter side of the result: the wider it is, the less badly BLAS packs.
_WORTH_TILES = ((16, 32, _WORTH_CUTTING_THIN), (48, 96, 600_000), (math.inf, 192, _WORTH_CUTTING))
# Bytes of the longest sums, such that what they are taken over stays in the caches.
_SUM_BYTES = 3600
# Rows so many bytes apart fall into the same few sets of a cache.
_HALF_A_PAGE = 2048


Way = Callable[..., Array]


def matmul(x1: Array, x2: Array, *, any_order: bool = False, mkl: intel.Mkl | None = None) -> Array:
    """x1 (n, k) times x2 (k, p), in C order unless any will do; other shapes as in NumPy.

    `mkl` multiplies in the place of NumPy's BLAS where the product suits it.
    """
    shape = (*x1.shape, *x2.shape)
    if len(shape) != 4 or x2.ndim != 2 or shape[1] != shape[2]:
        # An activation or optimizer of the user's may multiply what it likes.
        return np.matmul(x1, x2)
    n, k, _, p = shape
    multiplications = n * k * p
    if k == 1 and multiplications > _WORTH_MULTIPLYING:
        # A product over one unit is no sum: as a multiplication it takes a fifth of BLAS's time.
        return x1 * x2
    whole = _whole
    if mkl is not None and multiplications >= intel.WORTH_CALLING and intel.suits(x1, x2):
        whole = partial(intel.multiply, mkl=mkl)
    elif multiplications < (_WORTH_CUTTING if n >= _THIN <= p else _WORTH_CUTTING_THIN):
        # The same call of BLAS as by matmul, found sooner.
        return np.dot(x1, x2)
    if multiplications >= WORTH_PARTS and (share := lent.get()) is not None:
        return in_parts(whole, x1, x2, share)
    product = whole(x1, x2)
    return product if any_order or product.flags.c_contiguous else np.ascontiguousarray(product)


def _whole(x1: Array, x2: Array, out: Array | None = None) -> Array:
    """The same on this thread, in any order."""
    (n, k), p = x1.shape, x2.shape[1]
    row, column = x2.strides
    # The transpose of an array that lies in rows lies across.
    way = _way(n, k, p, x2.itemsize, row < column, row % _HALF_A_PAGE == 0)
    return way(x1, x2, out=out)


@cache
def _runs_without_packing() -> bool:
    return any(library.get("architecture") in _WITHOUT_PACKING for library in threadpool_info())


@lru_cache(maxsize=256)
def _way(n: int, k: int, p: int, itemsize: int, across: bool, aligned: bool) -> Way:
    """How a product of this shape is computed; `aligned` where rows of x2 lie half pages apart."""
    if not _runs_without_packing():
        return np.matmul
    if across:
        return _way_across(n, k, p, _SUM_BYTES // itemsize)
    if n * k * p <= _UNPACKED or min(n, p) < _NARROWEST:
        return np.matmul
    terms = _terms(n * p)
    if terms and k >= 6 * terms:
        return partial(summed, step=terms)
    if aligned and n * k * p < _WORTH_CUTTING:
        return np.matmul
    columns = _columns(n * k, aligned)
    fewest = 2 if min(n, k) < _THIN else 4
    if columns and p >= fewest * columns and (n < _THIN or k <= _SMALL):
        return partial(side_by_side, step=columns)
    return np.matmul


def _columns(each: int, aligned: bool) -> int:
    """Columns of a piece, of `each` multiplications a column; 0 where too few could be taken."""
    most = _UNPACKED // each
    if aligned:
        return most // 16 * 16 if most >= 240 else 0
    most = min(960, most)
    return most // 64 * 64 or most // 32 * 32


def _terms(each: int) -> int:
    """Terms of a piece's sums, likewise: fewer, and what is to be added outgrows the caches."""
    most = min(128, _UNPACKED // each // 32 * 32)
    return most if most >= 96 else 0


def _way_across(n: int, k: int, p: int, longest_sum: int) -> Way:
    if n * p <= _UNPACKED_ACROSS and min(n, p) >= _NARROWEST:
        longest = _UNPACKED // (n * p) // 16 * 16
        return partial(summed, step=longest) if k > longest else np.matmul
    if n * _NARROWEST > _UNPACKED_ACROSS and p < _THIN:
        way = _tiles(p, k, n, longest_sum)
        return partial(_transposed, way=way) if way else np.matmul
    packs_badly = min(n, p) < _THIN or max(n, p) <= 2 * _THIN or (n <= 48 and k <= _SMALL)
    if packs_badly and (way := _tiles(n, k, p, longest_sum)):
        return way
    # BLAS packs the operand that lies across slowly; here it is the larger one.
    if n < p and n <= 100 and k >= 4 * n and n * k * p >= _WORTH_CUTTING:
        return partial(_transposed, way=np.matmul)
    return np.matmul


def _tiles(n: int, k: int, p: int, longest_sum: int) -> Way | None:
    """Tiles that need no packing: as wide as they may be, with sums short enough to stay in the caches."""
    shortest, smallest = next(limits for side, *limits in _WORTH_TILES if min(n, p) < side)
    too_small = k < shortest or n * k * p < smallest or min(n, p) < _NARROWEST
    if too_small or n * _NARROWEST > _UNPACKED_ACROSS:
        return None
    # A few more terms are better than two parts.
    length = k if k <= 1.2 * longest_sum else longest_sum
    widths = [
        width
        for width in (p, 32, 16, 12, 8)
        if p % width == 0 and n * width <= _UNPACKED_ACROSS and n * width * length <= _UNPACKED
    ]
    width = widths[0] if widths else _NARROWEST
    fewest = max(-(-k // length), -(-n * width * k // _UNPACKED))
    pieces = next((c for c in range(fewest, 2 * fewest) if k % c == 0), fewest)
    return partial(tiled, width=width, pieces=pieces)


def _transposed(x1: Array, x2: Array, *, way: Way, out: Array | None = None) -> Array:
    return way(x2.T, x1.T, out=None if out is None else out.T).T
