from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import DIFFERENCE_TOLERANCE, central_difference

from dnn_xp.formulas import ACTIVATIONS, COSTS, weighted_sum

NAMES = sorted(COSTS)


def _softmax(Z):
    return np.exp(Z) / np.exp(Z).sum(axis=0)


def _binary_cross_entropy(Z, Y):
    A = 1 / (1 + np.exp(-Z))
    return -(Y * np.log(A) + (1 - Y) * np.log(1 - A))


# The textbook losses of each example, through the output activation; good for moderate Z only.
DEFINITIONS = {
    "binary_cross_entropy": lambda Z, Y: _binary_cross_entropy(Z, Y).sum(axis=0),
    "softmax_cross_entropy": lambda Z, Y: -(Y * np.log(_softmax(Z))).sum(axis=0),
    "squared_error": lambda Z, Y: ((Z - Y) ** 2 / 2).sum(axis=0),
    "huber": lambda Z, Y: np.where(np.abs(Z - Y) <= 1, (Z - Y) ** 2 / 2, np.abs(Z - Y) - 0.5).sum(
        axis=0
    ),
    "poisson": lambda Z, Y: (np.exp(Z) - Y * Z).sum(axis=0),
}


@pytest.fixture(name="Z")
def moderate_z(rng):
    return 2 * rng.standard_normal((3, 5))


@pytest.fixture(name="Y")
def distributions(rng):
    """Columns that are distributions, which every cost can take."""
    return rng.dirichlet(np.ones(3), size=5).T


def test_there_is_a_definition_of_each():
    assert set(DEFINITIONS) == set(COSTS)
    assert all(name == cost.name for name, cost in COSTS.items())


@pytest.mark.parametrize("name", NAMES)
def test_loss_is_the_definition(library, name, Z, Y):
    arrays = library.array(Z), library.array(Y)
    with library.unchanged(*arrays):
        losses = COSTS[name].loss(*arrays, xp=library.xp)
    assert losses.shape in ((3, 5), (1, 5))
    library.assert_matches(library.xp.sum(losses, axis=0), DEFINITIONS[name](Z, Y))


@pytest.mark.parametrize("name", NAMES)
def test_derivative_is_that_of_the_definition(library, name, Z, Y):
    expected = central_difference(lambda z: DEFINITIONS[name](z, Y).sum(), Z)
    on_host = COSTS[name].derivative(Z, Y, xp=np)
    scale = np.abs(DEFINITIONS[name](Z, Y)).max()
    np.testing.assert_allclose(on_host, expected, rtol=0, atol=DIFFERENCE_TOLERANCE * scale)
    arrays = library.array(Z), library.array(Y)
    with library.unchanged(*arrays):
        dZ = COSTS[name].derivative(*arrays, xp=library.xp)
    library.assert_matches(dZ, on_host)


def test_agree_with_torch_functional_and_its_autograd(torch, Z, Y):
    functional = torch.nn.functional
    theirs = {
        "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
        "softmax_cross_entropy": lambda z, y, reduction: functional.cross_entropy(
            z.T, y.T, reduction=reduction
        ),
        "squared_error": lambda z, y, reduction: functional.mse_loss(z, y, reduction=reduction) / 2,
        "huber": functional.huber_loss,
        "poisson": functional.poisson_nll_loss,
    }
    Z[:, 0] = [-500.0, 0.0, 500.0]
    for name, cost in COSTS.items():
        scores = Z[:, 1:] if name == "poisson" else Z
        targets = Y[:, 1:] if name == "poisson" else Y
        z = torch.tensor(scores, requires_grad=True)
        total = theirs[name](z, torch.tensor(targets), reduction="sum")
        total.backward()
        np.testing.assert_allclose(
            cost.loss(scores, targets, xp=np).sum(), total.item(), rtol=1e-12, err_msg=name
        )
        np.testing.assert_allclose(
            cost.derivative(scores, targets, xp=np), z.grad, rtol=1e-11, atol=1e-14, err_msg=name
        )


@pytest.mark.parametrize("name", NAMES)
def test_derivative_agrees_with_jax_grad_of_the_loss(jax, name, Z, Y):
    jnp = jax.numpy
    z, y = jnp.asarray(Z), jnp.asarray(Y)
    expected = jax.grad(lambda z: jnp.sum(COSTS[name].loss(z, y, xp=jnp)))(z)
    dZ = COSTS[name].derivative(z, y, xp=jnp)
    np.testing.assert_allclose(dZ, expected, rtol=1e-12, atol=1e-14)


def test_dz_is_a_minus_y_with_the_canonical_activation(Z, Y):
    for name in ("binary_cross_entropy", "softmax_cross_entropy", "squared_error", "poisson"):
        cost = COSTS[name]
        A = ACTIVATIONS[cost.activation].forward(Z, xp=np)
        np.testing.assert_allclose(cost.derivative(Z, Y, xp=np), A - Y, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("cost", [cost for cost in COSTS.values() if cost.any_activation])
def test_any_activation_chains_through_its_backward(cost, Z, Y):
    """Where it is allowed, the loss of A = g(Z) has the derivative g.backward(derivative(A))."""
    g = ACTIVATIONS["sigmoid"]
    expected = central_difference(lambda z: cost.loss(g.forward(z, xp=np), Y, xp=np).sum(), Z)
    dA = cost.derivative(g.forward(Z, xp=np), Y, xp=np)
    np.testing.assert_allclose(
        g.backward(dA, Z, xp=np), expected, rtol=0, atol=DIFFERENCE_TOLERANCE
    )


def test_any_activation_is_for_losses_that_compare_with_y_directly():
    assert {name for name, cost in COSTS.items() if cost.any_activation} == {
        "squared_error",
        "huber",
    }


# Z, Y, loss, derivative where probabilities round to 0 and 1.
FAR = {
    "binary_cross_entropy": (
        [[1e4, 1e4, -1e4, -1e4]],
        [[1.0, 0.0, 1.0, 0.0]],
        [[0.0, 1e4, 1e4, 0.0]],
        [[0.0, 1.0, -1.0, 0.0]],
    ),
    "softmax_cross_entropy": (
        [[1e4, 1e4], [-1e4, -1e4]],
        [[1.0, 0.0], [0.0, 1.0]],
        [[0.0, 2e4]],
        [[0.0, 1.0], [0.0, -1.0]],
    ),
    "squared_error": ([[1e4, -1e4]], [[0.0, 0.0]], [[5e7, 5e7]], [[1e4, -1e4]]),
    "huber": ([[1e4, -1e4]], [[0.0, 0.0]], [[9999.5, 9999.5]], [[1.0, -1.0]]),
    "poisson": ([[-1e4]], [[2.0]], [[2e4]], [[-2.0]]),
}


@pytest.mark.parametrize("name", NAMES)
def test_far_values_are_exact_without_a_warning(library, name):
    Z, Y, losses, dZ = FAR[name]
    arrays = library.array(Z), library.array(Y)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        library.assert_matches(COSTS[name].loss(*arrays, xp=library.xp), losses, ulps=1)
        library.assert_matches(COSTS[name].derivative(*arrays, xp=library.xp), dZ, ulps=1)


def test_small_losses_are_not_lost_to_rounding():
    """With probabilities, float32 gives log(1) = 0 here."""
    Z, Y = np.asarray([[30.0]], np.float32), np.ones((1, 1), np.float32)
    np.testing.assert_allclose(
        COSTS["binary_cross_entropy"].loss(Z, Y, xp=np), [[np.exp(-30.0)]], rtol=1e-5
    )


@pytest.mark.parametrize("name", NAMES)
def test_nan_goes_through(name):
    Z, Y = np.asarray([[np.nan, 1.0]]), np.asarray([[1.0, 1.0]])
    assert np.isnan(COSTS[name].loss(Z, Y, xp=np)).tolist() == [[True, False]]
    assert np.isnan(COSTS[name].derivative(Z, Y, xp=np)).tolist() == [[True, False]]


def test_weighted_sum(library):
    losses, weights = library.array([[1.0, 2.0], [3.0, 4.0]]), library.array([[0.5, 1.5]])
    library.assert_matches(weighted_sum(losses, None, m=4, xp=library.xp), np.asarray(2.5))
    library.assert_matches(weighted_sum(losses, weights, m=2, xp=library.xp), np.asarray(5.5))


@given(m=st.integers(2, 60), data=st.data(), seed=st.integers(0, 2**16))
def test_shares_of_blocks_add_up_to_the_cost(m, data, seed):
    cut = data.draw(st.integers(1, m - 1))
    rng = np.random.default_rng(seed)
    Z, Y = rng.standard_normal((3, m)), rng.dirichlet(np.ones(3), size=m).T
    weights = rng.random((1, m))
    for cost in COSTS.values():
        whole, left, right = (
            weighted_sum(cost.loss(Z[:, s], Y[:, s], xp=np), weights[:, s], m=m, xp=np)
            for s in (slice(None), slice(cut), slice(cut, None))
        )
        np.testing.assert_allclose(left + right, whole, rtol=1e-12, err_msg=cost.name)
