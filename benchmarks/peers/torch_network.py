"""The network as a PyTorch user writes it; shared by the three PyTorch peers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it

from benchmarks.candidate import Gradients
from benchmarks.shapes import Array, Parameters

Tensor = Any


def tensors(parameters: Parameters) -> list[Tensor]:
    """Return [W, b, W, b, ...] as leaves that want a gradient, each b one-dimensional."""
    return [
        torch.tensor(array, requires_grad=True) for W, b in parameters for array in (W, b.ravel())
    ]


def data(X: Array, Y: Array) -> tuple[Tensor, Tensor]:
    """Return examples as rows, and labels as the losses want them: (m, 1) floats or classes."""
    rows = torch.from_numpy(np.ascontiguousarray(X.T))
    if Y.shape[0] == 1:
        return rows, torch.from_numpy(np.ascontiguousarray(Y.T))
    return rows, torch.from_numpy(Y.argmax(axis=0))


def loss(leaves: Sequence[Tensor], X: Tensor, Y: Tensor, reduction: str = "mean") -> Tensor:
    """Return the cross-entropy of a sigmoid (one output) or softmax."""
    A = X
    for i in range(0, len(leaves) - 2, 2):
        A = F.relu(F.linear(A, leaves[i], leaves[i + 1]))
    Z = F.linear(A, leaves[-2], leaves[-1])
    if Z.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(Z, Y, reduction=reduction)
    return F.cross_entropy(Z, Y, reduction=reduction)


def convert(result: tuple[Tensor, Sequence[Tensor]]) -> tuple[float, Gradients]:
    """Turn (cost, [dW, db, ...]) into NumPy arrays of the course's shapes."""
    cost, flat = result
    arrays = [gradient.detach().numpy() for gradient in flat]
    pairs = zip(arrays[::2], arrays[1::2], strict=True)
    return cost.item(), [(dW.copy(), db[:, None].copy()) for dW, db in pairs]
