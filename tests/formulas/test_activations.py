from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import DIFFERENCE_TOLERANCE, central_difference

from dnn_xp.formulas import ACTIVATIONS
from dnn_xp.formulas.output_activations import log_one_plus

# The textbook definitions, good for moderate Z only.
DEFINITIONS = {
    "relu": lambda Z: np.where(Z > 0, Z, 0),
    "sigmoid": lambda Z: 1 / (1 + np.exp(-Z)),
    "tanh": lambda Z: (np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z)),
    "softmax": lambda Z: np.exp(Z) / np.exp(Z).sum(axis=0),
    "identity": lambda Z: Z,
    "leaky_relu": lambda Z: np.where(Z > 0, Z, 0.01 * Z),
    "elu": lambda Z: np.where(Z > 0, Z, np.exp(Z) - 1),
    "gelu": lambda Z: 0.5 * Z * (1 + np.tanh(np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3))),
    "silu": lambda Z: Z / (1 + np.exp(-Z)),
    "softplus": lambda Z: np.log(1 + np.exp(Z)),
    "exp": lambda Z: np.exp(Z),
    "selu": lambda Z: 1.0507009873554805 * np.where(Z > 0, Z, 1.6732632423543772 * (np.exp(Z) - 1)),
    "mish": lambda Z: Z * np.tanh(np.log(1 + np.exp(Z))),
}
NAMES = sorted(ACTIVATIONS)


@pytest.fixture(name="Z")
def moderate_z(rng):
    """Moderate values on both sides of 0, none within reach of the step of a difference."""
    Z = 2 * rng.standard_normal((3, 4))
    return np.where(np.abs(Z) < 0.01, 0.5, Z)


@pytest.fixture(name="dA")
def any_da(rng):
    return rng.standard_normal((3, 4))


def test_there_is_a_definition_of_each():
    assert set(DEFINITIONS) == set(ACTIVATIONS)
    assert all(name == activation.name for name, activation in ACTIVATIONS.items())


@pytest.mark.parametrize("name", NAMES)
def test_forward_is_the_definition(library, name, Z):
    array = library.array(Z)
    with library.unchanged(array):
        A = ACTIVATIONS[name].forward(array, xp=library.xp)
    library.assert_matches(A, DEFINITIONS[name](Z))


@pytest.mark.parametrize("name", NAMES)
def test_backward_is_the_derivative(library, name, Z, dA):
    expected = central_difference(lambda z: np.sum(dA * DEFINITIONS[name](z)), Z)
    on_host = ACTIVATIONS[name].backward(dA, Z, xp=np)
    np.testing.assert_allclose(
        on_host, expected, rtol=DIFFERENCE_TOLERANCE, atol=DIFFERENCE_TOLERANCE
    )
    arrays = library.array(dA), library.array(Z)
    with library.unchanged(*arrays):
        dZ = ACTIVATIONS[name].backward(*arrays, xp=library.xp)
    library.assert_matches(dZ, on_host)


@pytest.mark.parametrize("name", NAMES)
def test_backward_agrees_with_jax_grad_of_the_forward(jax, name, Z, dA):
    jnp = jax.numpy
    forward = ACTIVATIONS[name].forward
    expected = jax.grad(lambda z: jnp.sum(jnp.asarray(dA) * forward(z, xp=jnp)))(jnp.asarray(Z))
    dZ = ACTIVATIONS[name].backward(jnp.asarray(dA), jnp.asarray(Z), xp=jnp)
    assert dZ.dtype == jnp.float64
    np.testing.assert_allclose(dZ, expected, rtol=1e-12, atol=1e-14)


def test_agree_with_torch_functional_and_its_autograd(torch, Z, dA):
    functional = torch.nn.functional
    theirs = {
        "relu": functional.relu,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "softmax": lambda z: functional.softmax(z, dim=0),
        "identity": lambda z: z.clone(),
        "leaky_relu": functional.leaky_relu,
        "elu": functional.elu,
        "gelu": lambda z: functional.gelu(z, approximate="tanh"),
        "silu": functional.silu,
        "softplus": functional.softplus,
        "exp": torch.exp,
        "selu": functional.selu,
        "mish": functional.mish,
    }
    # At 0 the conventions of relu, leaky_relu and elu are theirs too. Beyond 20 their softplus is
    # Z itself, off by 2e-9, so such values stay out.
    Z[0, 0], Z[1, 1], Z[2, 2] = 0.0, 15.0, -30.0
    for name, activation in ACTIVATIONS.items():
        z = torch.tensor(Z, requires_grad=True)
        A = theirs[name](z)
        A.backward(torch.tensor(dA))
        np.testing.assert_allclose(
            activation.forward(Z, xp=np), A.detach(), rtol=1e-12, atol=1e-15, err_msg=name
        )
        np.testing.assert_allclose(
            activation.backward(dA, Z, xp=np), z.grad, rtol=1e-12, atol=1e-15, err_msg=name
        )


@pytest.mark.parametrize(("name", "slope"), [("relu", 0.0), ("leaky_relu", 0.01), ("elu", 1.0)])
def test_derivative_at_zero_is_the_documented_one(library, name, slope):
    for zero in (0.0, -0.0):
        dZ = ACTIVATIONS[name].backward(
            library.array([[3.0]]), library.array([[zero]]), xp=library.xp
        )
        library.assert_matches(dZ, [[3.0 * slope]])


# The limits of forward and of backward with dA = 1, at -1e4 and at 1e4.
LIMITS = {
    "relu": ((0.0, 1e4), (0.0, 1.0)),
    "sigmoid": ((0.0, 1.0), (0.0, 0.0)),
    "tanh": ((-1.0, 1.0), (0.0, 0.0)),
    "identity": ((-1e4, 1e4), (1.0, 1.0)),
    "leaky_relu": ((-1e2, 1e4), (0.01, 1.0)),
    "elu": ((-1.0, 1e4), (0.0, 1.0)),
    "gelu": ((0.0, 1e4), (0.0, 1.0)),
    "silu": ((0.0, 1e4), (0.0, 1.0)),
    "softplus": ((0.0, 1e4), (0.0, 1.0)),
    "selu": ((-1.7580993408473766, 10507.009873554805), (0.0, 1.0507009873554805)),
    "mish": ((0.0, 1e4), (0.0, 1.0)),
}


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_limits_are_reached_without_a_warning(library, name):
    far = library.array([[-1e4, 1e4]])
    A, dZ = LIMITS[name]
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        library.assert_matches(ACTIVATIONS[name].forward(far, xp=library.xp), [A])
        backward = ACTIVATIONS[name].backward(library.array([[1.0, 1.0]]), far, xp=library.xp)
    library.assert_matches(backward, [dZ])


def test_softmax_of_distant_values_without_a_warning(library):
    Z = library.array([[1e4, -1e4, 1e4], [-1e4, 1e4, 1e4]])
    dA = library.array([[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]])
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        A = ACTIVATIONS["softmax"].forward(Z, xp=library.xp)
        dZ = ACTIVATIONS["softmax"].backward(dA, Z, xp=library.xp)
    library.assert_matches(A, [[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])
    library.assert_matches(dZ, [[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]])


def test_exp_vanishes_silently_and_overflows_aloud():
    far = np.asarray([[-1e4]], dtype=np.float32)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        assert ACTIVATIONS["exp"].forward(far, xp=np) == 0.0
        with pytest.raises(FloatingPointError, match="overflow"):
            ACTIVATIONS["exp"].forward(-far, xp=np)


def test_small_probabilities_keep_their_relative_precision(library):
    Z = np.asarray([[-80.0, -30.0, -10.0]])
    A = library.numpy(ACTIVATIONS["sigmoid"].forward(library.array(Z), xp=library.xp))
    # The exponent's own rounding grows with |Z|.
    np.testing.assert_allclose(A, np.exp(Z) / (1 + np.exp(Z)), rtol=80 * np.finfo("float32").eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_one_plus_is_as_precise_as_log1p(dtype):
    e = np.concatenate([[0.0], np.geomspace(1e-30, 1.0, 1000)]).astype(dtype)[None, :]
    expected = np.log1p(e.astype(np.longdouble)).astype(dtype)
    found = log_one_plus(e, xp=np)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["elu", "selu"])
def test_small_values_of_elu_and_selu_to_an_absolute_error(name, dtype):
    Z = -np.geomspace(1e-12, 1.0, 1000)[None, :].astype(dtype)
    scale = {"elu": 1.0, "selu": 1.7580993408473766}[name]
    A = ACTIVATIONS[name].forward(Z, xp=np)
    expected = scale * np.expm1(Z.astype(np.longdouble))
    assert np.max(np.abs(A - expected)) <= 2 * scale * np.finfo(dtype).eps


@pytest.mark.parametrize("name", NAMES)
def test_nan_goes_through(library, name):
    Z = library.array([[np.nan, 1.0]])
    A = library.numpy(ACTIVATIONS[name].forward(Z, xp=library.xp))
    assert np.isnan(A).tolist() == [[True, False]]
    dZ = ACTIVATIONS[name].backward(library.array([[np.nan, 1.0]]), Z, xp=library.xp)
    assert np.isnan(library.numpy(dZ)).tolist() == [[True, False]]


def test_relu_of_infinities(library):
    A = ACTIVATIONS["relu"].forward(library.array([[-np.inf, np.inf]]), xp=library.xp)
    library.assert_matches(A, [[0.0, np.inf]])


@given(n=st.integers(1, 9), m=st.integers(1, 70), data=st.data(), seed=st.integers(0, 2**16))
def test_a_block_of_examples_is_what_it_is_within_the_batch(n, m, data, seed):
    start = data.draw(st.integers(0, m - 1))
    stop = data.draw(st.integers(start + 1, m))
    rng = np.random.default_rng(seed)
    Z, dA = 3 * rng.standard_normal((2, n, m))
    for activation in ACTIVATIONS.values():
        A, dZ = activation.forward(Z, xp=np), activation.backward(dA, Z, xp=np)
        assert A.shape == dZ.shape == (n, m)
        Z_block, dA_block = Z[:, start:stop], dA[:, start:stop]
        np.testing.assert_allclose(
            activation.forward(Z_block, xp=np), A[:, start:stop], rtol=1e-13, atol=1e-15
        )
        np.testing.assert_allclose(
            activation.backward(dA_block, Z_block, xp=np), dZ[:, start:stop], rtol=1e-13, atol=1e-15
        )


def test_elementwise_says_whether_entries_are_independent(Z):
    changed = Z.copy()
    changed[0, 0] += 1.0
    for name, activation in ACTIVATIONS.items():
        moved = activation.forward(changed, xp=np) != activation.forward(Z, xp=np)
        moved[0, 0] = False
        assert moved.any() != activation.elementwise, name
