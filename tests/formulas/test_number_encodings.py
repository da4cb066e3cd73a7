"""Encodings of numbers against PyTorch's derivatives, finite differences and interpolation, on every library."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dnn_xp.formulas import (
    ACTIVATIONS,
    COSTS,
    Ensemble,
    NumberEncoding,
    Rates,
    number_rows,
    periodic_encoding,
    periodic_gradient_sums,
    piecewise_encoding,
    rate_factors,
)
from dnn_xp.formulas.embeddings import Embedding
from dnn_xp.formulas.initialization import initialize_periodic
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.number_encodings import unflatten_periodic
from dnn_xp.formulas.theta import penalized

N, H, D, B = 5, 4, 3, 37
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, B))
DP = RNG.standard_normal((N * D, B))
SHAPES = ((N, H), (N, H), (N, D, H), (N, D))
PARAMETERS = tuple(RNG.standard_normal(shape) for shape in SHAPES)


def by_torch():
    """P and the gradient of sum(P dP), of PBLD as its authors write it: examples in rows, one layer a number."""
    torch = pytest.importorskip("torch")
    w, b, V, c = (torch.tensor(each, requires_grad=True) for each in PARAMETERS)
    x = torch.tensor(X.T)
    made = [
        torch.cos(2 * math.pi * x[:, j : j + 1] * w[j] + b[j]) @ V[j].T + c[j] for j in range(N)
    ]
    P = torch.cat(made, dim=1).T
    (P * torch.tensor(DP)).sum().backward()
    return P.detach().numpy(), [each.grad.numpy() for each in (w, b, V, c)]


def test_the_periodic_encoding_and_its_gradient_are_those_of_pytorch(library):
    P, gradients = by_torch()
    given = [library.array(each) for each in (X, *PARAMETERS)]
    with library.unchanged(*given):
        found, cache = periodic_encoding(given[0], tuple(given[1:]), xp=library.xp)
        sums = periodic_gradient_sums(library.array(DP), tuple(given[1:]), cache, xp=library.xp)
    library.assert_matches(found, P, ulps=256)
    for each, wanted in zip(sums, gradients, strict=True):
        library.assert_matches(each, wanted, ulps=1024)


@pytest.mark.parametrize("which", range(4), ids=["w", "b", "V", "c"])
def test_the_derivative_is_that_of_finite_differences(which):
    def value(changed):
        parameters = [*PARAMETERS[:which], changed, *PARAMETERS[which + 1 :]]
        return float((periodic_encoding(X, tuple(parameters), xp=np)[0] * DP).sum())

    _, cache = periodic_encoding(X, PARAMETERS, xp=np)
    sums = periodic_gradient_sums(DP, PARAMETERS, cache, xp=np)[which]
    given, h = PARAMETERS[which], 1e-6
    for place in np.ndindex(given.shape):
        step = np.zeros(given.shape)
        step[place] = h
        slope = (value(given + step) - value(given - step)) / (2 * h)
        assert sums[place] == pytest.approx(slope, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("T", [1, 2, 7])
def test_the_pieces_add_up_to_the_interpolated_number_of_bins_below_x(library, T):
    """Of NumPy's own interpolation; and in each bin but one the component is 0 or 1."""
    edges = np.sort(RNG.standard_normal((N, T + 1)), axis=1)
    lows, slopes = edges[:, :-1], 1.0 / np.diff(edges, axis=1)
    given = [library.array(each) for each in (2 * X, lows, slopes)]
    found = piecewise_encoding(*given, xp=library.xp)
    expected = [
        np.clip(np.interp(x, own, np.arange(T + 1.0)) - t, 0, 1)
        for x, own in zip(2 * X, edges, strict=True)
        for t in range(T)
    ]
    library.assert_matches(found, np.stack(expected), ulps=64 * float(slopes.max()))


def test_a_bin_that_does_not_exist_has_a_component_of_0(library):
    lows, slopes = library.array([[0.0, 1.0, 1.0]]), library.array([[1.0, 0.0, 0.0]])
    found = piecewise_encoding(library.array([[-1e30, 0.25, 1e30]]), lows, slopes, xp=library.xp)
    library.assert_matches(found, [[0.0, 0.25, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def test_rows_of_numbers_are_taken_in_order(library):
    found = number_rows(library.array(X), [(0, 1), (3, 5)], xp=library.xp)
    library.assert_matches(found, X[[0, 3, 4]])


def test_counts_places_masks_and_factors():
    encoding = NumberEncoding("periodic", ((0, 2), (4, 7)), D, H)
    assert (encoding.numbers, encoding.made) == (5, 15)
    assert encoding.parameter_parts == tuple(math.prod(shape) for shape in SHAPES)
    assert NumberEncoding("piecewise", ((0, 2),), 9).parameter_count == 0
    theta = np.arange(3.0 + encoding.parameter_count)
    arrays = unflatten_periodic(theta, encoding, start=3, xp=np)
    assert [each.shape for each in arrays] == list(SHAPES)
    assert [float(each.ravel()[0]) for each in arrays] == [3.0, 23.0, 43.0, 103.0]
    network = Network(
        (1 + 2 + 1, 1),
        (ACTIVATIONS["identity"],),
        COSTS["squared_error"],
        embeddings=(Embedding(1, 1),),
        number_encoding=NumberEncoding("periodic", ((0, 1),), 2, 2),
    )
    mask = penalized(network, dtype=float, xp=np)
    assert mask.tolist() == [1] * 4 + [0] + [1, 1, 0, 0, 1, 1, 1, 1, 0, 0] + [1]
    members = network._replace(ensemble=Ensemble(2, shares_layers=False))
    mask = penalized(members, dtype=float, xp=np)
    periodic = [0.5] * 4 + [0] * 4 + [0.5] * 8 + [0] * 4
    assert mask.tolist() == [0.5] * 8 + [0] * 2 + periodic + [0.5] * 2
    factors = rate_factors(
        (4, 1), Rates(encoding=0.1, scale=6.0), encoded=2, rest=1, scaled=1, dtype=float, xp=np
    )
    assert factors.tolist() == [1.0] * 5 + [0.1, 0.1, 1.0, 6.0]


def test_initial_parameters_are_drawn_as_in_realmlp():
    w, b, V, c = initialize_periodic(200, 16, 3, frequency=0.1, rng=np.random.default_rng(0))
    assert [each.shape for each in (w, b, V, c)] == [(200, 16), (200, 16), (200, 3, 16), (200, 3)]
    assert w.std() == pytest.approx(0.1, rel=0.05)
    for each, bound in ((b, math.pi), (V, 0.25), (c, 0.25)):
        assert 0.98 * bound < np.abs(each).max() < bound
        assert each.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)
