"""Examples as the engine reads them, block by block, and a block as its functions take it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from dnn_xp.data.sources.base import Source
from dnn_xp.execution.placement import block_ahead
from dnn_xp.formulas.dropout import Seeds
from dnn_xp.formulas.types import Array


class Block(NamedTuple):
    """k examples: X (n_0, k), Y (n_L, k), weights (1, k) or None.

    With dropout also the index (1, k) of each example, and for each hidden layer a seed, or a `Draw`
    where its keep_prob is not the network's.
    """

    X: Array
    Y: Array
    weights: Array | None = None
    indices: Array | None = None
    seeds: Seeds = ()


class ExampleBlocks(Protocol):
    """Examples that are read in blocks: those of a data set or of a mini-batch."""

    @property
    def m(self) -> int:
        """Number of examples."""

    @property
    def in_memory(self) -> bool:
        """Whether a block is read at no cost."""

    def block(self, start: int, stop: int) -> tuple[Array, Array, Array | None]:
        """X, Y and weights of examples start to stop."""


class Examples(NamedTuple):
    """Sources of X (n_0, m), Y (n_L, m) and weights (1, m) or None, placed for one backend."""

    X: Source
    Y: Source
    weights: Source | None

    @property
    def m(self) -> int:
        """Number of examples."""
        return self.X.m

    @property
    def in_memory(self) -> bool:
        """Whether a block is read at no cost; otherwise blocks are read ahead."""
        return self.X.in_memory and self.Y.in_memory

    def block(self, start: int, stop: int) -> tuple[Array, Array, Array | None]:
        """X, Y and weights of examples start to stop."""
        weights = None if self.weights is None else self.weights.block(start, stop)
        return self.X.block(start, stop), self.Y.block(start, stop), weights

    def block_ahead(self, start: int, stop: int) -> tuple[Any, Any, Any]:
        """The same block, whose arrays may be pending (see `backends.staging`)."""
        weights = None if self.weights is None else block_ahead(self.weights, start, stop)
        return block_ahead(self.X, start, stop), block_ahead(self.Y, start, stop), weights

    def without_inputs(self) -> Self:
        """The same with Y in the place of X, which may be a file and is not read then."""
        return self._replace(X=self.Y)

    def gather(self, indices: np.ndarray) -> tuple[Array, Array, Array | None]:
        """X, Y and weights of the examples at these positions."""
        weights = None if self.weights is None else self.weights.gather(indices)
        return self.X.gather(indices), self.Y.gather(indices), weights
