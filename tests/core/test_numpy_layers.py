"""Layers in place: the bits of the formulas, and no array that was given is written to."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dnn_xp.backends.numpy.backend import numpy_backend
from dnn_xp.formulas import ACTIVATIONS, COSTS
from dnn_xp.formulas.network import Network, gradient_sums


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
    expected, Z = gradient_sums(X, Y, parameters, network, **how)
    found, found_Z = gradient_sums(X, Y, parameters, lowered, layers=layers, **how)
    assert found_Z.tobytes() == Z.tobytes()
    for one, other in zip(found, expected, strict=True):
        assert [each.tobytes() for each in one] == [each.tobytes() for each in other]


def test_an_activation_that_is_only_called_relu_is_left_alone(rng):
    mine = ACTIVATIONS["relu"]._replace(forward=lambda Z, *, xp: Z + 1.0)
    _, layers = numpy_backend().lower(None)
    A, (_, Z) = layers.linear_activation_forward(
        np.ones((1, 2)), np.ones((3, 1)), np.ones((3, 1)), mine, xp=numpy_backend().xp
    )
    assert A.tolist() == [[3.0, 3.0]] * 3
    assert Z.tolist() == [[2.0, 2.0]] * 3
