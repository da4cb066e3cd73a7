"""The functions of a block for an ensemble, and its parameters and gradient as theta holds them.

Costs that are minimized are means of the members' costs; all else is of the mean prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dnn_xp.execution.block_functions import BlockFunctions
from dnn_xp.execution.examples import Block
from dnn_xp.formulas.embeddings import (
    embed,
    embedded_rows,
    embedding_gradient_sums,
    unflatten_embeddings,
)
from dnn_xp.formulas.ensembles import (
    ensemble_backward_sums,
    ensemble_output,
    members_of_layers,
    members_of_layers_backward,
    regrouped,
)
from dnn_xp.formulas.layers import linear_derivative
from dnn_xp.formulas.mean_outputs import MEAN_OUTPUTS
from dnn_xp.formulas.network import Network, output_derivative
from dnn_xp.formulas.parameters import unflatten
from dnn_xp.formulas.types import Array, Namespace


@dataclass(frozen=True, eq=False)
class EnsembleFunctions(BlockFunctions):
    """`BlockFunctions` of k members, whose parameters are those of `parameters_of_members`.

    Z[L] of all members is (n_L, k B), member by member.
    """

    def output(self, parameters: Any, X: Array) -> Array:
        """The Z (n_L, B) whose activation is the mean of the members'."""
        Z = self._outputs(parameters, X)
        g, k = self.network.activations[-1].name, self.network.members
        return MEAN_OUTPUTS[g](self.xp.stack(regrouped([Z], k, xp=self.xp)), xp=self.xp)

    def _outputs(self, parameters: Any, X: Array) -> Array:
        """Z[L] (n_L, k B) of all members."""
        pairs, inputs = self._member_inputs(parameters, X)
        g, xp = self.network.activations, self.xp
        outputs: list[Array] = []
        for together in self._together():
            A = [inputs[j] for j in together]
            Z, _ = ensemble_output(A, _pairs_of(pairs, together), g, xp=xp, layers=self.layers)
            outputs += Z
        return self._working(xp.concat(outputs, axis=1))

    def _minimized(self, Z: Array, Y: Array, block: Block) -> Array:
        """The mean over members of their contributions to m J_j."""
        k, xp = self.network.members, self.xp
        return self._cost(Z, _for_each(Y, k, xp), _of_members(block, k, xp)) / float(k)

    def _member_inputs(self, parameters: Any, X: Array) -> tuple[Any, list[Array]]:
        """Parameters and A_j[0] of each member, in the compute dtype."""
        network, xp = self.network, self.xp
        k, depth = network.members, len(network.activations)
        if not network.embeddings or network.tables_copies == 1:
            pairs, A = self._layer_inputs(parameters, X)
            return pairs, [A] * k
        X, pairs = self._scaled(X, self.inputs), parameters[:depth]
        tables = [arrays[0] for arrays in parameters[depth:]]
        inputs = [
            self.canonical(
                embed(X, tables_of_member(tables, network, j), xp=xp), orientation="columns"
            )
            for j in range(k)
        ]
        if self.compute_dtype is None:
            return pairs, inputs
        return self._narrowed(pairs), [xp.astype(A, self.compute_dtype) for A in inputs]

    def _narrowed(self, parameters: Any) -> Any:
        narrow, xp = self.compute_dtype, self.xp
        return [
            [(xp.astype(W, narrow), xp.astype(b, narrow)) for W, b in pairs] for pairs in parameters
        ]

    def _gradients(
        self, parameters: Any, Y: Array, block: Block
    ) -> tuple[tuple[Array, ...], Array]:
        """M dW and m db of each layer, as its parameters are, m dE[1], ...; and Z[L] of all members."""
        network, xp = self.network, self.xp
        k, g = network.members, network.activations
        pairs, inputs = self._member_inputs(parameters, block.X)
        sums: list[list[Any]] = [[] for _ in pairs]
        outputs, derivatives = [], []
        for together in self._together():
            n = len(together)
            how: dict[str, Any] = {
                "masks": () if block.indices is None else self._masks_of(block, together),
                "keep_probs": network.keep_probs,
                "layers": self.layers,
                "xp": xp,
            }
            A, mine = [inputs[j] for j in together], _pairs_of(pairs, together)
            Z_of_each, caches = ensemble_output(A, mine, g, **how)
            (Z,) = regrouped(Z_of_each, 1, xp=xp)
            Z = self._working(Z)
            dZ = output_derivative(Z, _for_each(Y, n, xp), network, xp=xp) * (1.0 / k)
            if block.weights is not None:
                dZ = dZ * _for_each(block.weights, n, xp)
            dZ = regrouped([xp.astype(dZ, A[0].dtype, copy=False)], n, xp=xp)
            found, dZ = ensemble_backward_sums(dZ, caches, g, **how)
            for of_layer, of_these in zip(sums, found, strict=True):
                of_layer += of_these
            outputs.append(Z)
            derivatives += dZ
        flat = [array for layer in sums for pair in layer for array in pair]
        if network.embeddings:
            flat += self._embedding_gradients(pairs[0], derivatives, block)
        (Z,) = regrouped(outputs, 1, xp=xp)
        return tuple(flat if self.compute_dtype is None else map(self._working, flat)), Z

    def _together(self) -> list[range]:
        """Members whose columns are computed at once: all, or each alone where they share nothing."""
        k, ensemble = self.network.members, self.network.ensemble
        shares = ensemble is not None and ensemble.shares_layers
        return [range(k)] if shares else [range(j, j + 1) for j in range(k)]

    def _embedding_gradients(self, first: Any, dZ: Sequence[Array], block: Block) -> list[Array]:
        """M dE[1], ...: sums over the members, or their own one below the other."""
        network, xp = self.network, self.xp
        start = network.sizes[0] - embedded_rows(network.embeddings)
        dA = [
            self._working(linear_derivative(dZ_j, V[:, start:], xp=xp))
            for dZ_j, (V, _) in zip(dZ, first, strict=True)
        ]
        if network.tables_copies == 1:
            total = dA[0]
            for each in dA[1:]:
                total = total + each
            dA = [total]
        X = self._scaled(block.X, self.inputs)
        found = [
            embedding_gradient_sums(
                each,
                X,
                network.embeddings,
                self.places,
                sums_by_code=self.layers.segment_sums,
                xp=xp,
            )
            for each in dA
        ]
        return [xp.concat(list(each), axis=0) for each in zip(*found, strict=True)]

    def _masks_of(self, block: Block, members: Sequence[int]) -> list[Array | None]:
        """D[l] (n_l, B of each) of each hidden layer: an example has a mask of its own in each member."""
        examples: Array = block.indices
        # Modulo 2^32, as the indices.
        of_each = [examples * self.network.members + j for j in members]
        return self._masks(block._replace(indices=self.xp.concat(of_each, axis=1)))


def _pairs_of(pairs: Any, members: Sequence[int]) -> Any:
    """Of each layer the (W, b) of these members, or the one that all share."""
    return [
        of_layer if len(of_layer) == 1 else [of_layer[j] for j in members] for of_layer in pairs
    ]


def _for_each(array: Array, members: int, xp: Namespace) -> Array:
    """Columns of examples, once for each member."""
    return xp.concat([array] * members, axis=1)


def _of_members(block: Block, members: int, xp: Namespace) -> Block:
    if block.weights is None:
        return block
    return block._replace(weights=_for_each(block.weights, members, xp))


def parameters_of_members(theta: Array, network: Network, *, xp: Namespace) -> list[Any]:
    """Of each layer its (W, b), one or one of each member, V of the first; then (E,) of each embedding."""
    layers, scales, tables = _split(theta, network, xp)
    assert network.ensemble is not None
    members = members_of_layers(layers, scales, network.ensemble, xp=xp)
    return [*members, *((E,) for E in tables)]


def gradient_of_members(
    sums: Sequence[Array], theta: Array, network: Network, *, xp: Namespace
) -> list[Array]:
    """Gradients in the order of theta, from the sums of `EnsembleFunctions.gradients`."""
    layers, scales, _ = _split(theta, network, xp)
    assert network.ensemble is not None
    k, left = network.members, iter(sums)
    pairs = [
        [(next(left), next(left)) for _ in range(copies)] for copies in (k, *network.copies[1:])
    ]
    tables = list(left)
    found = members_of_layers_backward(pairs, layers, scales, network.ensemble, xp=xp)
    of_layers, ds = found[: 2 * len(layers)], found[2 * len(layers) :]
    return [*of_layers, *tables, *ds]


def _split(
    theta: Array, network: Network, xp: Namespace
) -> tuple[list[tuple[Array, Array]], Array | None, list[Array]]:
    """(W, b) of each layer, s (k, n_0) or None, and E of each embedding, as theta holds them."""
    rest = theta.shape[0] - network.scaled
    scales = None
    if network.scaling_layer:
        scales = xp.reshape(theta[rest:], (network.members, network.sizes[0]))
    layers = unflatten(theta, network.sizes, copies=network.copies, xp=xp)
    return layers, scales, unflatten_embeddings(theta[:rest], network.tables, xp=xp)


def tables_of_member(tables: Sequence[Array], network: Network, member: int) -> list[Array]:
    """Its E (d, categories) of each embedding, from those in theta."""
    if network.tables_copies == 1:
        return list(tables)
    own = zip(tables, network.embeddings, strict=True)
    return [E[member * d : member * d + d, :] for E, (_, d) in own]


def networks_of_members(
    theta: Array, network: Network, *, xp: Namespace
) -> list[tuple[list[tuple[Array, Array]], list[Array]]]:
    """(W, b) of each layer, V of the first, and E of each embedding, of each member."""
    depth = len(network.activations)
    found = parameters_of_members(theta, network, xp=xp)
    pairs, tables = found[:depth], [arrays[0] for arrays in found[depth:]]
    return [
        (
            [of_layer[j if len(of_layer) > 1 else 0] for of_layer in pairs],
            tables_of_member(tables, network, j),
        )
        for j in range(network.members)
    ]
