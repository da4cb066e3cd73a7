"""theta of a whole network: layers, what encodes numbers, embeddings, the scaling layer, in this order.

W[1], b[1], ..., W[L], b[L], then a[1], ..., a[L-1] of mixed activations, w, b, V, c of a periodic
encoding, E[1], ..., E[c], and s.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from dnn_xp.formulas.embeddings import embedding_parameters, unflatten_embeddings
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.number_encodings import Periodic, unflatten_periodic
from dnn_xp.formulas.parameters import parameter_count, unflatten, weight_mask
from dnn_xp.formulas.parametric import unflatten_mixes
from dnn_xp.formulas.tabular import scaled_weights
from dnn_xp.formulas.types import Array, Namespace


def split_scaling(theta: Array, network: Network) -> tuple[Array, Array]:
    """What all networks have of theta, and s, which is empty without a scaling layer."""
    rest = theta.shape[0] - network.scaled
    return theta[:rest], theta[rest:]


def network_parameters(theta: Array, network: Network, *, xp: Namespace) -> list[tuple[Array, ...]]:
    """(W, b) of each layer, (a,) of each mixed one, (w, b, V, c) of a periodic encoding, (E,) of each embedding.

    W[1] is times the scaling layer's s. Views of theta where there are views.
    """
    layers = unflatten(theta, network.sizes, xp=xp)
    if network.scaling_layer:
        theta, s = split_scaling(theta, network)
        W, b = layers[0]
        layers[0] = scaled_weights(W, s, xp=xp), b
    tables = unflatten_embeddings(theta, network.embeddings, xp=xp)
    mixes = unflatten_mixes(theta, network.sizes, xp=xp) if network.parametric else []
    periodic = periodic_parameters(theta, network, xp=xp)
    return [*layers, *((a,) for a in mixes), *periodic, *((E,) for E in tables)]


def periodic_parameters(theta: Array, network: Network, *, xp: Namespace) -> list[Periodic]:
    """[(w, b, V, c)] of a periodic encoding, [] where nothing of numbers is learned."""
    encoding = network.number_encoding
    if encoding is None or not encoding.hidden:
        return []
    start = parameter_count(network.sizes) + network.mixed
    return [unflatten_periodic(theta, encoding, start=start, xp=xp)]


def parameter_shapes(network: Network) -> list[tuple[str, str, tuple[int, int]]]:
    """Letter, number as text, and shape, of all that theta holds, in order; stacked ones as matrices."""
    parts = [
        part
        for layer, (n_prev, n) in enumerate(pairwise(network.sizes), start=1)
        for part in (("W", f"{layer}", (n, n_prev)), ("b", f"{layer}", (n, 1)))
    ]
    if network.parametric:
        parts += [("a", f"{layer}", (n, 1)) for layer, n in enumerate(network.sizes[1:-1], start=1)]
    encoding = network.number_encoding
    if encoding is not None and encoding.hidden:
        n, h, d = encoding.numbers, encoding.hidden, encoding.outputs
        parts += [("w", "", (n, h)), ("b", "", (n, h)), ("V", "", (n * d, h)), ("c", "", (n, d))]
    parts += [("E", f"{j}", (d, k)) for j, (k, d) in enumerate(network.embeddings, start=1)]
    return [*parts, ("s", "", (network.scaled, 1))] if network.scaling_layer else parts


def penalized(network: Network, *, dtype: Any, xp: Namespace) -> Array:
    """1 at the entries of theta, s left out, that penalties count, and 0 at the others."""
    encoding = network.number_encoding
    return weight_mask(
        network.sizes,
        dtype=dtype,
        xp=xp,
        mixed=network.mixed,
        encoded=() if encoding is None else encoding.parameter_parts,
        embedded=embedding_parameters(network.embeddings),
    )
