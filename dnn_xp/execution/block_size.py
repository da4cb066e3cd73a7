"""The number of examples in a block."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np

from dnn_xp.backends import Backend
from dnn_xp.common.checks import check_int
from dnn_xp.formulas.network import parameter_count

# A block below this much arithmetic (a millisecond or so) gains little from a thread of its own: both threads
# wait for the interpreter lock between its short calls. Two blocks of 2064 examples of 28-64-64-1 took 2.4 ms,
# one of 4096 on one thread 2.5; four of 4096 took 5.9, eight of 2064 7.8 (Intel Xeon, 2 cores).
_SMALLEST_BLOCK_FLOPS = 1.2e8
# Below this many columns matrix products lose their speed.
_SMALLEST_BLOCK = 96
# With so many times as many features as examples or units, threads share the first layer's products
# (see `backends.parts`) sooner than the examples, each part of which would want a dW[1] of its own.
_WIDE = 4


def gradient_flops(sizes: Sequence[int], m: int) -> float:
    """Multiplications and additions of one exact gradient: 6 per weight and example, 4 in the first layer."""
    weights = [n * n_prev for n_prev, n in pairwise(sizes)]
    return m * (6.0 * sum(weights) - 2.0 * weights[0])


def auto_block_size(sizes: Sequence[int], m: int, *, dtype: str, backend: Backend) -> int:
    """Examples per block, from the problem and the library alone (never from the number of threads).

    The activations of the widest layer of one block fill about `backend.block_bytes`, which keeps a
    block's arrays in the caches and still gives every array operation enough to do. Where there are
    many parameters a block is larger, since its gradient passes through the same memory: about one
    and a half times as many activations as parameters. Blocks are then made equally large. Where
    blocks are computed on Python threads their number is even, so that two, four or more threads
    finish together, and small problems are split as well when the parts are worth a thread; unless
    X is so wide that threads do better to share its features.
    """
    itemsize = np.dtype(dtype).itemsize
    by_cache = backend.block_bytes // (itemsize * max(sizes[1:]))
    by_parameters = int(1.5 * parameter_count(sizes) / sum(sizes[1:]))
    size = min(backend.largest_block, max(by_cache, by_parameters))
    blocks = math.ceil(m / max(_SMALLEST_BLOCK, size))
    if backend.python_threads and sizes[0] < _WIDE * max(m, sizes[1]):
        worthwhile = min(gradient_flops(sizes, m) / _SMALLEST_BLOCK_FLOPS, m / _SMALLEST_BLOCK)
        blocks = max(blocks, min(8, int(worthwhile)))
    if blocks > 1:
        blocks += blocks % 2
    size = math.ceil(m / max(1, blocks))
    if blocks <= 1:
        return size
    # Whole vector registers and cache lines: a multiple of 16 examples. But rows half a page or
    # more apart, to the byte, fall into the same few sets of a cache: W (32, 32) times A took
    # 1.6 times as long with 8192 columns as with 8080.
    size = -(-size // 16) * 16
    return min(m, size if size * itemsize % 2048 else size + 16)


def block_size_of(
    block_size: str | int, sizes: Sequence[int], *, dtype: str, backend: Backend
) -> Callable[[int], int]:
    """Examples per block as the user chose, "auto" or a number, given the number of examples."""
    if not (isinstance(block_size, str) and block_size == "auto"):
        size = check_int("block_size", block_size, at_least=1)
        return lambda m: min(size, m)
    # Asked for at every step, with one or two values of m.
    return cache(lambda m: auto_block_size(sizes, m, dtype=dtype, backend=backend))
