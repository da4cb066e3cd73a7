"""The cost J(theta) of a network, its gradient and its scores on given examples, summed over blocks.

J(theta) = (1/m) sum over examples of weights * loss  +  penalties (once, not per block)

The loss of an ensemble is the mean of its members' losses; scores, and costs beside them, are of its
mean prediction.

Where Y is standardized the loss is that of Z[L] and (Y - mean) / scale. The gradient is that of this
J, the one that is minimized. Costs that are reported are in the units of Y: those of output k times
scale[k]^2. They are computed divided by `unit`, the mean of scale^2, so that no dtype is too narrow.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np

from dnn_xp.backends.record import Backend
from dnn_xp.backends.staging import receiving
from dnn_xp.data.sources.base import Source
from dnn_xp.execution.block_queue import Read
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.ensembles import functions_of
from dnn_xp.execution.examples import Block, ExampleBlocks, Examples
from dnn_xp.execution.first_activations import first_activations_on
from dnn_xp.execution.penalties import Penalties
from dnn_xp.execution.placement import block_ahead
from dnn_xp.execution.scaling import MeanAndScale, ScaleOfX, scaling_on
from dnn_xp.execution.tree import Node
from dnn_xp.formulas.dropout import Seeds
from dnn_xp.formulas.embeddings import embedding_parameters
from dnn_xp.formulas.metrics import binary_correct, class_correct
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.parameters import flatten
from dnn_xp.formulas.theta import (
    ensemble_parameters,
    gradient_arrays,
    network_parameters,
    penalized,
)
from dnn_xp.formulas.types import Array


class BlockSizeWarning(UserWarning):
    """Memory ran out during a block; smaller blocks are used from then on."""


@dataclass(slots=True)
class _BlockLimit:
    """The largest block that fits into memory as far as known, shared by copies of an objective."""

    block_size: int = sys.maxsize


class Sum(NamedTuple):
    """A sum of a block function over all blocks of some examples.

    Attributes
    ----------
    name : str
        That of the function in `BlockFunctions`.
    theta : array
        Parameters.
    examples : ExampleBlocks
    block_size : int
        Examples of a block.
    more : tuple
        More arguments of the function.
    seeds : Seeds
        What the masks of dropout are drawn with.
    """

    name: str
    theta: Array
    examples: ExampleBlocks
    block_size: int
    more: tuple[Any, ...] = ()
    seeds: Seeds = ()


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
    label_smoothing : float
        Of Y, of classes.
    target_range : pair of NumPy arrays (n_L, 1), optional
        What predictions are kept within, in the units of Y.
    """

    def __init__(
        self,
        network: Network,
        backend: Backend,
        *,
        dtype: str,
        block_size: Callable[[int], int],
        precision: str = "",
        standardization: ScaleOfX | None = None,
        target_standardization: MeanAndScale | None = None,
        penalties: Penalties | None = None,
        orientation: str | None = None,
        label_smoothing: float = 0.0,
        target_range: MeanAndScale | None = None,
    ) -> None:
        self.network = network
        self.backend = backend
        self.block_size = block_size
        self.engine = Engine()
        self._limit = _BlockLimit()
        self._xp = backend.xp
        self.target_standardization = target_standardization
        self.unit, self._shares = 1.0, None
        if target_standardization is not None:
            squares = target_standardization[1] ** 2
            self.unit = float(np.mean(squares))
            if np.ptp(squares) > 0.0:
                self._shares = backend.from_host((squares / self.unit).astype(dtype))
        embedded = embedding_parameters(network.tables)
        mask = penalized(network, dtype=dtype, xp=np)
        self._penalties = [
            (each, backend.from_host(np.append(of_each, np.zeros(network.scaled, dtype))))
            for each, of_each in (penalties or Penalties()).masked(mask, embedded)
        ]
        lowered, layers = backend.lower(network)
        of_block = functions_of(network)(
            lowered,
            backend.xp,
            first=first_activations_on(
                backend, lowered, standardization, dtype, orientation=orientation
            ),
            dtype=getattr(backend.xp, dtype),
            compute_dtype=getattr(backend.xp, precision) if precision == "bfloat16" else None,
            targets=scaling_on(backend, target_standardization, dtype),
            separate=self._shares is not None,
            layers=layers,
            canonical=backend.canonical,
            label_smoothing=label_smoothing,
            bounds=_bounds(target_range, None, backend, dtype),
            standardized_bounds=_bounds(target_range, target_standardization, backend, dtype),
        )
        self._functions: dict[str, Callable[..., Any]] = {
            name: backend.compile(function)
            for name, function in (
                ("output", of_block.in_units_of_targets),
                ("cost", of_block.cost),
                ("gradients", of_block.gradients),
                ("cost_and_gradients", of_block.cost_and_gradients),
                ("correct", partial(of_block.correct, binary_correct)),
                ("class_correct", partial(of_block.correct, class_correct)),
                ("mean_of_targets", of_block.mean_of_targets),
                ("squares", of_block.squares),
            )
        }

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
        (J,) = self._means("cost", theta, examples)
        return self._penalised(self._over_outputs(J, minimized), theta)

    def cost_and_gradient(
        self,
        theta: Array,
        examples: ExampleBlocks,
        seeds: Seeds = (),
        *,
        minimized: bool = False,
    ) -> tuple[Array, Array]:
        """J as `cost` and the gradient of the minimized J, a flat vector like theta.

        `seeds` draw the dropout masks.
        """
        total, *layers = self._sums("cost_and_gradients", theta, examples, seeds=seeds)
        J = self._over_outputs(total / float(examples.m), minimized)
        return self._penalised(J, theta), self._gradient(layers, theta, examples.m)

    def gradient(self, theta: Array, examples: ExampleBlocks, seeds: Seeds = ()) -> Array:
        """The gradient without J."""
        layers = self._sums("gradients", theta, examples, seeds=seeds)
        return self._gradient(layers, theta, examples.m)

    def correct(
        self, theta: Array, examples: ExampleBlocks, *, multiclass: bool
    ) -> tuple[Array, Array]:
        """J(theta) without penalties and the (weighted) share of examples predicted right; both 0-d."""
        J, share = self._means("class_correct" if multiclass else "correct", theta, examples)
        return J, share

    def squares(self, theta: Array, examples: Examples) -> tuple[Array, Array, Array, Array]:
        """J(theta) without penalties; (n_L, 1) the mean of Y, mean squares of residuals and of Y about it.

        J is the reported one divided by `unit`; the others are of Y as the network meets it.
        """
        (center,) = self._means("mean_of_targets", theta, examples.without_inputs())
        J, residual, spread = self._means("squares", theta, examples, center)
        return self._over_outputs(J, minimized=False), center, residual, spread

    def decision_function(self, theta: Array, X: Source) -> Array:
        """Z[L] (n_L, m) of all examples, in the units of Y."""
        parameters = self._parameters(theta)

        def output(block: Array) -> Array:
            return self._functions["output"](parameters, block)

        blocks = self.engine.map(
            receiving(output),
            lambda start, stop: (block_ahead(X, start, stop),),
            X.m,
            self.block_size(X.m),
            read_ahead=not X.in_memory,
        )
        return blocks[0] if len(blocks) == 1 else self._xp.concat(blocks, axis=1)

    def _parameters(self, theta: Array) -> list[Any]:
        made = network_parameters if self.network.ensemble is None else ensemble_parameters
        return [*made(theta, self.network, xp=self._xp)]

    def without_scaling_layer(self, theta: Array) -> tuple[Array, Network]:
        """Theta and network with the scaling layer's s multiplied into W[1]; an ensemble as it is."""
        network = self.network
        if not network.scaling_layer or network.ensemble is not None:
            return theta, network
        arrays = [array for part in self._parameters(theta) for array in part]
        return flatten(arrays, xp=self._xp), network._replace(scaling_layer=False)

    def _means(self, name: str, theta: Array, examples: ExampleBlocks, *more: Any) -> list[Any]:
        m = float(examples.m)
        return [total / m for total in self._sums(name, theta, examples, *more)]

    def _sums(
        self,
        name: str,
        theta: Array,
        examples: ExampleBlocks,
        *more: Any,
        seeds: Seeds = (),
    ) -> tuple[Any, ...]:
        """Sums of a block function over the blocks; if memory runs out, blocks are halved."""
        while True:
            size = self.block_size_used(examples.m)
            try:
                return self._fold(Sum(name, theta, examples, size, more, seeds))
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

    def _fold(self, wanted: Sum) -> tuple[Any, ...]:
        """The sum over all blocks, computed here."""
        function, read, ahead = self._of_blocks(wanted)
        return self.engine.fold(
            function, read, wanted.examples.m, wanted.block_size, read_ahead=ahead
        )

    def nodes(self, wanted: Sum, blocks: tuple[int, int]) -> list[Node]:
        """The part of a sum that blocks first to last - 1 make, see :meth:`Engine.nodes`."""
        function, read, ahead = self._of_blocks(wanted)
        m, size = wanted.examples.m, wanted.block_size
        return self.engine.nodes(function, read, m, size, blocks, read_ahead=ahead)

    def _of_blocks(self, wanted: Sum) -> tuple[Callable[..., Any], Read, bool]:
        """The function of a block, what reads its arguments, and whether to read ahead."""
        function, examples, seeds = self._functions[wanted.name], wanted.examples, wanted.seeds
        parameters = self._parameters(wanted.theta)

        def of_block(X: Array, Y: Array, weights: Array | None, indices: Any = None) -> Any:
            return function(parameters, Block(X, Y, weights, indices, seeds), *wanted.more)

        read: Read = examples.block
        ahead = False
        if isinstance(examples, Examples) and not examples.in_memory:
            read, ahead, of_block = examples.block_ahead, True, receiving(of_block)
        return of_block, self._with_indices(read) if seeds else read, ahead

    def _with_indices(self, read: Read) -> Read:
        """Blocks with the indices of their examples.

        Dropout draws the mask of an example from its index, so that blocks do not change it.
        """

        def with_indices(start: int, stop: int) -> tuple[Any, ...]:
            # Modulo 2^32, as signed integers, which the hash of the masks takes.
            indices = np.arange(start, stop, dtype=np.int64).astype(np.int32)
            return *read(start, stop), self.backend.from_host(indices[np.newaxis, :])

        return with_indices

    def _over_outputs(self, J: Array, minimized: bool) -> Array:
        """A cost from the costs of each output, where they are kept apart: scale[k]^2 / unit times each."""
        if self._shares is None:
            return J
        return self._xp.sum(J if minimized else J * self._shares)

    def _penalised(self, J: Array, theta: Array) -> Array:
        for penalties, mask in self._penalties:
            J = penalties.added_to_cost(J, theta, mask, xp=self._xp)
        return J

    def _gradient(self, sums: Sequence[Array], theta: Array, examples: int) -> Array:
        """The flat gradient of the minimized J, from m dW[1], m db[1], ..., m db[L], ... of the blocks."""
        arrays = gradient_arrays(sums, theta, self.network, xp=self._xp)
        gradient = flatten(arrays, xp=self._xp)
        gradient /= float(examples * self.network.members)
        for penalties, mask in self._penalties:
            gradient = penalties.added_to_gradient(gradient, theta, mask, xp=self._xp)
        return gradient


def _bounds(
    target_range: MeanAndScale | None, moments: MeanAndScale | None, backend: Backend, dtype: str
) -> tuple[Array, Array] | None:
    """The lowest and the highest target where the backend computes, standardized by the moments."""
    if target_range is None:
        return None
    mean, scale = moments or (0.0, 1.0)
    low, high = (backend.from_host(((each - mean) / scale).astype(dtype)) for each in target_range)
    return low, high
