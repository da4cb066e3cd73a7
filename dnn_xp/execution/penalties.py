"""Penalties on the weights, as they enter J and its gradient: once, not per block."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dnn_xp.formulas.penalties import l1_gradient, l1_penalty, l2_gradient, l2_penalty
from dnn_xp.formulas.types import Array, Namespace


class Penalties(NamedTuple):
    """Penalties on W and E: l2/(2m) sum W^2 + l1/m sum |W|, with m the size of the training set.

    `mask` in the methods is 1 at the entries of W and E in theta and 0 at those of b. `l2_embedded`
    takes the place of l2 for E, where it is given: see `masked`.
    """

    l2: float = 0.0
    l1: float = 0.0
    m: int = 1
    l2_embedded: float | None = None

    def masked(
        self, mask: npt.NDArray[Any], embedded: int
    ) -> list[tuple[Penalties, npt.NDArray[Any]]]:
        """Penalties and the mask of each: one, or two where the last `embedded` entries have an l2 of their own."""
        if not embedded or self.l2_embedded in (None, self.l2):
            return [(self, mask)]
        factors = np.full(mask.shape, self.l2, dtype=mask.dtype)
        factors[-embedded:] = self.l2_embedded
        return [
            (Penalties(l2=1.0, m=self.m), mask * factors),
            (Penalties(l1=self.l1, m=self.m), mask),
        ]

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
