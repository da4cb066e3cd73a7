"""The functions of one block of examples that the engine sums: arrays in, a tuple of arrays out.

They return sums over the block; the objective divides the sum over all blocks by m, once. A backend
may compile them. A block has the dtype of X, and is converted to the working dtype and standardized
here, so that neither takes a second copy of the data. Layers may be computed in a compute dtype of
fewer bits; costs and results are in the working dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dnn_xp.backends.record import as_given
from dnn_xp.data.standardize import WIDER_THAN_FLOAT32, standardize
from dnn_xp.formulas.costs import weighted_sum
from dnn_xp.formulas.dropout import dropout_mask
from dnn_xp.formulas.embeddings import embed, embedding_gradient_sums
from dnn_xp.formulas.layers import REFERENCE_LAYERS, Layers
from dnn_xp.formulas.metrics import binary_correct, class_correct, squares_about
from dnn_xp.formulas.network import (
    Network,
    Parameters,
    gradient_sums,
    gradient_sums_of_embedded,
    linear_output,
    output_cost_sum,
    output_loss,
)
from dnn_xp.formulas.types import Array, Namespace


class Scaling(NamedTuple):
    """Mean and scale (n, 1) that values are standardized with where blocks are computed.

    Attributes
    ----------
    moments : pair of arrays
        In the working dtype, or in float64 where that has no room for them.
    wide : pair of arrays, optional
        The same in float64, for blocks whose values the working dtype would round before the mean is
        taken away: of a time in seconds since 1970 float32 keeps no more than two minutes.
    """

    moments: tuple[Array, Array]
    wide: tuple[Array, Array] | None = None


class BlockFunctions:
    """The functions of a block, for one network and one array library.

    Parameters
    ----------
    network : Network
        Sizes, activations, cost, dropout.
    xp : namespace
        The array library.
    dtype : dtype of that library
        The working dtype: of parameters, costs and sums.
    compute_dtype : dtype of that library, optional
        Dtype in which layers are computed; `dtype` when left out.
    inputs, targets : Scaling, optional
        The standardization of X and of Y.
    separate : bool
        Whether costs are summed for each output by itself, (n_L, 1), and not over all of them.
    layers : Layers
        The functions that run the steps of a layer.
    canonical : callable
        Gives a block its layout, see :class:`dnn_xp.backends.record.Backend`.
    orientation : {"columns", "rows"}, optional
        Layout of blocks of X; the layout they have when left out.
    places : array, optional
        The int32 codes 0, 1, ... of the largest embedding.
    """

    def __init__(
        self,
        network: Network,
        xp: Namespace,
        dtype: Any,
        compute_dtype: Any = None,
        inputs: Scaling | None = None,
        targets: Scaling | None = None,
        separate: bool = False,
        layers: Layers = REFERENCE_LAYERS,
        canonical: Callable[..., Array] = as_given,
        orientation: str | None = None,
        places: Array = None,
    ) -> None:
        self._network = network
        self._places = places
        self._layers = layers
        self._canonical = canonical
        self._orientation = orientation
        self._xp = xp
        self._dtype = dtype
        self._compute_dtype = compute_dtype
        self._input_scaling = inputs
        self._target_scaling = targets
        self._separate = separate
        self._rounded_by_float32 = [
            getattr(xp, name) for name in WIDER_THAN_FLOAT32 if hasattr(xp, name)
        ]

    def _working(self, array: Array) -> Array:
        return self._xp.astype(array, self._dtype, copy=False)

    def _targets(self, Y: Array) -> Array:
        return self._canonical(self._scaled(Y, self._target_scaling), orientation="columns")

    def _layer_inputs(self, parameters: Parameters, X: Array) -> tuple[Parameters, Array]:
        """Parameters and standardized X, in the compute dtype."""
        X = self._scaled(X, self._input_scaling)
        if self._network.embeddings:
            return self._embedded(parameters, X)
        X = self._canonical(X, orientation=self._orientation)
        return self._in_compute_dtype(parameters, X)

    def _embedded(self, parameters: Parameters, X: Array) -> tuple[Parameters, Array]:
        """Parameters of the layers and A[0], embedded before any dtype is too narrow for the codes."""
        depth = len(self._network.activations)
        tables = [arrays[0] for arrays in parameters[depth:]]
        A = embed(X, tables, xp=self._xp)
        A = self._canonical(A, orientation="columns")
        return self._in_compute_dtype(parameters[:depth], A)

    def _in_compute_dtype(self, parameters: Parameters, X: Array) -> tuple[Parameters, Array]:
        if self._compute_dtype is None:
            return parameters, X
        compute_dtype, xp = self._compute_dtype, self._xp
        pairs = [(xp.astype(W, compute_dtype), xp.astype(b, compute_dtype)) for W, b in parameters]
        return pairs, xp.astype(X, compute_dtype)

    def _scaled(self, values: Array, scaling: Scaling | None) -> Array:
        """A block in the working dtype, standardized where it has a mean and a scale."""
        xp = self._xp
        if scaling is None:
            return self._working(values)
        if scaling.wide is not None and values.dtype in self._rounded_by_float32:
            wide = xp.astype(values, xp.float64, copy=False)
            return self._working(standardize(wide, *scaling.wide, xp=xp))
        return self._working(standardize(self._working(values), *scaling.moments, xp=xp))

    def output(self, parameters: Parameters, X: Array) -> Array:
        """Z[L] (n_L, k)."""
        parameters, X = self._layer_inputs(parameters, X)
        Z, _ = linear_output(
            X, parameters, self._network.activations, xp=self._xp, layers=self._layers
        )
        return self._working(Z)

    def in_units_of_targets(self, parameters: Parameters, X: Array) -> Array:
        """Z[L] (n_L, k), times the scale of Y plus its mean where Y is standardized."""
        Z, scaling, xp = self.output(parameters, X), self._target_scaling, self._xp
        if scaling is None:
            return Z
        if scaling.wide is not None:
            Z, scaling = xp.astype(Z, xp.float64), Scaling(scaling.wide)
        mean, scale = scaling.moments
        return self._working(Z * scale + mean)

    def cost(
        self, parameters: Parameters, X: Array, Y: Array, weights: Array | None
    ) -> tuple[Array]:
        """Contribution to m J, or to that of each output (n_L, 1) where they are kept apart."""
        return (self._cost(self.output(parameters, X), self._targets(Y), weights),)

    def _cost(self, Z: Array, Y: Array, weights: Array | None) -> Array:
        if self._separate:
            return self._sum(output_loss(Z, Y, self._network, xp=self._xp), weights)
        return output_cost_sum(Z, Y, self._network, weights=weights, xp=self._xp)

    def gradients(
        self,
        parameters: Parameters,
        X: Array,
        Y: Array,
        weights: Array | None,
        indices: Array | None,
        seeds: Sequence[int],
    ) -> tuple[Array, ...]:
        """Contributions to m dW[1], m db[1], ..., m db[L]."""
        return self._gradients(parameters, X, self._targets(Y), weights, indices, seeds)[0]

    def cost_and_gradients(
        self,
        parameters: Parameters,
        X: Array,
        Y: Array,
        weights: Array | None,
        indices: Array | None,
        seeds: Sequence[int],
    ) -> tuple[Array, ...]:
        """Contributions to m J, m dW[1], m db[1], ..., m db[L]."""
        Y = self._targets(Y)
        layers, Z = self._gradients(parameters, X, Y, weights, indices, seeds)
        return self._cost(Z, Y, weights), *layers

    def _gradients(
        self,
        parameters: Parameters,
        X: Array,
        Y: Array,
        weights: Array | None,
        indices: Array | None,
        seeds: Sequence[int],
    ) -> tuple[tuple[Array, ...], Array]:
        network, xp, given = self._network, self._xp, X
        parameters, X = self._layer_inputs(parameters, X)
        how: dict[str, Any] = {
            "weights": weights,
            "masks": () if indices is None else self._masks(indices, seeds),
            "layers": self._layers,
            "xp": xp,
        }
        of_tables: Sequence[Array] = ()
        if network.embeddings:
            layers, Z, dA = gradient_sums_of_embedded(X, Y, parameters, network, **how)
            of_tables = embedding_gradient_sums(
                self._working(dA),
                self._scaled(given, self._input_scaling),
                network.embeddings,
                self._places,
                sums_by_code=self._layers.segment_sums,
                xp=xp,
            )
        else:
            layers, Z = gradient_sums(X, Y, parameters, network, **how)
        flat = (*(array for layer in layers for array in layer), *of_tables)
        return flat if self._compute_dtype is None else tuple(map(self._working, flat)), Z

    def _masks(self, indices: Array, seeds: Sequence[int]) -> list[Array | None]:
        network = self._network
        return [
            None
            if keep_prob == 1.0
            else dropout_mask(seed, n, indices, keep_prob=keep_prob, xp=self._xp)
            for seed, n, keep_prob in zip(
                seeds, network.sizes[1:-1], network.keep_probs, strict=True
            )
        ]

    def correct(
        self, parameters: Parameters, X: Array, Y: Array, weights: Array | None
    ) -> tuple[Array, ...]:
        """Contributions to m J and to the number of examples whose outputs are all on Y's side of 1/2."""
        Z, Y = self.output(parameters, X), self._targets(Y)
        correct = weighted_sum(binary_correct(Z, Y, xp=self._xp), weights, m=1.0, xp=self._xp)
        return self._cost(Z, Y, weights), correct

    def class_correct(
        self, parameters: Parameters, X: Array, Y: Array, weights: Array | None
    ) -> tuple[Array, ...]:
        """Contributions to m J and to the number of examples whose largest output is that of their class."""
        Z, Y = self.output(parameters, X), self._targets(Y)
        correct = weighted_sum(class_correct(Z, Y, xp=self._xp), weights, m=1.0, xp=self._xp)
        return self._cost(Z, Y, weights), correct

    def mean_of_targets(
        self, parameters: Parameters, X: Array, Y: Array, weights: Array | None
    ) -> tuple[Array]:
        """Contribution to m times the mean of Y (n_L, 1)."""
        return (self._sum(self._targets(Y), weights),)

    def squares(
        self,
        parameters: Parameters,
        X: Array,
        Y: Array,
        weights: Array | None,
        center: Array,
    ) -> tuple[Array, ...]:
        """Contributions to m J and to the sums of squares (n_L, 1) of A[L] - Y and of Y - center.

        All of them of Y as the network meets it, standardized or not.
        """
        Z, Y = self.output(parameters, X), self._targets(Y)
        A = self._network.activations[-1].forward(Z, xp=self._xp)
        residual = self._sum(squares_about(A, Y, xp=self._xp), weights)
        spread = self._sum(squares_about(Y, center, xp=self._xp), weights)
        return self._cost(Z, Y, weights), residual, spread

    def _sum(self, values: Array, weights: Array | None) -> Array:
        weighted = values if weights is None else values * weights
        return self._xp.sum(weighted, axis=1, keepdims=True)
