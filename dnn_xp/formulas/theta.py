"""theta of a whole network: layers, what encodes numbers, embeddings, the scaling layer, in this order.

W[1], b[1], ..., W[L], b[L], then a[1], ..., a[L-1] of mixed activations, w, b, V, c of a periodic
encoding, E[1], ..., E[c], and s. What each of the k members of an ensemble has for itself is there k
times, one below the other, and s is (k, n_0).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from dnn_xp.formulas.embeddings import unflatten_embeddings
from dnn_xp.formulas.ensembles import copies_of, members_of_layers, members_of_layers_backward
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.number_encodings import Periodic, stacked, unflatten_periodic
from dnn_xp.formulas.parameters import parameter_count, unflatten, weight_mask, weight_shapes
from dnn_xp.formulas.parametric import unflatten_mixes
from dnn_xp.formulas.tabular import scaled_weights, scaled_weights_backward
from dnn_xp.formulas.types import Array, Namespace

# Parameters of a network, or of one part of it for each member that has its own.
Part = tuple[Array, ...]


class Shape(NamedTuple):
    """Letter, number as text, shape, and copies in it, of an array in theta; stacked ones as matrices."""

    letter: str
    number: str
    shape: tuple[int, int]
    copies: int = 1


def split_scaling(theta: Array, network: Network) -> tuple[Array, Array]:
    """What all networks have of theta, and s, which is empty without a scaling layer."""
    rest = theta.shape[0] - network.scaled
    return theta[:rest], theta[rest:]


def network_parameters(theta: Array, network: Network, *, xp: Namespace) -> list[Part]:
    """(W, b) of each layer, (a,) of each mixed one, (w, b, V, c) of a periodic encoding, (E,) of each embedding.

    W[1] is times the scaling layer's s. Views of theta where there are views.
    """
    found = _as_held(theta, network, xp)
    if network.scaling_layer:
        (W, b), (_, s) = found[0], split_scaling(theta, network)
        found[0] = scaled_weights(W, s, xp=xp), b
    return found


def ensemble_parameters(theta: Array, network: Network, *, xp: Namespace) -> list[list[Part]]:
    """The value of `network_parameters` for an ensemble: of each part one, or one for each member.

    Each member has a first layer of its own, V_j = W diag(s_j) where there are scales.
    """
    assert network.ensemble is not None
    found, depth = _as_held(theta, network, xp), len(network.activations)
    layers: Any = found[:depth]
    members = members_of_layers(layers, _scales(theta, network, xp), network.ensemble, xp=xp)
    mixed = network.copies[:-1] if network.parametric else ()
    rest = len(found) - depth - len(mixed)
    copies = (*mixed, *(network.rows_copies,) * rest)
    return [
        *members,
        *(
            list(zip(*(copies_of(array, c) for array in part), strict=True))
            for part, c in zip(found[depth:], copies, strict=True)
        ),
    ]


def of_member(parameters: Sequence[Sequence[Part]], member: int) -> list[Part]:
    """The value of `network_parameters` for one member, from that of `ensemble_parameters`.

    Examples
    --------
    >>> of_member([[("W", "b")], [("own W", "own b"), ("another W", "another b")]], 1)
    [('W', 'b'), ('another W', 'another b')]
    """
    return [part[member] if len(part) > 1 else part[0] for part in parameters]


def member_parameters(theta: Array, network: Network, *, xp: Namespace) -> list[list[Part]]:
    """The value of `network_parameters` for each member of an ensemble, or of a single network."""
    if network.ensemble is None:
        return [network_parameters(theta, network, xp=xp)]
    parameters = ensemble_parameters(theta, network, xp=xp)
    return [of_member(parameters, j) for j in range(network.members)]


def gradient_arrays(
    sums: Sequence[Array], theta: Array, network: Network, *, xp: Namespace
) -> list[Array]:
    """Gradients in the order of theta, from those of the arrays that blocks compute with.

    The backward of `network_parameters`; or of `ensemble_parameters`, where `sums` holds (dW, db) of
    each member, or one of all, layer by layer, and then all other arrays as theta holds them.
    """
    if network.ensemble is None:
        if not network.scaling_layer:
            return list(sums)
        W, _ = unflatten(theta, network.sizes, xp=xp)[0]
        dW, ds = scaled_weights_backward(sums[0], W, split_scaling(theta, network)[1], xp=xp)
        return [dW, *sums[1:], ds]
    left, copies = iter(sums), (network.members, *network.copies[1:])
    pairs = [[(next(left), next(left)) for _ in range(c)] for c in copies]
    layers = unflatten(theta, network.sizes, copies=network.copies, xp=xp)
    scales = _scales(theta, network, xp)
    found = members_of_layers_backward(pairs, layers, scales, network.ensemble, xp=xp)
    return [*found[: 2 * len(layers)], *left, *found[2 * len(layers) :]]


def _as_held(theta: Array, network: Network, xp: Namespace) -> list[Part]:
    """The parts without s, as theta holds them."""
    layers = unflatten(theta, network.sizes, copies=network.copies, xp=xp)
    mixes = mixes_in(theta, network, xp=xp)
    periodic = periodic_parameters(theta, network, xp=xp)
    tables = tables_in(theta, network, xp=xp)
    return [*layers, *((a,) for a in mixes), *periodic, *((E,) for E in tables)]


def _scales(theta: Array, network: Network, xp: Namespace) -> Array | None:
    """The s (k, n_0) of an ensemble."""
    if not network.scaling_layer:
        return None
    return xp.reshape(split_scaling(theta, network)[1], (network.members, network.sizes[0]))


def mixes_in(theta: Array, network: Network, *, xp: Namespace) -> list[Array]:
    """[a[1], ..., a[L-1]] of mixed activations, [] of others."""
    if not network.parametric:
        return []
    return unflatten_mixes(theta, network.sizes, copies=network.copies, xp=xp)


def periodic_parameters(theta: Array, network: Network, *, xp: Namespace) -> list[Periodic]:
    """[(w, b, V, c)] of a periodic encoding, [] where nothing of numbers is learned."""
    encoding = network.number_encoding
    if encoding is None or not encoding.hidden:
        return []
    start = parameter_count(network.sizes, network.copies) + network.mixed
    held = stacked(encoding, network.rows_copies)
    return [unflatten_periodic(theta, held, start=start, xp=xp)]


def tables_in(theta: Array, network: Network, *, xp: Namespace) -> list[Array]:
    """[E[1], ..., E[c]]."""
    return unflatten_embeddings(split_scaling(theta, network)[0], network.tables, xp=xp)


def parameter_shapes(network: Network) -> list[Shape]:
    """All that theta holds, in order."""
    shapes = weight_shapes(network.sizes, network.copies)
    copies = network.copies or (1,) * len(shapes)
    own, layers = network.rows_copies, list(enumerate(zip(shapes, copies, strict=True), start=1))
    parts = [
        part
        for layer, ((n, n_prev), c) in layers
        for part in (Shape("W", f"{layer}", (n, n_prev), c), Shape("b", f"{layer}", (n, 1), c))
    ]
    if network.parametric:
        parts += [Shape("a", f"{layer}", (n, 1), c) for layer, ((n, _), c) in layers[:-1]]
    encoding = network.number_encoding
    if encoding is not None and encoding.hidden:
        n, h, d = own * encoding.numbers, encoding.hidden, encoding.outputs
        of_letters = {"w": (n, h), "b": (n, h), "V": (n * d, h), "c": (n, d)}
        parts += [Shape(letter, "", shape, own) for letter, shape in of_letters.items()]
    parts += [Shape("E", f"{j}", (d, k), own) for j, (k, d) in enumerate(network.tables, start=1)]
    if network.scaling_layer:
        n_0, k = network.sizes[0], network.members
        parts += [Shape("s", "", (n_0, 1) if network.ensemble is None else (k, n_0), k)]
    return parts


def penalized(network: Network, *, dtype: Any, xp: Namespace) -> Array:
    """1 at the entries of theta, s left out, that penalties count, and 0 at the others.

    These are W, w, V and E; 1 / c at the entries of c copies: penalties count their mean.
    """
    parts = [weight_mask(network.sizes, copies=network.copies, dtype=dtype, xp=xp)]
    for letter, _, (rows, columns), copies in parameter_shapes(network)[
        2 * len(network.activations) :
    ]:
        if letter != "s":
            count = 1.0 / copies if letter in "wVE" else 0.0
            parts.append(xp.full((rows * columns,), count, dtype=dtype))
    return xp.concat(parts)
