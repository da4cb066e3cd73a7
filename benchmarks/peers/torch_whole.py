"""PyTorch, eager or with torch.compile: forward and autograd on the whole batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.candidate import Step
from benchmarks.peers.torch_network import convert, data, loss, tensors
from benchmarks.shapes import Array, Parameters


def make(
    parameters: Parameters,
    X: Array,
    Y: Array,
    *,
    tune: bool = True,
    cost_of: Callable[..., Any] = loss,
) -> Step:
    """Return the step."""
    leaves = tensors(parameters)
    rows, labels = data(X, Y)

    def run() -> Any:
        cost = cost_of(leaves, rows, labels)
        return cost, torch.autograd.grad(cost, leaves)

    return Step(run=run, convert=convert)


def make_compiled(parameters: Parameters, X: Array, Y: Array, *, tune: bool = True) -> Step:
    """Return the step, compiled for these very shapes when it first runs."""
    torch.compiler.reset()  # what was compiled for the last network counts against a limit
    return make(parameters, X, Y, cost_of=torch.compile(loss, dynamic=False))
