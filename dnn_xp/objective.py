"""The cost J(theta) of a network on given examples, and its gradient, summed by the engine over blocks.

    J(theta) = (1/m) sum over examples of weights * loss  +  penalties (once, not per block)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.backends import Backend
from dnn_xp.data import Source
from dnn_xp.data.standardize import standardize
from dnn_xp.engine import Engine
from dnn_xp.formulas.dropout import dropout_mask
from dnn_xp.formulas.penalties import l1_gradient, l1_penalty, l2_gradient, l2_penalty
from dnn_xp.formulas.types import Array
from dnn_xp.network import Network, cost, cost_and_gradients, flatten, linear_output, unflatten


class Examples(NamedTuple):
    """Sources of X (n_0, m), Y (n_L, m) and weights (1, m) or None, on the device that computes."""

    X: Source
    Y: Source
    weights: Source | None
    m: int

    @property
    def in_memory(self) -> bool:
        """Whether a block costs nothing to fetch; otherwise blocks are read ahead."""
        return self.X.in_memory and self.Y.in_memory

    def block(self, start: int, stop: int) -> tuple[Array, Array, Array | None]:
        """X, Y and weights of examples start to stop."""
        weights = None if self.weights is None else self.weights.block(start, stop)
        return self.X.block(start, stop), self.Y.block(start, stop), weights


class Penalties(NamedTuple):
    """Strengths of the penalties on W: l2/(2m) sum W^2 + l1/m sum |W|, with m of the training set."""

    l2: float = 0.0
    l1: float = 0.0
    m: int = 1


class Objective:
    """Cost and gradient of one network on one backend; the same object serves every set of examples.

    Parameters
    ----------
    network : Network
        Sizes, activations, cost, dropout.
    backend : Backend
        Where it is computed.
    engine : Engine
        Entered by the caller.
    dtype : str
        "float32" or "float64": what blocks are turned into before anything is computed.
    block_size : callable
        Number of examples of a block, given the number of examples in all.
    standardization : pair of arrays (n_0, 1), optional
        Mean and scale on the host.
    penalties : Penalties
        Of the cost; they are added once, whatever the blocks.
    """

    def __init__(
        self,
        network: Network,
        backend: Backend,
        engine: Engine,
        *,
        dtype: str,
        block_size: Callable[[int], int],
        standardization: tuple[np.ndarray, np.ndarray] | None = None,
        penalties: Penalties | None = None,
    ) -> None:
        self.network = network
        self.backend = backend
        self.engine = engine
        self.block_size = block_size
        self.penalties = penalties or Penalties()
        self._xp = backend.xp
        self._dtype = getattr(backend.xp, dtype)
        self._moments = None
        if standardization is not None:
            self._moments = tuple(backend.from_host(np.asarray(array, dtype=dtype)) for array in standardization)
        self._weight_mask = backend.from_host(weight_mask(network.sizes, dtype))
        self._cost = backend.compile(self._block_cost)
        self._gradient = backend.compile(self._block_gradient)
        self._output = backend.compile(self._block_output)

    # The three functions of one block that a backend may compile. They see arrays, numbers and nothing else.

    def _inputs(self, X: Array) -> Array:
        X = self._xp.astype(X, self._dtype, copy=False)
        return X if self._moments is None else standardize(X, *self._moments, xp=self._xp)

    def _block_output(self, parameters: Any, X: Array) -> Array:
        return linear_output(self._inputs(X), parameters, self.network.activations, xp=self._xp)[0]

    def _block_cost(self, parameters: Any, X: Array, Y: Array, weights: Array | None, m: float) -> tuple[Array]:
        Y = self._xp.astype(Y, self._dtype, copy=False)
        return (cost(self._inputs(X), Y, parameters, self.network, m=m, weights=weights, xp=self._xp),)

    def _block_gradient(
        self,
        parameters: Any,
        X: Array,
        Y: Array,
        weights: Array | None,
        m: float,
        examples: Array | None,
        seeds: Sequence[int],
    ) -> tuple[Array, ...]:
        xp, network = self._xp, self.network
        masks: list[Array | None] = []
        if examples is not None:
            masks = [
                None if keep_prob == 1.0 else dropout_mask(seed, n, examples, keep_prob=keep_prob, xp=xp)
                for seed, n, keep_prob in zip(seeds, network.sizes[1:-1], network.keep_probs, strict=True)
            ]
        J, gradients = cost_and_gradients(
            self._inputs(X),
            xp.astype(Y, self._dtype, copy=False),
            parameters,
            network,
            m=m,
            weights=weights,
            masks=masks,
            xp=xp,
        )
        return (J, *(array for layer in gradients for array in layer))

    # What callers use.

    def parameters(self, theta: Array) -> list[tuple[Array, Array]]:
        """[(W[1], b[1]), ...] of a flat vector, as views where the library has views."""
        return unflatten(theta, self.network.sizes, xp=self._xp)

    def cost(self, theta: Array, examples: Examples) -> Array:
        """J(theta), exact on all examples, penalties included; a 0-d array on the device."""
        parameters, m = self.parameters(theta), float(examples.m)
        (J,) = self.engine.fold(
            lambda X, Y, weights: self._cost(parameters, X, Y, weights, m),
            examples.block,
            examples.m,
            self.block_size(examples.m),
            read_ahead=not examples.in_memory,
        )
        return self._penalised(J, theta)

    def cost_and_gradient(self, theta: Array, examples: Examples, seeds: Sequence[int] = ()) -> tuple[Array, Array]:
        """J(theta) (0-d) and its gradient, a flat vector like theta; `seeds` draw the dropout masks."""
        parameters, m = self.parameters(theta), float(examples.m)

        def read(start: int, stop: int) -> tuple[Any, ...]:
            return *examples.block(start, stop), self._numbers(start, stop) if seeds else None

        def contribution(X: Array, Y: Array, weights: Array | None, numbers: Array | None) -> tuple[Array, ...]:
            return self._gradient(parameters, X, Y, weights, m, numbers, seeds)

        J, *gradients = self.engine.fold(
            contribution, read, examples.m, self.block_size(examples.m), read_ahead=not examples.in_memory
        )
        gradient = flatten([gradients], xp=self._xp)
        return self._penalised(J, theta), self._penalised_gradient(gradient, theta)

    def decision_values(self, theta: Array, X: Source) -> Array:
        """Z[L] (n_L, m) of all examples."""
        parameters = self.parameters(theta)
        blocks = self.engine.map(
            lambda block: self._output(parameters, block),
            lambda start, stop: (X.block(start, stop),),
            X.m,
            self.block_size(X.m),
            read_ahead=not X.in_memory,
        )
        return blocks[0] if len(blocks) == 1 else self._xp.concat(blocks, axis=1)

    def _numbers(self, start: int, stop: int) -> Array:
        # Example numbers modulo 2^32, as the signed integers that the mask's hash works on.
        numbers = np.arange(start, stop, dtype=np.int64).astype(np.int32)
        return self.backend.from_host(numbers[np.newaxis, :])

    def _penalised(self, J: Array, theta: Array) -> Array:
        l2, l1, m = self.penalties
        if l2:
            J = J + l2_penalty(theta, self._weight_mask, l2=l2, m=m, xp=self._xp)
        if l1:
            J = J + l1_penalty(theta, self._weight_mask, l1=l1, m=m, xp=self._xp)
        return J

    def _penalised_gradient(self, gradient: Array, theta: Array) -> Array:
        l2, l1, m = self.penalties
        if l2:
            gradient = gradient + l2_gradient(theta, self._weight_mask, l2=l2, m=m, xp=self._xp)
        if l1:
            gradient = gradient + l1_gradient(theta, self._weight_mask, l1=l1, m=m, xp=self._xp)
        return gradient


def weight_mask(sizes: Sequence[int], dtype: str) -> np.ndarray:
    """1 at the entries of W and 0 at those of b, flat as theta."""
    parts = [
        np.full(count, value, dtype=dtype)
        for n_prev, n in zip(sizes, sizes[1:], strict=False)
        for count, value in ((n * n_prev, 1.0), (n, 0.0))
    ]
    return np.concatenate(parts)
