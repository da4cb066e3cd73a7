"""The number of examples in a block."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from dnn_xp.backends.record import Backend
from dnn_xp.common.checks import check_int
from dnn_xp.formulas.ensembles import Ensemble
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.parameters import parameter_count

# Blocks of less arithmetic (about a millisecond) gain little from threads of their own: between its
# short calls a thread waits for the interpreter lock. Milliseconds of a step in one, two and four blocks
# on an Intel Xeon (2 cores), for 28-64-64-1 with 4096 examples 2.5, 2.2 and 2.9, with 8192 5.6, 3.1 and 3.9;
# for 28-32-32-1 with 8192 2.1, 2.2 and 3.0.
_SMALLEST_BLOCK_FLOPS = 1.2e8
_WORTH_TWO_FLOPS = 1.25e8
# Below this many columns matrix products are slow.
_SMALLEST_BLOCK = 96
# If X has this many times as many features as examples or units, threads share the first layer's
# products (`backends.numpy.parts`) instead of the examples, where each block has a dW[1] of its own.
_WIDE = 4


def gradient_flops(sizes: Sequence[int], m: int) -> float:
    """Multiplications and additions of one exact gradient: 6 per weight and example, 4 in the first layer."""
    weights = [n * n_prev for n_prev, n in pairwise(sizes)]
    return m * (6.0 * sum(weights) - 2.0 * weights[0])


def auto_block_size(
    sizes: Sequence[int],
    m: int,
    *,
    dtype: str,
    backend: Backend,
    widest: int = 0,
    ensemble: Ensemble | None = None,
) -> int:
    """Examples per block, from the problem and the backend, never from the number of threads.

    The activations of a block's widest layer, or `widest` rows if an encoding makes more, fill about
    `backend.block_bytes`: its arrays stay in the caches, and array operations are long enough for their
    overhead. With many parameters a block is larger, since its gradient takes memory bandwidth too: at
    least 1.5 times as many activations as parameters. Blocks are of equal size. If blocks run on Python
    threads, their number is even, so that threads finish together, and small problems are split if a
    block is worth a thread, unless X is so wide that threads share its features instead.
    An example has the activations of those members of an ensemble that are computed at once.
    """
    itemsize = np.dtype(dtype).itemsize
    members = 1 if ensemble is None else ensemble.members
    at_once = 1 if ensemble is None else ensemble.at_once
    copies = () if ensemble is None else ensemble.copies(len(sizes) - 1)
    by_cache = backend.block_bytes // (itemsize * max(at_once * max(sizes[1:]), widest))
    activations = members * sum(sizes[1:]) + widest
    by_parameters = int(1.5 * parameter_count(sizes, copies) / activations)
    size = min(backend.largest_block, max(by_cache, by_parameters))
    blocks = math.ceil(m / max(_SMALLEST_BLOCK, size))
    if backend.python_threads and sizes[0] < _WIDE * max(m, sizes[1]):
        flops = members * gradient_flops(sizes, m)
        worthwhile = max(flops // _SMALLEST_BLOCK_FLOPS, 2.0 * (flops > _WORTH_TWO_FLOPS))
        blocks = max(blocks, min(8, int(min(worthwhile, m / _SMALLEST_BLOCK))))
    if blocks > 1:
        blocks += blocks % 2
    size = math.ceil(m / max(1, blocks))
    if blocks <= 1:
        return size
    # A multiple of 16 examples fills vector registers and cache lines. But rows a multiple of half a
    # page apart map to the same few sets of a cache: W (32, 32) times A takes 1.6 times as long
    # with 8192 columns as with 8080.
    size = -(-size // 16) * 16
    return min(m, size if size * itemsize % 2048 else size + 16)


def block_size_of(
    block_size: str | int, network: Network, *, dtype: str, backend: Backend
) -> Callable[[int], int]:
    """Examples per block as the user chose, "auto" or a number, given the number of examples."""
    if not (isinstance(block_size, str) and block_size == "auto"):
        size = check_int("block_size", block_size, at_least=1)
        return lambda m: min(size, m)
    # Called at every step, with one or two values of m.
    encoding = network.number_encoding
    # The widest array: all cosines, or A[0] with the pieces of all bins.
    widest = 0 if encoding is None else max(network.sizes[0], encoding.numbers * encoding.hidden)
    how: dict[str, Any] = {"dtype": dtype, "backend": backend, "widest": widest}
    how |= {"ensemble": network.ensemble}
    return cache(lambda m: auto_block_size(network.sizes, m, **how))
