"""Matrix products of layers, computed in blocks that BLAS multiplies without packing, where that is faster.

The products of a layer of a few dozen units over thousands of examples, or of a few units over
thousands of features, are long and thin. BLAS packs both operands first, as for large square ones,
which takes longer than the arithmetic. OpenBLAS has kernels that do not pack, for products of up to
10^6 multiplications; if x2 is in Fortran order, as in dW = dZ A^T, only for results of up to 1200
entries. So products are cut into such blocks where that is faster. On one core of a Zen 5, float32,
with x2 not in the caches, GFLOP/s of numpy.matmul and of `matmul`:

    W (32, 32) A (32, 8080)          153   196
    W (100, 100) A (100, 2000)       205   221
    W (20, 12288) X (12288, 209)      86   115
    dZ (64, 4080) X^T (4080, 28)      94   174
    dZ (64, 4080) A^T (4080, 64)     130   154
    dZ (10, 944) A^T (944, 512)       39   127
    dZ (20, 209) X^T (209, 3072)      72   129

The limits below come from timing 8000 shapes of blocks and mini-batches there, in float32 and
float64; `benchmarks/test_products.py` measures the table.

With OpenBLAS's kernels for older CPUs cutting costs 5 to 30%, so these products are not cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache, partial

import numpy as np
from threadpoolctl import threadpool_info

from dnn_xp.backends.numpy import mkl as intel
from dnn_xp.backends.numpy.cutting import (
    multiply_column_blocks,
    multiply_term_blocks,
    multiply_tiles,
)
from dnn_xp.backends.numpy.parts import WORTH_PARTS, in_parts
from dnn_xp.backends.parallel_for import parallel_for
from dnn_xp.formulas.types import Array

# CPUs, as OpenBLAS names them, for which it has kernels that do not pack.
_CPUS_WITHOUT_PACKING = ("SkylakeX", "Cooperlake", "SapphireRapids")
# The limits of those kernels: multiplications, and entries of the result if x2 is in Fortran order.
_UNPACKED_MULTIPLICATIONS = 1_000_000
_UNPACKED_ENTRIES = 1200
# Up to this many multiplications BLAS is as fast for k = 1.
_WORTH_MULTIPLYING = 1 << 14
# Below this many multiplications the calls for blocks cost more than they save; the second number is
# for thin results.
_WORTH_CUTTING = 4_000_000
_WORTH_CUTTING_THIN = 250_000
# Packing costs more than it saves for sides below _THIN, and for some others up to _SMALL terms.
_THIN = 32
_SMALL = 128
# Below this side a vector register is hardly filled, and packing costs little.
_NARROWEST = 4
# Fewest terms and fewest multiplications for which tiles are faster, by the shorter side of the
# result: the longer it is, the less packing costs.
_WORTH_TILES = ((16, 32, _WORTH_CUTTING_THIN), (48, 96, 600_000), (math.inf, 192, _WORTH_CUTTING))
# Bytes of a row of x1 in a tile: its operands then stay in the caches.
_SUM_BYTES = 3600
# Rows a multiple of this apart map to the same few sets of a cache.
_HALF_A_PAGE = 2048


Algorithm = Callable[..., Array]


def matmul(x1: Array, x2: Array, *, any_order: bool = False, mkl: intel.Mkl | None = None) -> Array:
    """x1 (n, k) times x2 (k, p), in C order unless `any_order`; other shapes as in NumPy.

    `mkl` computes the products that it is faster at (`mkl.suits`).
    """
    if x1.ndim != 2 or x2.ndim != 2 or x1.shape[1] != x2.shape[0]:
        # For activations and optimizers of the user's.
        return np.matmul(x1, x2)
    (n, k), p = x1.shape, x2.shape[1]
    multiplications = n * k * p
    if k == 1 and multiplications > _WORTH_MULTIPLYING:
        # An outer product: elementwise multiplication takes a fifth of BLAS's time.
        return x1 * x2
    whole = _whole
    if mkl is not None and multiplications >= intel.WORTH_CALLING and intel.suits(x1, x2):
        whole = partial(intel.multiply, mkl=mkl)
    elif multiplications < (_WORTH_CUTTING if n >= _THIN <= p else _WORTH_CUTTING_THIN):
        # The same call of BLAS as numpy.matmul, with less overhead.
        return x1.dot(x2)
    if multiplications >= WORTH_PARTS and (on_threads := parallel_for.get()) is not None:
        return in_parts(whole, x1, x2, on_threads)
    product = whole(x1, x2)
    return product if any_order or product.flags.c_contiguous else np.ascontiguousarray(product)


def _whole(x1: Array, x2: Array, out: Array | None = None) -> Array:
    """x1 x2 on this thread, in C or Fortran order."""
    (n, k), p = x1.shape, x2.shape[1]
    row, column = x2.strides
    algorithm = _algorithm_for(n, k, p, x2.itemsize, row < column, row % _HALF_A_PAGE == 0)
    return algorithm(x1, x2, out=out)


@cache
def _has_kernels_without_packing() -> bool:
    return any(
        library.get("architecture") in _CPUS_WITHOUT_PACKING for library in threadpool_info()
    )


@lru_cache(maxsize=256)
def _algorithm_for(
    n: int, k: int, p: int, itemsize: int, transposed: bool, aligned: bool
) -> Algorithm:
    """How a product of this shape is computed.

    `transposed`: x2 is in Fortran order. `aligned`: its rows are a multiple of half a page apart.
    """
    if not _has_kernels_without_packing():
        return np.matmul
    if transposed:
        return _algorithm_for_transposed(n, k, p, _SUM_BYTES // itemsize)
    if n * k * p <= _UNPACKED_MULTIPLICATIONS or min(n, p) < _NARROWEST:
        return np.matmul
    terms = _terms_per_block(n * p)
    if terms and k >= 6 * terms:
        return partial(multiply_term_blocks, step=terms)
    if aligned and n * k * p < _WORTH_CUTTING:
        return np.matmul
    columns = _columns_per_block(n * k, aligned)
    fewest = 2 if min(n, k) < _THIN else 4
    if columns and p >= fewest * columns and (n < _THIN or k <= _SMALL):
        return partial(multiply_column_blocks, step=columns)
    return np.matmul


def _columns_per_block(each: int, aligned: bool) -> int:
    """Columns of a block, of `each` multiplications a column; 0 where that would be too few."""
    most = _UNPACKED_MULTIPLICATIONS // each
    if aligned:
        return most // 16 * 16 if most >= 240 else 0
    most = min(960, most)
    return most // 64 * 64 or most // 32 * 32


def _terms_per_block(each: int) -> int:
    """Terms of a block, of `each` multiplications a term; 0 where the results to add would outgrow the caches."""
    most = min(128, _UNPACKED_MULTIPLICATIONS // each // 32 * 32)
    return most if most >= 96 else 0


def _algorithm_for_transposed(n: int, k: int, p: int, longest_sum: int) -> Algorithm:
    if n * p <= _UNPACKED_ENTRIES and min(n, p) >= _NARROWEST:
        longest = _UNPACKED_MULTIPLICATIONS // (n * p) // 16 * 16
        return partial(multiply_term_blocks, step=longest) if k > longest else np.matmul
    if n * _NARROWEST > _UNPACKED_ENTRIES and p < _THIN:
        algorithm = _tiles_for(p, k, n, longest_sum)
        return partial(_multiply_transposed, algorithm=algorithm) if algorithm else np.matmul
    packs_badly = min(n, p) < _THIN or max(n, p) <= 2 * _THIN or (n <= 48 and k <= _SMALL)
    if packs_badly and (algorithm := _tiles_for(n, k, p, longest_sum)):
        return algorithm
    # BLAS packs an operand in Fortran order slowly; here it is the larger one.
    if n < p and n <= 100 and k >= 4 * n and n * k * p >= _WORTH_CUTTING:
        return partial(_multiply_transposed, algorithm=np.matmul)
    return np.matmul


def _tiles_for(n: int, k: int, p: int, longest_sum: int) -> Algorithm | None:
    """Tiles that need no packing, as wide as possible, whose operands stay in the caches; None if slower."""
    shortest, smallest = next(limits for side, *limits in _WORTH_TILES if min(n, p) < side)
    too_small = k < shortest or n * k * p < smallest or min(n, p) < _NARROWEST
    if too_small or n * _NARROWEST > _UNPACKED_ENTRIES:
        return None
    # One sum with a few terms more is faster than two.
    length = k if k <= 1.2 * longest_sum else longest_sum
    widths = [
        width
        for width in (p, 32, 16, 12, 8)
        if p % width == 0
        and n * width <= _UNPACKED_ENTRIES
        and n * width * length <= _UNPACKED_MULTIPLICATIONS
    ]
    width = widths[0] if widths else _NARROWEST
    fewest = max(-(-k // length), -(-n * width * k // _UNPACKED_MULTIPLICATIONS))
    pieces = next((c for c in range(fewest, 2 * fewest) if k % c == 0), fewest)
    return partial(multiply_tiles, width=width, pieces=pieces)


def _multiply_transposed(
    x1: Array, x2: Array, *, algorithm: Algorithm, out: Array | None = None
) -> Array:
    return algorithm(x2.T, x1.T, out=None if out is None else out.T).T
