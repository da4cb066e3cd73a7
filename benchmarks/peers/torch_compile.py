"""PyTorch with torch.compile: the same forward, compiled together with its backward."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.candidate import Step
from benchmarks.peers.torch_network import convert, data, loss, tensors
from benchmarks.shapes import Array, Parameters


def make(parameters: Parameters, X: Array, Y: Array, *, tune: bool = True) -> Step:
    """Return the step, compiled for these very shapes when it first runs."""
    torch.compiler.reset()  # what was compiled for the last network counts against a limit
    compiled = torch.compile(loss, dynamic=False)
    leaves = tensors(parameters)
    rows, labels = data(X, Y)

    def run() -> Any:
        cost = compiled(leaves, rows, labels)
        return cost, torch.autograd.grad(cost, leaves)

    return Step(run=run, convert=convert)
