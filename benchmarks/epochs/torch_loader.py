"""PyTorch, eager: batches from a DataLoader over a TensorDataset, in the process itself."""

from __future__ import annotations

import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.candidate import Epoch
from benchmarks.epochs.torch_indexing import optimizer, train, weights
from benchmarks.peers.torch_network import data, tensors
from benchmarks.shapes import Array, Parameters


def make(parameters: Parameters, X: Array, Y: Array, *, batch_size: int, seed: int) -> Epoch:
    """Return the epoch."""
    leaves = tensors(parameters)
    adam = optimizer(leaves)
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(
        TensorDataset(*data(X, Y)), batch_size=batch_size, shuffle=True, generator=generator
    )
    return Epoch(
        run=lambda: train(leaves, adam, loader),
        parameters=lambda: weights(leaves),
    )
