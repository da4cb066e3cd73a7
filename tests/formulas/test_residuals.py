"""Residuals: the backward from what the forward kept is the backward from Z."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import DIFFERENCE_TOLERANCE, central_difference

from dnn_xp.formulas.activations import ACTIVATIONS, residual_of

NAMES = sorted(ACTIVATIONS)
# Those whose residual is not Z: a change of this list is a change of speed.
SHARE = {"relu", "leaky_relu", "tanh", "elu", "selu", "gelu", "silu", "mish"}


@pytest.fixture(name="Z")
def moderate_z(rng):
    Z = 2 * rng.standard_normal((3, 4))
    return np.where(np.abs(Z) < 0.01, 0.5, Z)


def test_which_keep_something_else_than_z(Z):
    kept = {name: residual_of(g).forward(Z, xp=np)[1] for name, g in ACTIVATIONS.items()}
    assert {name for name, R in kept.items() if R is not Z} == SHARE


@pytest.mark.parametrize("name", NAMES)
def test_the_output_has_the_bits_of_the_forward(library, name, Z):
    array = library.array(Z)
    with library.unchanged(array):
        A, R = residual_of(ACTIVATIONS[name]).forward(array, xp=library.xp)
    expected = library.numpy(ACTIVATIONS[name].forward(array, xp=library.xp))
    assert library.numpy(A).tobytes() == expected.tobytes()
    library.assert_matches(R, library.numpy(R))


@pytest.mark.parametrize("name", NAMES)
def test_the_backward_is_the_derivative(library, rng, name, Z):
    activation, residual = ACTIVATIONS[name], residual_of(ACTIVATIONS[name])
    dA = rng.standard_normal(Z.shape)
    expected = central_difference(lambda z: np.sum(dA * activation.forward(z, xp=np)), Z)
    _, R = residual.forward(Z, xp=np)
    on_host = residual.backward(dA, R, xp=np)
    np.testing.assert_allclose(
        on_host, expected, rtol=DIFFERENCE_TOLERANCE, atol=DIFFERENCE_TOLERANCE
    )
    _, R = residual.forward(library.array(Z), xp=library.xp)
    given = library.array(dA)
    with library.unchanged(given, R):
        dZ = residual.backward(given, R, xp=library.xp)
    library.assert_matches(dZ, on_host)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_the_backward_of_z_at_0_and_far_from_it(name, dtype):
    Z = np.asarray([[0.0, -0.0, 1e-3, -1e-3, -1e4, 1e4, -15.0, 15.0, np.nan]], dtype=dtype)
    Z = Z[:, :5] if name == "exp" else Z
    activation, residual = ACTIVATIONS[name], residual_of(ACTIVATIONS[name])
    dA = np.ones_like(Z)
    with np.errstate(over="raise", divide="raise"):
        dZ = residual.backward(dA, residual.forward(Z, xp=np)[1], xp=np)
    expected = activation.backward(dA, Z, xp=np)
    assert dZ.dtype == Z.dtype
    np.testing.assert_allclose(dZ, expected, rtol=1e-5, atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("of", ["forward", "backward"])
def test_a_function_of_the_users_is_not_passed_over(Z, of):
    def mine(*arrays, xp):
        return 3.0 * arrays[0]

    class Unhashable:
        __hash__ = None

        def __call__(self, *arrays, xp):
            return mine(*arrays, xp=xp)

    for function in (mine, Unhashable()):
        residual = residual_of(ACTIVATIONS["selu"]._replace(**{of: function}))
        A, R = residual.forward(Z, xp=np)
        found = A if of == "forward" else residual.backward(Z, R, xp=np)
        np.testing.assert_array_equal(found, 3.0 * Z)
