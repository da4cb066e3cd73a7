from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnn_xp.formulas import (
    ACTIVATIONS,
    COSTS,
    linear_activation_backward,
    linear_activation_forward,
    linear_backward,
    linear_forward,
    linear_gradients,
    weighted_sum,
)


@pytest.fixture
def arrays(rng):
    """A_prev (4, 5), W (3, 4), b (3, 1) and dA (3, 5)."""
    return tuple(rng.standard_normal(shape) for shape in ((4, 5), (3, 4), (3, 1), (3, 5)))


def test_forward_by_hand(library):
    A_prev = library.array([[1.0, 2.0], [3.0, 4.0]])
    W, b = library.array([[1.0, -1.0], [0.0, 2.0], [1.0, 1.0]]), library.array([[1.0], [0.0], [-1]])
    with library.unchanged(A_prev, W, b):
        Z, cache = linear_forward(A_prev, W, b, xp=library.xp)
    library.assert_matches(Z, [[-1.0, -1.0], [6.0, 8.0], [3.0, 5.0]])
    assert all(kept is given for kept, given in zip(cache, (A_prev, W, b), strict=True))
    A, (linear_cache, cached_z) = linear_activation_forward(
        A_prev, W, b, ACTIVATIONS["relu"], xp=library.xp
    )
    library.assert_matches(A, [[0.0, 0.0], [6.0, 8.0], [3.0, 5.0]])
    library.assert_matches(cached_z, [[-1.0, -1.0], [6.0, 8.0], [3.0, 5.0]])
    assert linear_cache[1] is W


def test_backward_by_sums_over_indices(library, arrays):
    """dW, db and dA_prev as sums written out, with m of a batch of which this is a block."""
    A_prev, W, b, dZ = arrays
    m = 20
    dW = np.zeros((3, 4))
    db = np.zeros((3, 1))
    dA_prev = np.zeros((4, 5))
    for k in range(5):
        for i in range(3):
            db[i, 0] += dZ[i, k] / m
            for j in range(4):
                dW[i, j] += dZ[i, k] * A_prev[j, k] / m
                dA_prev[j, k] += W[i, j] * dZ[i, k]
    given = [library.array(array) for array in (A_prev, W, b, dZ)]
    with library.unchanged(*given):
        results = linear_backward(given[3], tuple(given[:3]), m=m, xp=library.xp)
    for actual, expected in zip(results, (dA_prev, dW, db), strict=True):
        library.assert_matches(actual, expected)
    dW_alone, db_alone = linear_gradients(given[3], given[0], m=m, xp=library.xp)
    library.assert_matches(dW_alone, dW)
    library.assert_matches(db_alone, db)


def test_backward_takes_any_cache(library, arrays):
    """A cache made by hand, whose Z is not W A_prev + b."""
    A_prev, W, b, dA = arrays
    Z = np.where(np.arange(15).reshape(3, 5) % 2, 1.0, -1.0)
    dZ = np.where(Z > 0, dA, 0.0)
    cache = (tuple(library.array(array) for array in (A_prev, W, b)), library.array(Z))
    results = linear_activation_backward(
        library.array(dA), cache, ACTIVATIONS["relu"], m=5, xp=library.xp
    )
    expected = W.T @ dZ, dZ @ A_prev.T / 5, dZ.mean(axis=1, keepdims=True)
    for actual, wanted in zip(results, expected, strict=True):
        library.assert_matches(actual, wanted)


def test_the_course_formulas_of_two_layers():
    """dW = (1/m) dZ A^T and dZ1 = W2^T dZ2 * g'(Z1), in numbers worked out by hand.

    m = 2 differs from n = 1, so 1/n in the place of 1/m shows. W2 is not symmetric and n_1 = 2
    differs from n_2 = 1, so a lost transpose shows.
    """
    X, Y = np.asarray([[1.0, 2.0]]), np.asarray([[1.0, 0.0]])
    W1, b1 = np.asarray([[1.0], [-1.0]]), np.asarray([[0.0], [1.5]])
    W2, b2 = np.asarray([[2.0, 4.0]]), np.asarray([[-4.0]])
    relu, sigmoid = ACTIVATIONS["relu"], ACTIVATIONS["sigmoid"]
    A1, cache1 = linear_activation_forward(X, W1, b1, relu, xp=np)  # [[1, 2], [0.5, 0]]
    A2, cache2 = linear_activation_forward(A1, W2, b2, sigmoid, xp=np)  # Z2 = [[0, 0]]
    np.testing.assert_array_equal(A2, [[0.5, 0.5]])
    dZ2 = COSTS["binary_cross_entropy"].derivative(cache2[1], Y, xp=np)
    np.testing.assert_array_equal(dZ2, [[-0.5, 0.5]])
    dA1, dW2, db2 = linear_backward(dZ2, cache2[0], m=2, xp=np)
    np.testing.assert_array_equal(dW2, [[0.25, -0.125]])
    np.testing.assert_array_equal(db2, [[0.0]])
    np.testing.assert_array_equal(dA1, [[-1.0, 1.0], [-2.0, 2.0]])
    dX, dW1, db1 = linear_activation_backward(dA1, cache1, relu, m=2, xp=np)
    # dZ1 = [[-1, 1], [-2, 0]], since Z1 = [[1, 2], [0.5, -0.5]].
    np.testing.assert_array_equal(dW1, [[0.5], [-1.0]])
    np.testing.assert_array_equal(db1, [[0.0], [-1.0]])
    np.testing.assert_array_equal(dX, [[1.0, 1.0]])


@pytest.mark.parametrize("hidden", ["tanh", "gelu"])
def test_two_layers_agree_with_jax_grad(jax, rng, hidden):
    jnp = jax.numpy
    X = jnp.asarray(rng.standard_normal((4, 6)))
    Y = jnp.asarray(rng.dirichlet(np.ones(3), size=6).T)
    shapes = ((5, 4), (5, 1), (3, 5), (3, 1))
    parameters = [jnp.asarray(rng.standard_normal(shape)) for shape in shapes]
    g, cost = ACTIVATIONS[hidden], COSTS["softmax_cross_entropy"]

    def caches(parameters):
        W1, b1, W2, b2 = parameters
        A1, cache1 = linear_activation_forward(X, W1, b1, g, xp=jnp)
        Z2, linear_cache2 = linear_forward(A1, W2, b2, xp=jnp)
        return cache1, linear_cache2, Z2

    def cost_of(parameters):
        return weighted_sum(cost.loss(caches(parameters)[2], Y, xp=jnp), None, m=6, xp=jnp)

    cache1, linear_cache2, Z2 = caches(parameters)
    dA1, dW2, db2 = linear_backward(cost.derivative(Z2, Y, xp=jnp), linear_cache2, m=6, xp=jnp)
    _, dW1, db1 = linear_activation_backward(dA1, cache1, g, m=6, xp=jnp)
    for actual, expected in zip((dW1, db1, dW2, db2), jax.grad(cost_of)(parameters), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-14)


@given(
    sizes=st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(2, 40)),
    data=st.data(),
    seed=st.integers(0, 2**16),
)
def test_gradients_of_blocks_add_up(sizes, data, seed):
    n, n_prev, m = sizes
    cut = data.draw(st.integers(1, m - 1))
    rng = np.random.default_rng(seed)
    A_prev, dZ = rng.standard_normal((n_prev, m)), rng.standard_normal((n, m))
    W, b = rng.standard_normal((n, n_prev)), rng.standard_normal((n, 1))
    whole, left, right = (
        linear_backward(dZ[:, s], (A_prev[:, s], W, b), m=m, xp=np)
        for s in (slice(None), slice(cut), slice(cut, None))
    )
    np.testing.assert_allclose(np.hstack((left[0], right[0])), whole[0], rtol=1e-12, atol=1e-13)
    for part in (1, 2):
        np.testing.assert_allclose(left[part] + right[part], whole[part], rtol=1e-12, atol=1e-13)
