"""Layers in place: the bits of the formulas, and no array that was given is written to."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.formulas import ACTIVATIONS, COSTS
from dnn_xp.formulas.activations import residual_of
from dnn_xp.formulas.layers import Layers, linear_derivative
from dnn_xp.formulas.network import Network, gradient_sums


def forward_with_residual(A_prev, W, b, activation, *, xp):
    """The formulas as written, with the residual in place of Z."""
    A, R = residual_of(activation).forward(xp.matmul(W, A_prev) + b, xp=xp)
    return A, ((A_prev, W, b), R)


def derivative_of_residual(dA, R, activation, *, xp):
    return residual_of(activation).backward(dA, R, xp=xp)


def derivative_through_layer(dZ, W, R, activation, *, xp):
    return derivative_of_residual(linear_derivative(dZ, W, xp=xp), R, activation, xp=xp)


WITH_RESIDUALS = Layers(
    linear_activation_forward=forward_with_residual,
    linear_activation_derivative=derivative_through_layer,
    activation_derivative=derivative_of_residual,
)


@pytest.mark.parametrize("hidden", sorted(set(ACTIVATIONS) - {"exp"}))
@pytest.mark.parametrize("m", [3, 700, 9000])  # the last one larger than a core's caches
@pytest.mark.parametrize("drops", [False, True])
def test_the_bits_of_the_formulas(rng, hidden, m, drops):
    backend = numpy_backend()
    sizes = (5, 20, 16, 1)
    names = (hidden, hidden, "sigmoid")
    keep_probs = (0.5, 0.5) if drops else ()
    network = Network(
        sizes,
        tuple(ACTIVATIONS[name] for name in names),
        COSTS["binary_cross_entropy"],
        keep_probs,
    )
    parameters = [
        (rng.standard_normal((n, p)), rng.standard_normal((n, 1)))
        for p, n in itertools.pairwise(sizes)
    ]
    X, Y = rng.standard_normal((5, m)), (rng.random((1, m)) < 0.5).astype(float)
    masks = [rng.random((n, m)) < 0.5 for n in sizes[1:-1]] if drops else ()
    for array in (X, Y, *(array for pair in parameters for array in pair)):
        array.flags.writeable = False
    lowered, layers = backend.lower(network)
    how = {"masks": masks, "xp": backend.xp}
    expected, Z = gradient_sums(X, Y, parameters, network, layers=WITH_RESIDUALS, **how)
    from_Z, _ = gradient_sums(X, Y, parameters, network, **how)
    found, found_Z = gradient_sums(X, Y, parameters, lowered, layers=layers, **how)
    assert found_Z.tobytes() == Z.tobytes()
    for one, other in zip(found, expected, strict=True):
        assert [each.tobytes() for each in one] == [each.tobytes() for each in other]
    for one, other in zip(found, from_Z, strict=True):
        for ours, theirs in zip(one, other, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12 * m)


def test_an_activation_that_is_only_called_relu_is_left_alone(rng):
    mine = ACTIVATIONS["relu"]._replace(forward=lambda Z, *, xp: Z + 1.0)
    _, layers = numpy_backend().lower(None)
    A, (_, Z) = layers.linear_activation_forward(
        np.ones((1, 2)), np.ones((3, 1)), np.ones((3, 1)), mine, xp=numpy_backend().xp
    )
    assert A.tolist() == [[3.0, 3.0]] * 3
    assert Z.tolist() == [[2.0, 2.0]] * 3
