"""PyTorch, blocked by hand: a loop over blocks of examples, autograd adding up the gradients."""

from __future__ import annotations

from typing import Any

from benchmarks.candidate import Step
from benchmarks.interleave import fastest
from benchmarks.peers.torch_network import convert, data, loss, tensors
from benchmarks.shapes import Array, Parameters

BLOCK_SIZES = (1024, 4096, 16384)


def make(parameters: Parameters, X: Array, Y: Array, *, tune: bool = True) -> Step:
    """Return the step with the fastest block size, or with the middle one."""
    leaves = tensors(parameters)
    rows, labels = data(X, Y)
    m = len(rows)

    def run(block_size: int) -> Any:
        for leaf in leaves:
            leaf.grad = None
        cost = 0.0
        for start in range(0, m, block_size):
            block = slice(start, start + block_size)
            part = loss(leaves, rows[block], labels[block], "sum") / m
            part.backward()
            cost = cost + part.detach()
        return cost, [leaf.grad for leaf in leaves]

    sizes = [size for size in BLOCK_SIZES if size < m] or [m]
    best = fastest(sizes, lambda size: lambda: run(size)) if tune else sizes[len(sizes) // 2]
    return Step(run=lambda: run(best), convert=convert, note=f"blocks of {best}")
