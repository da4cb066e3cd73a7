"""PyTorch, eager: forward and autograd on the whole batch."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.candidate import Step
from benchmarks.peers.torch_network import convert, data, loss, tensors
from benchmarks.shapes import Array, Parameters


def make(parameters: Parameters, X: Array, Y: Array, *, tune: bool = True) -> Step:
    """Return the step."""
    leaves = tensors(parameters)
    rows, labels = data(X, Y)

    def run() -> Any:
        cost = loss(leaves, rows, labels)
        return cost, torch.autograd.grad(cost, leaves)

    return Step(run=run, convert=convert)
