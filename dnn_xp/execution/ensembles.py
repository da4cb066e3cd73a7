"""The functions of a block for an ensemble.

Costs that are minimized are means of the members' costs; all else is of the mean prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dnn_xp.execution.block_functions import BlockFunctions
from dnn_xp.execution.examples import Block
from dnn_xp.execution.first_activations import First
from dnn_xp.formulas.ensembles import (
    MEAN_OUTPUTS,
    below_each_other,
    ensemble_backward_sums,
    ensemble_output,
    regrouped,
    total,
)
from dnn_xp.formulas.layers import linear_derivative
from dnn_xp.formulas.network import output_derivative
from dnn_xp.formulas.theta import of_member
from dnn_xp.formulas.types import Array, Namespace


@dataclass(frozen=True, eq=False)
class EnsembleFunctions(BlockFunctions):
    """`BlockFunctions` of k members, whose parameters are those of `ensemble_parameters`.

    Z[L] of all members is (n_L, k B), member by member.
    """

    def output(self, parameters: Any, X: Array) -> Array:
        """The Z (n_L, B) whose activation is the mean of the members'."""
        Z = self._outputs(parameters, X)
        g, k = self.network.activations[-1].name, self.network.members
        return MEAN_OUTPUTS[g](self.xp.stack(regrouped([Z], k, xp=self.xp)), xp=self.xp)

    def _outputs(self, parameters: Any, X: Array) -> Array:
        """Z[L] (n_L, k B) of all members."""
        A, pairs, mixes = self._of_layers(parameters, self._firsts(parameters, X))
        g = self.network.activations
        Z, _ = ensemble_output(A, pairs, g, mixes=mixes, xp=self.xp, layers=self.layers)
        return self._working(self.xp.concat(Z, axis=1))

    def _minimized(self, Z: Array, Y: Array, block: Block) -> Array:
        """The mean over members of their contributions to m J_j."""
        k, xp = self.network.members, self.xp
        return self._cost(Z, _for_each(Y, k, xp), _of_members(block, k, xp)) / float(k)

    def _firsts(self, parameters: Any, X: Array) -> list[First]:
        """A[0] of all members, one where all is shared that it is made with."""
        several = self.network.learned and self.network.rows_copies > 1
        members = range(self.network.members if several else 1)
        return [self.first.of(of_member(parameters, j), X) for j in members]

    def _of_layers(
        self, parameters: Any, firsts: Sequence[First]
    ) -> tuple[list[Array], list[Any], list[Any]]:
        """A_j[0] of each member, and the (W, b) and a of the layers, in the compute dtype."""
        depth, k = len(self.network.activations), self.network.members
        A = list(self._narrowed([first.A for first in firsts]))
        pairs = [[self._narrowed(pair) for pair in part] for part in parameters[:depth]]
        of_mixes = parameters[depth : depth + len(firsts[0].mixes)]
        mixes = [self._narrowed([a for (a,) in part]) for part in of_mixes]
        return A if len(A) == k else A * k, pairs, mixes

    def _gradients(
        self, parameters: Any, Y: Array, block: Block
    ) -> tuple[tuple[Array, ...], Array]:
        """M dW and m db of each layer, as its parameters are, then all else as theta holds it; and Z[L]."""
        network, xp, firsts = self._network(block), self.xp, self._firsts(parameters, block.X)
        k, g = network.members, network.activations
        inputs, pairs, mixes = self._of_layers(parameters, firsts)
        how: dict[str, Any] = {
            "masks": () if block.indices is None else self._masks(block),
            "keep_probs": network.keep_probs,
            "layers": self.layers,
            "mixes": mixes,
            "xp": xp,
        }
        outputs, caches = ensemble_output(inputs, pairs, g, **how)
        Z = self._working(xp.concat(outputs, axis=1))
        dZ = output_derivative(Z, _for_each(Y, k, xp), network, xp=xp) * (1.0 / k)
        if block.weights is not None:
            dZ = dZ * _for_each(block.weights, k, xp)
        dZ = xp.astype(dZ, inputs[0].dtype, copy=False)
        sums, of_mixes, dZ = ensemble_backward_sums(regrouped([dZ], k, xp=xp), caches, g, **how)
        flat = [array for layer in sums for pair in layer for array in pair]
        flat += [below_each_other(da, xp=xp) for da in of_mixes]
        if network.learned:
            flat += self._learned(parameters, firsts, pairs[0], dZ)
        return tuple(flat if self.compute_dtype is None else map(self._working, flat)), Z

    def _learned(
        self, parameters: Any, firsts: Sequence[First], V: Any, dZ: Sequence[Array]
    ) -> list[Array]:
        """The sums of what is learned of X: over the members, or their own one below the other."""
        network, xp = self.network, self.xp
        start = network.sizes[0] - network.made
        learned = slice(start, start + network.learned)
        dA = [
            self._working(linear_derivative(dZ_j, V_j[:, learned], xp=xp))
            for dZ_j, (V_j, _) in zip(dZ, V, strict=True)
        ]
        sums = [
            self.first.gradient_sums(
                each, of_member(parameters, j), first, sums_by_code=self.layers.segment_sums
            )
            for j, (each, first) in enumerate(
                zip(dA if len(firsts) > 1 else [total(dA)], firsts, strict=True)
            )
        ]
        return [below_each_other(each, xp=xp) for each in zip(*sums, strict=True)]

    def _masks(self, block: Block) -> list[Array | None]:
        """D[l] (n_l, k B) of each hidden layer: an example has a mask of its own in each member."""
        k, xp = self.network.members, self.xp
        given: Array = block.indices
        # Modulo 2^32, as the indices.
        indices = xp.concat([given * k + j for j in range(k)], axis=1)
        return super()._masks(block._replace(indices=indices))


def _for_each(array: Array, members: int, xp: Namespace) -> Array:
    """Columns of examples, once for each member."""
    return xp.concat([array] * members, axis=1)


def _of_members(block: Block, members: int, xp: Namespace) -> Block:
    if block.weights is None:
        return block
    return block._replace(weights=_for_each(block.weights, members, xp))
