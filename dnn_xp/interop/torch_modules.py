"""Modules that torch.nn lacks. They are classes of a module, so that torch.save finds them again."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from dnn_xp.formulas.tabular import CLIP, RATIO_LIMIT


class Standardize(nn.Module):  # type: ignore[misc]  # torch counts as Any
    """``(X - mean) / scale`` for X (N, n), in its dtype; mean and scale (n,) are not trained."""

    def __init__(self, mean: Any, scale: Any) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, X: Any) -> Any:
        """Standardize."""
        return (X - self.mean.to(X.dtype)) / self.scale.to(X.dtype)


class SmoothClip(nn.Module):  # type: ignore[misc]
    """``X / sqrt(1 + (X / 3)^2)``."""

    def forward(self, X: Any) -> Any:
        """Clip."""
        r = (X / CLIP).clamp(-RATIO_LIMIT, RATIO_LIMIT)
        return CLIP * r / torch.sqrt(1.0 + r * r)


class Mixed(nn.Module):  # type: ignore[misc]
    """``Z + a (g(Z) - Z)`` for Z (N, n), with a module g and a (n,), which is trained."""

    def __init__(self, activation: Any, a: Any) -> None:
        super().__init__()
        self.activation = activation
        self.a = nn.Parameter(a)

    def forward(self, Z: Any) -> Any:
        """Mix."""
        return Z + self.a * (self.activation(Z) - Z)


class Exp(nn.Module):  # type: ignore[misc]
    """``exp(Z)``."""

    def forward(self, Z: Any) -> Any:
        """Exponentiate."""
        return torch.exp(Z)
