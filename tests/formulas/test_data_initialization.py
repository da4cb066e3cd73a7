"""Initial parameters from examples, by hand and against the definition that pytabkit has, on every library."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from dnn_xp.formulas import ACTIVATIONS
from dnn_xp.formulas.data_initialization import (
    CORNERS,
    deviations,
    initialize_from_examples,
    simplex_biases,
    simplex_weights,
)

RNG = np.random.default_rng(0)
SIZES, NAMES, B = (4, 6, 5, 2), ("selu", "mish", "softmax"), 23
A = RNG.standard_normal((SIZES[0], B))
LAYERS = [
    (RNG.standard_normal((n, n_prev)), RNG.standard_normal((n, 1))) for n_prev, n in pairwise(SIZES)
]
CHOSEN = [RNG.integers(0, B, (n, CORNERS)) for n in SIZES[1:]]
EXPONENTIALS = [RNG.standard_exponential((n, CORNERS)) for n in SIZES[1:]]


def by_torch(torch, *, std, he_plus):
    """Weights and biases by RealMLP's definitions: examples in rows, W transposed, all b at first 0."""
    x, found = torch.tensor(A.T), []
    for (W, b), idxs, exponentials, name in zip(LAYERS, CHOSEN, EXPONENTIALS, NAMES, strict=True):
        weight, bias = torch.tensor(W.T), torch.tensor(b.T)
        if std:
            weight = weight / x.matmul(weight).std(dim=-2, correction=0, keepdim=True)
        z = x.matmul(weight)
        if he_plus:
            idxs, simplex = torch.tensor(idxs), torch.tensor(exponentials)
            simplex = simplex / simplex.sum(dim=1)[:, None]
            units = torch.arange(z.shape[1])
            selected = torch.stack([z[idxs[:, i], units] for i in range(CORNERS)], dim=1)
            bias = -(selected * simplex).sum(dim=1)[None, :]
        found.append((weight.T.numpy(), bias.T.numpy()))
        if name != "softmax":
            x = getattr(torch.nn.functional, name)(z + bias)
    return found


@pytest.mark.parametrize(
    ("std", "he_plus"), [(True, True), (True, False), (False, True), (False, False)]
)
def test_parameters_are_those_of_realmlp(library, torch, std, he_plus):
    if not library.float64:
        pytest.skip("float32 only")
    xp = library.xp
    layers = [tuple(library.array(each, "float64") for each in layer) for layer in LAYERS]
    corners = [
        (library.array(chosen, "int64"), simplex_weights(library.array(drawn, "float64"), xp=xp))
        for chosen, drawn in zip(CHOSEN, EXPONENTIALS, strict=True)
    ]
    given = library.array(A, "float64")
    with library.unchanged(given):
        found = initialize_from_examples(
            given,
            layers,
            [ACTIVATIONS[name] for name in NAMES],
            corners=corners if he_plus else (),
            unit_variance=std,
            xp=xp,
        )
    wanted = by_torch(torch, std=std, he_plus=he_plus)
    if he_plus:
        # The drawn b[L] is kept: that of a network of counts is the logarithm of their mean.
        wanted[-1] = wanted[-1][0], wanted[-1][1] + LAYERS[-1][1]
    for mine, theirs in zip(found, wanted, strict=True):
        for each, other in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(library.numpy(each), other, rtol=1e-11, atol=1e-13)


def test_biases_by_hand(library):
    Z = library.array([[1.0, 2.0, 4.0], [0.0, -8.0, 0.5]])
    chosen = library.array([[2, 2, 0], [1, 0, 1]], "int32")
    weights = library.array([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25]])
    found = simplex_biases(Z, chosen, weights, xp=library.xp)
    library.assert_matches(found, np.array([[-2.5], [6.0]]), ulps=0)


def test_a_unit_that_is_constant_but_for_rounding_keeps_its_weights(library):
    Z = library.array([[0.1, 0.1, 0.1], [0.0, 0.0, 0.0], [1.0, 1.0 + 2e-7, 1.0], [-1.0, 0.0, 1.0]])
    found = library.numpy(deviations(Z, xp=library.xp)).ravel()
    np.testing.assert_allclose(found, [1.0, 1.0, 1.0, np.sqrt(2 / 3)], rtol=1e-6)


def test_normalized_exponentials_are_uniform_on_the_simplex(library):
    """Each weight has the distribution Beta(1, 4): mean 1/5 and P(w > 1/2) = (1/2)^4."""
    drawn = np.random.default_rng(1).standard_exponential((20_000, CORNERS))
    weights = library.numpy(simplex_weights(library.array(drawn), xp=library.xp))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(weights.mean(axis=0), 0.2, atol=0.005)
    np.testing.assert_allclose((weights > 0.5).mean(axis=0), 1 / 16, atol=0.006)
