"""The cost J(theta) of a network, its gradient and its scores on given examples, summed over blocks.

J(theta) = (1/m) sum over examples of weights * loss  +  penalties (once, not per block)

Where Y is standardized the loss is that of Z[L] and (Y - mean) / scale. The gradient is that of this
J, the one that is minimized. Costs that are reported are in the units of Y: those of output k times
scale[k]^2. They are computed divided by `unit`, the mean of scale^2, so that no dtype is too narrow.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from dnn_xp.backends import Backend
from dnn_xp.backends.staging import receiving
from dnn_xp.data import Source
from dnn_xp.execution.block_functions import BlockFunctions, Scaling
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.placement import block_ahead
from dnn_xp.formulas.embeddings import embedding_parameters, unflatten_embeddings
from dnn_xp.formulas.network import Network, flatten, unflatten, weight_mask
from dnn_xp.formulas.penalties import l1_gradient, l1_penalty, l2_gradient, l2_penalty
from dnn_xp.formulas.types import Array

# Mean and scale, (n, 1) each.
Moments = tuple[np.ndarray, np.ndarray]


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

    def gather(self, indices: np.ndarray) -> tuple[Array, Array, Array | None]:
        """X, Y and weights of the examples at these positions."""
        weights = None if self.weights is None else self.weights.gather(indices)
        return self.X.gather(indices), self.Y.gather(indices), weights


class Penalties(NamedTuple):
    """Penalties on W and E: l2/(2m) sum W^2 + l1/m sum |W|, with m the size of the training set.

    `l2_embedded` takes the place of l2 for embeddings E, where it is given.
    """

    l2: float = 0.0
    l1: float = 0.0
    m: int = 1
    l2_embedded: float | None = None


class BlockSizeWarning(UserWarning):
    """Memory ran out during a block; smaller blocks are used from then on."""


@dataclass(slots=True)
class _BlockLimit:
    """The largest block that fits into memory as far as known, shared by copies of an objective."""

    block_size: int = sys.maxsize


class Objective:
    """Cost, gradient and scores of one network on one backend, for any examples.

    Parameters
    ----------
    network : Network
        Sizes, activations, cost, dropout.
    backend : Backend
        Array library and device.
    dtype : str
        "float32" or "float64": the working dtype of blocks.
    block_size : callable
        Examples per block, given the number of examples.
    precision : str
        "bfloat16" computes layers in that dtype; other precisions are set in the backend.
    standardization : pair of NumPy arrays (n_0, 1), optional
        Mean and scale of X.
    target_standardization : pair of NumPy arrays (n_L, 1), optional
        Mean and scale of Y.
    penalties : Penalties
        Penalties of the cost, added once, not per block.
    orientation : {"columns", "rows"}, optional
        Layout of blocks of X, on which bits may depend; the layout they have when left out.
    """

    def __init__(
        self,
        network: Network,
        backend: Backend,
        *,
        dtype: str,
        block_size: Callable[[int], int],
        precision: str = "",
        standardization: Moments | None = None,
        target_standardization: Moments | None = None,
        penalties: Penalties | None = None,
        orientation: str | None = None,
    ) -> None:
        self.network = network
        self.backend = backend
        self.block_size = block_size
        self.engine = Engine()
        self._limit = _BlockLimit()
        self._penalties = penalties or Penalties()
        self._xp = backend.xp
        self.target_standardization = target_standardization
        self.unit, self._shares = 1.0, None
        if target_standardization is not None:
            squares = target_standardization[1] ** 2
            self.unit = float(np.mean(squares))
            if np.ptp(squares) > 0.0:
                self._shares = backend.from_host((squares / self.unit).astype(dtype))
        embedded = embedding_parameters(network.embeddings)
        mask = weight_mask(network.sizes, dtype=dtype, embedded=embedded, xp=np)
        self._weight_mask = self._l2_mask = backend.from_host(mask)
        self._l2, of_embeddings = self._penalties.l2, self._penalties.l2_embedded
        if embedded and of_embeddings not in (None, self._l2):
            # The mask brings both factors.
            factors = np.append(
                np.full(mask.size - embedded, self._l2), np.full(embedded, of_embeddings)
            )
            self._l2, self._l2_mask = 1.0, backend.from_host(mask * factors.astype(dtype))
        lowered, layers = backend.lower(network)
        of_block = BlockFunctions(
            lowered,
            backend.xp,
            getattr(backend.xp, dtype),
            getattr(backend.xp, precision) if precision == "bfloat16" else None,
            _scaling(standardization, backend, dtype),
            _scaling(target_standardization, backend, dtype),
            self._shares is not None,
            layers,
            backend.canonical,
            orientation,
            _places(network, backend),
        )
        self._output = backend.compile(of_block.in_units_of_targets)
        self._cost = backend.compile(of_block.cost)
        self._gradients = backend.compile(of_block.gradients)
        self._cost_and_gradients = backend.compile(of_block.cost_and_gradients)
        self._correct = backend.compile(of_block.correct)
        self._class_correct = backend.compile(of_block.class_correct)
        self._mean_of_targets = backend.compile(of_block.mean_of_targets)
        self._squares = backend.compile(of_block.squares)

    def using(self, engine: Engine) -> Self:
        """The same objective, sharing its compiled functions, with an engine that the caller has entered."""
        other = copy(self)
        other.engine = engine
        return other

    def block_size_used(self, m: int) -> int:
        """Examples per block of m examples: as chosen, or fewer if memory ran out."""
        return min(self.block_size(m), self._limit.block_size, m)

    @property
    def reports_what_it_minimizes(self) -> bool:
        """Whether the reported cost is `unit` times the minimized one, as always with one output."""
        return self._shares is None

    def cost(self, theta: Array, examples: ExampleBlocks, *, minimized: bool = False) -> Array:
        """J(theta), exact on all examples, penalties included; a 0-d array.

        The one that is minimized, or the reported one divided by `unit`.
        """
        (J,) = self._means(self._cost, theta, examples)
        return self._penalised(self._over_outputs(J, minimized), theta)

    def cost_and_gradient(
        self,
        theta: Array,
        examples: ExampleBlocks,
        seeds: Sequence[int] = (),
        *,
        minimized: bool = False,
    ) -> tuple[Array, Array]:
        """J as `cost` and the gradient of the minimized J, a flat vector like theta.

        `seeds` draw the dropout masks.
        """
        total, *layers = self._fold_with_indices(self._cost_and_gradients, theta, examples, seeds)
        J = self._over_outputs(total / float(examples.m), minimized)
        return self._penalised(J, theta), self._penalised_gradient(layers, theta, examples.m)

    def gradient(self, theta: Array, examples: ExampleBlocks, seeds: Sequence[int] = ()) -> Array:
        """The gradient without J."""
        layers = self._fold_with_indices(self._gradients, theta, examples, seeds)
        return self._penalised_gradient(layers, theta, examples.m)

    def correct(
        self, theta: Array, examples: ExampleBlocks, *, multiclass: bool
    ) -> tuple[Array, Array]:
        """J(theta) without penalties and the (weighted) share of examples predicted right; both 0-d."""
        J, share = self._means(
            self._class_correct if multiclass else self._correct, theta, examples
        )
        return J, share

    def squares(self, theta: Array, examples: Examples) -> tuple[Array, Array, Array, Array]:
        """J(theta) without penalties; (n_L, 1) the mean of Y, mean squares of residuals and of Y about it.

        J is the reported one divided by `unit`; the others are of Y as the network meets it.
        """
        # The mean of Y does not read X, which may be a file: pass Y in its place.
        targets = Examples(examples.Y, examples.Y, examples.weights)
        (center,) = self._means(self._mean_of_targets, theta, targets)
        J, residual, spread = self._means(self._squares, theta, examples, center)
        return self._over_outputs(J, minimized=False), center, residual, spread

    def decision_function(self, theta: Array, X: Source) -> Array:
        """Z[L] (n_L, m) of all examples, in the units of Y."""
        parameters = self._parameters(theta)

        def output(block: Array) -> Array:
            return self._output(parameters, block)

        blocks = self.engine.map(
            receiving(output),
            lambda start, stop: (block_ahead(X, start, stop),),
            X.m,
            self.block_size(X.m),
            read_ahead=not X.in_memory,
        )
        return blocks[0] if len(blocks) == 1 else self._xp.concat(blocks, axis=1)

    def _parameters(self, theta: Array) -> list[tuple[Array, ...]]:
        """(W, b) of each layer, then (E,) of each embedding."""
        tables = unflatten_embeddings(theta, self.network.embeddings, xp=self._xp)
        layers = unflatten(theta, self.network.sizes, xp=self._xp)
        return [*layers, *((E,) for E in tables)]

    def _means(
        self, function: Callable[..., Any], theta: Array, examples: ExampleBlocks, *more: Any
    ) -> list[Any]:
        m = float(examples.m)
        return [total / m for total in self._fold(function, theta, examples, *more)]

    def _fold(
        self, function: Callable[..., Any], theta: Array, examples: ExampleBlocks, *more: Any
    ) -> tuple[Any, ...]:
        parameters = self._parameters(theta)
        return self._sum(
            lambda X, Y, weights: function(parameters, X, Y, weights, *more),
            _reader(examples),
            examples,
        )

    def _fold_with_indices(
        self,
        function: Callable[..., Any],
        theta: Array,
        examples: ExampleBlocks,
        seeds: Sequence[int],
    ) -> tuple[Any, ...]:
        # Dropout draws the mask of an example from its index, so that blocks do not change it;
        # without dropout no indices are needed.
        if not seeds:
            return self._fold(function, theta, examples, None, ())
        parameters, blocks = self._parameters(theta), _reader(examples)

        def read(start: int, stop: int) -> tuple[Any, ...]:
            return *blocks(start, stop), self._indices(start, stop)

        return self._sum(
            lambda X, Y, weights, indices: function(parameters, X, Y, weights, indices, seeds),
            read,
            examples,
        )

    def _sum(
        self, function: Callable[..., Any], read: Callable[..., Any], examples: ExampleBlocks
    ) -> tuple[Any, ...]:
        """The sum over blocks; if memory runs out, blocks are halved from then on."""
        ahead = not examples.in_memory
        function = receiving(function) if ahead else function
        while True:
            size = self.block_size_used(examples.m)
            try:
                return self.engine.fold(function, read, examples.m, size, read_ahead=ahead)
            except MemoryError:
                if size == 1:
                    raise
            # The arrays of the failed blocks are freed only after the except clause.
            self.backend.release_memory()
            self._limit.block_size = (size + 1) // 2
            warnings.warn(
                f"memory ran out with blocks of {size} examples on {self.backend.device_name}; "
                f"going on with blocks of {self._limit.block_size}",
                BlockSizeWarning,
                stacklevel=2,
            )

    def _indices(self, start: int, stop: int) -> Array:
        # Modulo 2^32, as signed integers, which the hash of the masks takes.
        indices = np.arange(start, stop, dtype=np.int64).astype(np.int32)
        return self.backend.from_host(indices[np.newaxis, :])

    def _over_outputs(self, J: Array, minimized: bool) -> Array:
        """A cost from the costs of each output, where they are kept apart: scale[k]^2 / unit times each."""
        if self._shares is None:
            return J
        return self._xp.sum(J if minimized else J * self._shares)

    def _penalised(self, J: Array, theta: Array) -> Array:
        l2, l1, m = self._l2, self._penalties.l1, self._penalties.m
        if l2:
            J = J + l2_penalty(theta, self._l2_mask, l2=l2, m=m, xp=self._xp)
        if l1:
            J = J + l1_penalty(theta, self._weight_mask, l1=l1, m=m, xp=self._xp)
        return J

    def _penalised_gradient(self, layers: Sequence[Array], theta: Array, examples: int) -> Array:
        l2, l1, m = self._l2, self._penalties.l1, self._penalties.m
        gradient = flatten(layers, xp=self._xp)
        gradient /= float(examples)
        if l2:
            gradient = gradient + l2_gradient(theta, self._l2_mask, l2=l2, m=m, xp=self._xp)
        if l1:
            gradient = gradient + l1_gradient(theta, self._weight_mask, l1=l1, m=m, xp=self._xp)
        return gradient


def _reader(examples: ExampleBlocks) -> Callable[[int, int], tuple[Any, Any, Any]]:
    """The function that reads a block: ahead of its use if examples are not in memory."""
    if isinstance(examples, Examples) and not examples.in_memory:
        return examples.block_ahead
    return examples.block


def _places(network: Network, backend: Backend) -> Array | None:
    """The codes of the largest embedding, where the backend computes."""
    if not network.embeddings:
        return None
    largest = max(each.categories for each in network.embeddings)
    return backend.from_host(np.arange(largest, dtype=np.int32))


def _scaling(standardization: Moments | None, backend: Backend, dtype: str) -> Scaling | None:
    """Mean and scale where the backend computes."""
    if standardization is None:
        return None
    wide = None
    if dtype == "float32":
        # Where the device has no float64 there is no better than the working dtype.
        with suppress(TypeError, ValueError):
            wide = _placed(standardization, backend, "float64")
    if wide is not None and not _fits_float32(*standardization):
        return Scaling(wide, wide)
    return Scaling(_placed(standardization, backend, dtype), wide)


def _placed(standardization: Moments, backend: Backend, dtype: str) -> tuple[Array, Array]:
    with np.errstate(over="ignore", under="ignore"):
        arrays = [np.asarray(array, dtype=dtype) for array in standardization]
    mean, scale = map(backend.from_host, arrays)
    return mean, scale


def _fits_float32(mean: np.ndarray, scale: np.ndarray) -> bool:
    """Whether float32 holds every mean and scale: none overflows, and no scale underflows."""
    limits = np.finfo(np.float32)
    largest = max(np.abs(mean).max(), scale.max())
    return bool(largest <= limits.max and scale.min() >= limits.tiny)
