"""A[0] of a block: X in the working dtype, standardized, and what embeddings and encodings make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dnn_xp.backends.record import Backend, as_given
from dnn_xp.execution.scaling import ScaleOfX, Scaling, scaling_on
from dnn_xp.formulas.embeddings import embed, embedded_rows, embedding_gradient_sums, segment_sums
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.number_encodings import number_rows, periodic_encoding, periodic_gradient_sums
from dnn_xp.formulas.parameters import Parameters
from dnn_xp.formulas.piecewise import piecewise_encoding
from dnn_xp.formulas.types import Array, Namespace


class First(NamedTuple):
    """A[0] of a block, and what the derivatives of what is learned of X need.

    Attributes
    ----------
    A : array (n_0, k)
        A[0].
    layers : sequence of (W, b)
        The parameters of the layers alone.
    X : array (n_x, k)
        Standardized, as A[0] was made of it.
    periodic : tuple of arrays, optional
        The cache of a periodic encoding.
    mixes : sequence of arrays (n_l, 1)
        The a[l] of mixed activations.
    """

    A: Array
    layers: Parameters
    X: Array
    periodic: tuple[Array, Array, Array] | None = None
    mixes: Sequence[Array] = ()


@dataclass(frozen=True, eq=False)
class FirstActivations:
    """Makes A[0] for one network and one array library.

    Attributes
    ----------
    network : Network
        Its embeddings and its encoding of numbers.
    xp : namespace
        The array library.
    dtype : dtype of that library
        The working dtype.
    inputs : Scaling, optional
        The standardization of X.
    canonical : callable
        Gives a block its layout, see :class:`dnn_xp.backends.record.Backend`.
    orientation : {"columns", "rows"}, optional
        Layout of blocks of X; the layout they have when left out.
    places : array, optional
        The int32 codes 0, 1, ... of the largest embedding.
    """

    network: Network
    xp: Namespace
    dtype: Any
    inputs: Scaling | None = None
    canonical: Callable[..., Array] = as_given
    orientation: str | None = None
    places: Array = None

    def of(self, parameters: Sequence[Any], X: Array) -> First:
        """A[0] of the parameters of `network_parameters` and a block X (n_x, k) as it was given.

        Made before any dtype is too narrow for the codes of categories.
        """
        xp, encoding, depth = self.xp, self.network.number_encoding, len(self.network.activations)
        behind = depth + self._mixed
        layers, mixes = parameters[:depth], [a for (a,) in parameters[depth:behind]]
        learned, periodic = parameters[behind:], None
        scaled = self._standardized(X)
        if not (self.network.embeddings or encoding):
            A = self.canonical(scaled, orientation=self.orientation)
            return First(A, layers, A, None, mixes)
        encoded = []
        if encoding is not None and encoding.hidden:
            scaled = self.canonical(scaled, orientation="columns")
            numbers = number_rows(scaled, encoding.rows, xp=xp)
            P, periodic = periodic_encoding(numbers, learned[0], xp=xp)
            encoded, learned = [P], learned[1:]
        elif encoding is not None:
            encoded = [self._pieces(X, encoding.rows)]
        A = embed(scaled, [E for (E,) in learned], encoded=encoded, xp=xp)
        A = self.canonical(A, orientation="columns")
        return First(A, layers, scaled, periodic, mixes)

    def gradient_sums(
        self,
        dA: Array,
        parameters: Sequence[Any],
        first: First,
        *,
        sums_by_code: Callable[..., Array] = segment_sums,
    ) -> list[Array]:
        """M dw, m db, m dV, m dc of a periodic encoding, and m dE[1], ..., from the learned rows of dA[0]."""
        embeddings = self.network.embeddings
        sums: list[Array] = []
        embedded = embedded_rows(embeddings)
        if first.periodic is not None:
            of_encoding = parameters[len(self.network.activations) + self._mixed]
            dP = dA[embedded:, :]
            sums += periodic_gradient_sums(dP, of_encoding, first.periodic, xp=self.xp)
        if embeddings:
            dE = dA[:embedded, :]
            sums += embedding_gradient_sums(
                dE, first.X, embeddings, self.places, sums_by_code=sums_by_code, xp=self.xp
            )
        return sums

    @property
    def _mixed(self) -> int:
        """Hidden layers with an a[l]."""
        return len(self.network.activations) - 1 if self.network.parametric else 0

    def _standardized(self, X: Array) -> Array:
        if self.inputs is None:
            return self.xp.astype(X, self.dtype, copy=False)
        return self.inputs.standardized(X, self.dtype, xp=self.xp)

    def _pieces(self, X: Array, rows: Sequence[tuple[int, int]]) -> Array:
        """The piecewise encoding of the rows of X that hold numbers."""
        assert self.inputs is not None
        assert self.inputs.bins is not None
        values = self.inputs.for_bins(X, self.dtype, xp=self.xp)
        numbers = self.canonical(number_rows(values, rows, xp=self.xp), orientation="columns")
        return piecewise_encoding(numbers, *self.inputs.bins, xp=self.xp)


def first_activations_on(
    backend: Backend,
    network: Network,
    standardization: ScaleOfX | None,
    dtype: str,
    *,
    orientation: str | None = None,
) -> FirstActivations:
    """A[0] of a network with a standardization, where a backend computes."""
    largest = max((each.categories for each in network.embeddings), default=0)
    return FirstActivations(
        network,
        backend.xp,
        getattr(backend.xp, dtype),
        scaling_on(backend, standardization, dtype, codes=len(network.embeddings)),
        backend.canonical,
        orientation,
        backend.from_host(np.arange(largest, dtype=np.int32)) if largest else None,
    )
