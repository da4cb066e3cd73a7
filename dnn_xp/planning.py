"""How large a block is, and how much memory a training takes, known before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dnn_xp.backends import Backend
from dnn_xp.backends.parts import part_count
from dnn_xp.engine import blocks_in_flight
from dnn_xp.network import parameter_count

# A block below this much arithmetic costs more to hand to a thread than to compute.
_SMALLEST_BLOCK_FLOPS = 5e7
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


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training will take, in bytes, beyond the data itself.

    Attributes
    ----------
    block_size, blocks, threads : int
        How the examples are cut, and how many threads there is work for: blocks computed at once,
        or parts of the products of a single block.
    block_bytes : int
        Arrays of one block: its X in the working dtype, Z, A and their derivatives in every layer;
        or those that standardizing X takes, where they are larger.
    parameter_bytes : int
        Parameters, gradients waiting to be added, the optimizer's state and the temporaries of an
        update.
    data_bytes : int
        X and Y in the working library, when they have to be placed there (0 when they are used
        where they are, or come block by block).
    host_peak_bytes, device_peak_bytes : int
        Peak on the host and on the GPU, `data_bytes` included where it lies.
    """

    block_size: int
    blocks: int
    threads: int
    block_bytes: int
    parameter_bytes: int
    data_bytes: int
    host_peak_bytes: int
    device_peak_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.blocks} block{'s' if self.blocks != 1 else ''} of {self.block_size} examples, "
            f"{self.threads} thread{'s' if self.threads != 1 else ''}; "
            f"peak beyond the data as given: {format_bytes(self.host_peak_bytes)} on the host"
            + (
                f", {format_bytes(self.device_peak_bytes)} on the device"
                if self.device_peak_bytes
                else ""
            )
        )


def format_bytes(count: float) -> str:
    """Bytes for people.

    >>> format_bytes(1536), format_bytes(10), format_bytes(3 * 2**30)
    ('1.5 KiB', '10 B', '3.0 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _parts(sizes: Sequence[int], m: int) -> int:
    """Threads that the products of all examples in one block can use."""
    return max(part_count(n, n_prev, m) for n_prev, n in pairwise(sizes))


def make_plan(
    sizes: Sequence[int],
    m: int,
    *,
    itemsize: int,
    block_size: int,
    threads: int,
    optimizer_vectors: int = 2,
    on_device: bool = False,
    data_bytes: int = 0,
    held_bytes: int = 0,
    ahead_bytes: int = 0,
    standardized_itemsize: int = 0,
) -> Plan:
    """Memory of one step, from the shapes alone.

    `held_bytes` stay on the host besides; `ahead_bytes` are those of one example in what is read
    ahead; `standardized_itemsize` are those of a value of X while it is standardized, 0 where it is
    not.
    """
    blocks = math.ceil(m / block_size)
    at_once = min(threads, blocks)
    hidden = sum(sizes[1:])
    # Z, A of every layer; dA, dZ, the 0/1 derivative and a product of the widest; the block's X
    # once it is cast.
    per_example = itemsize * (sizes[0] + 2 * hidden + 4 * max(sizes[1:]))
    # Before there are any: X as it is standardized in, less its mean, and divided by its scale.
    standardizing = 3 * standardized_itemsize * sizes[0]
    block_bytes = max(per_example, standardizing) * block_size
    theta = itemsize * parameter_count(sizes)
    waiting = at_once + math.ceil(math.log2(blocks)) + 1 if blocks > 1 else 2
    parameter_bytes = theta * (waiting + optimizer_vectors + 5)
    ahead = ahead_bytes * block_size * blocks_in_flight(at_once)
    working = block_bytes * at_once + parameter_bytes + data_bytes
    # On the way to a device a block is in page-locked memory and there, and one more is being read.
    reading = ahead + ahead_bytes * block_size if on_device else ahead
    return Plan(
        block_size=block_size,
        blocks=blocks,
        threads=at_once if blocks > 1 else min(threads, _parts(sizes, m)),
        block_bytes=block_bytes,
        parameter_bytes=parameter_bytes,
        data_bytes=data_bytes,
        host_peak_bytes=reading + held_bytes + (0 if on_device else working),
        device_peak_bytes=working + ahead if on_device else 0,
    )
