"""The functions of a block for an ensemble.

Costs that are minimized are means of the members' costs; all else is of the mean prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dnn_xp.execution.block_functions import BlockFunctions
from dnn_xp.execution.examples import Block
from dnn_xp.formulas.ensembles import (
    below_each_other,
    ensemble_backward_sums,
    ensemble_output,
    regrouped,
    total,
)
from dnn_xp.formulas.layers import linear_derivative
from dnn_xp.formulas.mean_outputs import MEAN_OUTPUTS
from dnn_xp.formulas.network import Network, output_derivative
from dnn_xp.formulas.theta import of_member
from dnn_xp.formulas.types import Array, Namespace


@dataclass(frozen=True, eq=False)
class EnsembleFunctions(BlockFunctions):
    """`BlockFunctions` of k members that share layers, with the parameters of `ensemble_parameters`.

    Z[L] of all members is (n_L, k B), member by member. Gradients are sums over the members, too.
    """

    def output(self, parameters: Any, X: Array) -> Array:
        """The Z (n_L, B) whose activation is the mean of the members'."""
        Z = self._outputs(parameters, X)
        g, k = self.network.activations[-1].name, self.network.members
        return MEAN_OUTPUTS[g](self.xp.stack(regrouped([Z], k, xp=self.xp)), xp=self.xp)

    def _outputs(self, parameters: Any, X: Array) -> Array:
        """Z[L] (n_L, k B) of all members."""
        A, pairs, mixes = self._of_layers(parameters, self.first.of(of_member(parameters, 0), X).A)
        g = self.network.activations
        Z, _ = ensemble_output(A, pairs, g, mixes=mixes, xp=self.xp, layers=self.layers)
        return self._working(self.xp.concat(Z, axis=1))

    def _minimized(self, Z: Array, Y: Array, block: Block) -> Array:
        """The mean over members of their contributions to m J_j."""
        k, xp = self.network.members, self.xp
        if block.weights is not None:
            block = block._replace(weights=_for_each(block.weights, k, xp))
        return self._cost(Z, _for_each(Y, k, xp), block) / float(k)

    def _of_layers(self, parameters: Any, A: Array) -> tuple[list[Array], list[Any], list[Any]]:
        """A[0] for each member, and the (W, b) and a of the layers, in the compute dtype."""
        depth = len(self.network.activations)
        mixed = depth - 1 if self.network.parametric else 0
        pairs = [[self._narrowed(pair) for pair in part] for part in parameters[:depth]]
        of_mixes = parameters[depth : depth + mixed]
        mixes = [self._narrowed([a for (a,) in part]) for part in of_mixes]
        return list(self._narrowed([A])) * self.network.members, pairs, mixes

    def _gradients(
        self, parameters: Any, Y: Array, block: Block
    ) -> tuple[tuple[Array, ...], Array]:
        """M dW and m db of each layer, as its parameters are, then all else as theta holds it; and Z[L]."""
        network, xp, k = self._network(block), self.xp, self.network.members
        first, g = self.first.of(of_member(parameters, 0), block.X), network.activations
        inputs, pairs, mixes = self._of_layers(parameters, first.A)
        masks = () if block.indices is None else self._masks(self._of_members(block, range(k)))
        how: dict[str, Any] = {"masks": masks, "keep_probs": network.keep_probs}
        how |= {"layers": self.layers, "mixes": mixes, "xp": xp}
        outputs, caches = ensemble_output(inputs, pairs, g, **how)
        Z = self._working(xp.concat(outputs, axis=1))
        dZ = output_derivative(Z, _for_each(Y, k, xp), network, xp=xp)
        if block.weights is not None:
            dZ = dZ * _for_each(block.weights, k, xp)
        dZ = xp.astype(dZ, inputs[0].dtype, copy=False)
        sums, of_mixes, dZ = ensemble_backward_sums(regrouped([dZ], k, xp=xp), caches, g, **how)
        flat = [array for layer in sums for pair in layer for array in pair]
        flat += [below_each_other(da, xp=xp) for da in of_mixes]
        if network.learned:
            start = network.sizes[0] - network.made
            learned = slice(start, start + network.learned)
            V = [W[:, learned] for W, _ in pairs[0]]
            dA = total([linear_derivative(*each, xp=xp) for each in zip(dZ, V, strict=True)])
            flat += self.first.gradient_sums(
                self._working(dA),
                of_member(parameters, 0),
                first,
                sums_by_code=self.layers.segment_sums,
            )
        return tuple(flat if self.compute_dtype is None else map(self._working, flat)), Z

    def _of_members(self, block: Block, members: Sequence[int]) -> Block:
        """The block with indices (1, B of each): an example has a mask of its own in each member."""
        k, indices = self.network.members, block.indices
        if indices is None:
            return block
        # Modulo 2^32, as the indices.
        each = [indices * k + j for j in members]
        return block._replace(indices=self.xp.concat(each, axis=1))


@dataclass(frozen=True, eq=False)
class SeparateFunctions(EnsembleFunctions):
    """Those of members that share nothing, computed one after the other: a block is that of one network."""

    def _outputs(self, parameters: Any, X: Array) -> Array:
        k, of_one = self.network.members, BlockFunctions._outputs
        outputs = [of_one(self, of_member(parameters, j), X) for j in range(k)]
        return self.xp.concat(outputs, axis=1)

    def _gradients(
        self, parameters: Any, Y: Array, block: Block
    ) -> tuple[tuple[Array, ...], Array]:
        k, of_one, xp = self.network.members, BlockFunctions._gradients, self.xp
        found = [
            of_one(self, of_member(parameters, j), Y, self._of_members(block, [j]))
            for j in range(k)
        ]
        layers, flat = 2 * len(self.network.activations), list[Array]()
        for place, of_each in enumerate(zip(*(sums for sums, _ in found), strict=True)):
            if place % 2 == 0 and place < layers:
                dW = of_each
            elif place < layers:
                flat += [each for pair in zip(dW, of_each, strict=True) for each in pair]
            else:
                flat.append(below_each_other(of_each, xp=xp))
        return tuple(flat), xp.concat([Z for _, Z in found], axis=1)


def functions_of(network: Network) -> type[BlockFunctions]:
    """The class of the functions of a block for a network."""
    if network.ensemble is None:
        return BlockFunctions
    return EnsembleFunctions if network.ensemble.shares_layers else SeparateFunctions


def _for_each(array: Array, members: int, xp: Namespace) -> Array:
    """Columns of examples, once for each member."""
    return xp.concat([array] * members, axis=1)
