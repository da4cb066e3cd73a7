"""The functions of one block of examples that the engine sums: arrays in, a tuple of arrays out.

They return sums over the block; the objective divides the sum over all blocks by m, once. A backend
may compile them. A block has the dtype of X, and is converted to the working dtype and standardized
here, so that neither takes a second copy of the data. Layers may be computed in a compute dtype of
fewer bits; costs and results are in the working dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dnn_xp.backends.record import as_given
from dnn_xp.execution.examples import Block
from dnn_xp.execution.first_activations import First, FirstActivations
from dnn_xp.execution.scaling import Scaling
from dnn_xp.formulas.costs import weighted_sum
from dnn_xp.formulas.dropout import Draw, dropout_hashes, dropout_mask
from dnn_xp.formulas.layers import REFERENCE_LAYERS, Layers
from dnn_xp.formulas.metrics import squares_about
from dnn_xp.formulas.network import (
    Network,
    gradient_sums,
    gradient_sums_of_learned,
    linear_output,
    output_cost_sum,
    output_loss,
)
from dnn_xp.formulas.parameters import Parameters
from dnn_xp.formulas.tabular import clamp, smooth_labels
from dnn_xp.formulas.types import Array, Namespace


@dataclass(frozen=True, eq=False)
class BlockFunctions:
    """The functions of a block, for one network and one array library.

    Attributes
    ----------
    network : Network
        Sizes, activations, cost, dropout.
    xp : namespace
        The array library.
    first : FirstActivations
        Makes A[0] of X.
    dtype : dtype of that library
        The working dtype: of parameters, costs and sums.
    compute_dtype : dtype of that library, optional
        Dtype in which layers are computed; `dtype` when left out.
    targets : Scaling, optional
        The standardization of Y.
    separate : bool
        Whether costs are summed for each output by itself, (n_L, 1), and not over all of them.
    layers : Layers
        The functions that run the steps of a layer.
    canonical : callable
        Gives a block its layout, see :class:`dnn_xp.backends.record.Backend`.
    label_smoothing : float
        Of Y, of classes; 0 leaves Y as it is.
    bounds, standardized_bounds : pair of arrays (n_L, 1), optional
        What predictions are kept within, in the units of Y and as the network meets it.
    """

    network: Network
    xp: Namespace
    first: FirstActivations
    dtype: Any
    compute_dtype: Any = None
    targets: Scaling | None = None
    separate: bool = False
    layers: Layers = REFERENCE_LAYERS
    canonical: Callable[..., Array] = as_given
    label_smoothing: float = 0.0
    bounds: tuple[Array, Array] | None = None
    standardized_bounds: tuple[Array, Array] | None = None

    def output(self, parameters: Parameters, X: Array) -> Array:
        """Z[L] (n_L, k)."""
        return self._outputs(parameters, X)

    def _outputs(self, parameters: Sequence[Any], X: Array) -> Array:
        """What `_minimized` takes: Z[L]."""
        first, g = self._first(parameters, X), self.network.activations
        Z, _ = linear_output(
            first.A, first.layers, g, xp=self.xp, layers=self.layers, mixes=first.mixes
        )
        return self._working(Z)

    def in_units_of_targets(self, parameters: Parameters, X: Array) -> Array:
        """Z[L] (n_L, k), times the scale of Y plus its mean where Y is standardized, within the bounds."""
        Z = self.output(parameters, X)
        if self.targets is not None:
            Z = self.targets.in_original_units(Z, xp=self.xp)
        return Z if self.bounds is None else clamp(Z, *self.bounds, xp=self.xp)

    def cost(self, parameters: Parameters, block: Block) -> tuple[Array]:
        """Contribution to m J, or to that of each output (n_L, 1) where they are kept apart."""
        Z = self._outputs(parameters, block.X)
        return (self._minimized(Z, self._targets(block), block),)

    def gradients(self, parameters: Parameters, block: Block) -> tuple[Array, ...]:
        """Contributions to m dW[1], m db[1], ..., m db[L]."""
        return self._gradients(parameters, self._targets(block), block)[0]

    def cost_and_gradients(self, parameters: Parameters, block: Block) -> tuple[Array, ...]:
        """Contributions to m J, m dW[1], m db[1], ..., m db[L]."""
        Y = self._targets(block)
        gradients, Z = self._gradients(parameters, Y, block)
        return self._minimized(Z, Y, block), *gradients

    def correct(
        self, metric: Callable[..., Array], parameters: Parameters, block: Block
    ) -> tuple[Array, Array]:
        """Contributions to m J and to the number of examples that are correct by the metric."""
        Z, Y = self.output(parameters, block.X), self._targets(block)
        correct = weighted_sum(metric(Z, Y, xp=self.xp), block.weights, m=1.0, xp=self.xp)
        return self._cost(Z, Y, block), correct

    def mean_of_targets(self, parameters: Parameters, block: Block) -> tuple[Array]:
        """Contribution to m times the mean of Y (n_L, 1)."""
        return (self._sum(self._targets(block), block),)

    def squares(
        self, parameters: Parameters, block: Block, center: Array
    ) -> tuple[Array, Array, Array]:
        """Contributions to m J and to the sums of squares (n_L, 1) of A[L] - Y and of Y - center.

        All of them of Y as the network meets it, standardized or not, and of predictions within the bounds.
        """
        Z, Y = self.output(parameters, block.X), self._targets(block)
        if self.standardized_bounds is not None:
            Z = clamp(Z, *self.standardized_bounds, xp=self.xp)
        A = self.network.activations[-1].forward(Z, xp=self.xp)
        residual = self._sum(squares_about(A, Y, xp=self.xp), block)
        spread = self._sum(squares_about(Y, center, xp=self.xp), block)
        return self._cost(Z, Y, block), residual, spread

    def _working(self, array: Array) -> Array:
        return self.xp.astype(array, self.dtype, copy=False)

    def _targets(self, block: Block) -> Array:
        Y = block.Y
        if self.targets is None:
            Y = self._working(Y)
        else:
            Y = self.targets.standardized(Y, self.dtype, xp=self.xp)
        Y = self.canonical(Y, orientation="columns")
        if not self.label_smoothing:
            return Y
        outputs = self.network.sizes[-1]
        return smooth_labels(Y, amount=self.label_smoothing, outputs=outputs, xp=self.xp)

    def _first(self, parameters: Sequence[Any], X: Array) -> First:
        """A[0], (W, b) and a of the layers, in the compute dtype."""
        first = self.first.of(parameters, X)
        if self.compute_dtype is None:
            return first
        layers = [self._narrowed(pair) for pair in first.layers]
        A, *mixes = self._narrowed((first.A, *first.mixes))
        return first._replace(A=A, layers=layers, mixes=mixes)

    def _narrowed(self, arrays: Sequence[Array]) -> Any:
        """Arrays in the compute dtype."""
        if self.compute_dtype is None:
            return tuple(arrays)
        return tuple(self.xp.astype(each, self.compute_dtype) for each in arrays)

    def _gradients(
        self, parameters: Sequence[Any], Y: Array, block: Block
    ) -> tuple[tuple[Array, ...], Array]:
        """M dW[1], m db[1], ..., m db[L], m da[1], ..., then of what is learned of X; and Z[L]."""
        network, first = self._network(block), self._first(parameters, block.X)
        how: dict[str, Any] = {
            "weights": block.weights,
            "masks": () if block.indices is None else self._masks(block),
            "layers": self.layers,
            "mixes": first.mixes,
            "xp": self.xp,
        }
        learned: list[Array] = []
        if network.learned:
            sums, Z, dA = gradient_sums_of_learned(first.A, Y, first.layers, network, **how)
            learned = self.first.gradient_sums(
                self._working(dA), parameters, first, sums_by_code=self.layers.segment_sums
            )
        else:
            sums, Z = gradient_sums(first.A, Y, first.layers, network, **how)
        flat = (*[array for layer in sums for array in layer], *learned)
        return flat if self.compute_dtype is None else tuple(map(self._working, flat)), Z

    def _network(self, block: Block) -> Network:
        """The network, with the keep_probs that were drawn for a block."""
        drawn = [each.keep_prob for each in block.seeds if isinstance(each, Draw)]
        return self.network._replace(keep_probs=tuple(drawn)) if drawn else self.network

    def _masks(self, block: Block) -> list[Array | None]:
        """D[l] (n_l, k) of each hidden layer, None where all its units are kept."""
        xp, masks = self.xp, list[Array | None]()
        hidden = zip(block.seeds, self.network.sizes[1:-1], self.network.keep_probs, strict=True)
        for seed, n, keep_prob in hidden:
            if keep_prob == 1.0:
                masks.append(None)
            elif isinstance(seed, Draw):
                hashes = dropout_hashes(seed.seed, n, block.indices, xp=xp)
                masks.append(hashes <= seed.largest)
            else:
                masks.append(dropout_mask(seed, n, block.indices, keep_prob=keep_prob, xp=xp))
        return masks

    def _minimized(self, Z: Array, Y: Array, block: Block) -> Array:
        """Contribution to the m J that is minimized."""
        return self._cost(Z, Y, block)

    def _cost(self, Z: Array, Y: Array, block: Block) -> Array:
        if self.separate:
            return self._sum(output_loss(Z, Y, self.network, xp=self.xp), block)
        return output_cost_sum(Z, Y, self.network, weights=block.weights, xp=self.xp)

    def _sum(self, values: Array, block: Block) -> Array:
        weighted = values if block.weights is None else values * block.weights
        return self.xp.sum(weighted, axis=1, keepdims=True)
