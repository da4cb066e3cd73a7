"""Penalties on the weights, as they enter J and its gradient: once, not per block."""

from __future__ import annotations

from typing import NamedTuple

from dnn_xp.formulas.penalties import l1_gradient, l1_penalty, l2_gradient, l2_penalty
from dnn_xp.formulas.types import Array, Namespace


class Penalties(NamedTuple):
    """Penalties on W: l2/(2m) sum W^2 + l1/m sum |W|, with m the size of the training set.

    `mask` in the methods is 1 at the entries of W in theta and 0 at those of b.
    """

    l2: float = 0.0
    l1: float = 0.0
    m: int = 1

    def added_to_cost(self, J: Array, theta: Array, mask: Array, *, xp: Namespace) -> Array:
        """J with the penalties."""
        if self.l2:
            J = J + l2_penalty(theta, mask, l2=self.l2, m=self.m, xp=xp)
        if self.l1:
            J = J + l1_penalty(theta, mask, l1=self.l1, m=self.m, xp=xp)
        return J

    def added_to_gradient(
        self, gradient: Array, theta: Array, mask: Array, *, xp: Namespace
    ) -> Array:
        """The gradient with that of the penalties."""
        if self.l2:
            gradient = gradient + l2_gradient(theta, mask, l2=self.l2, m=self.m, xp=xp)
        if self.l1:
            gradient = gradient + l1_gradient(theta, mask, l1=self.l1, m=self.m, xp=xp)
        return gradient
