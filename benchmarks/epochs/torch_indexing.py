"""PyTorch, eager: a random permutation, each batch taken by indexing tensors with a part of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from benchmarks.candidate import Epoch
from benchmarks.epochs import BETA1, BETA2, EPSILON, LEARNING_RATE
from benchmarks.peers.torch_network import Tensor, data, loss, tensors
from benchmarks.shapes import Array, Parameters


def optimizer(leaves: list[Tensor]) -> Any:
    """Return PyTorch's Adam, fused: the fastest of its implementations on a CPU."""
    return torch.optim.Adam(leaves, lr=LEARNING_RATE, betas=(BETA1, BETA2), eps=EPSILON, fused=True)


def train(leaves: list[Tensor], adam: Any, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Take one step of Adam on every batch."""
    for rows, labels in batches:
        adam.zero_grad(set_to_none=True)
        loss(leaves, rows, labels).backward()
        adam.step()


def weights(leaves: list[Tensor]) -> Parameters:
    """Return [(W, b), ...] as NumPy arrays."""
    arrays = [leaf.detach().numpy().copy() for leaf in leaves]
    return [(W, b[:, None]) for W, b in zip(arrays[::2], arrays[1::2], strict=True)]


def make(parameters: Parameters, X: Array, Y: Array, *, batch_size: int, seed: int) -> Epoch:
    """Return the epoch."""
    leaves = tensors(parameters)
    rows, labels = data(X, Y)
    adam = optimizer(leaves)
    generator = torch.Generator().manual_seed(seed)

    def run() -> None:
        order = torch.randperm(len(rows), generator=generator)
        parts = order.split(batch_size)
        train(leaves, adam, ((rows[part], labels[part]) for part in parts))

    return Epoch(run=run, parameters=lambda: weights(leaves))
