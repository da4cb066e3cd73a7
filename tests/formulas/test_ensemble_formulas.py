"""Ensembles: members by hand, gradients by finite differences and autograd, means of outputs."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import DIFFERENCE_TOLERANCE, central_difference

from dnn_xp.formulas import (
    ACTIVATIONS,
    MEAN_OUTPUTS,
    Ensemble,
    dropout_mask,
    ensemble_backward_sums,
    ensemble_output,
    members_of_layers,
    members_of_layers_backward,
    regrouped,
)

B, K = 7, 3
SIZES = ((4, 5, 6, 3, 2), (4, 5, 2), (4, 2))
SHARED = (True, False)


def drawn(rng, sizes, ensemble, dtype="float64"):
    """(W, b) of each layer as theta holds them, s (k, n_0), and X (n_0, B)."""
    copies = ensemble.copies(len(sizes) - 1)
    layers = [
        (rng.standard_normal((c * n, n_prev)), rng.standard_normal((c * n, 1)))
        for n_prev, n, c in zip(sizes, sizes[1:], copies, strict=False)
    ]
    s, X = rng.standard_normal((ensemble.members, sizes[0])), rng.standard_normal((sizes[0], B))
    return [
        [(W.astype(dtype), b.astype(dtype)) for W, b in layers],
        s.astype(dtype),
        X.astype(dtype),
    ]


def activations(sizes):
    names = ["tanh", "gelu", "softplus"][: len(sizes) - 2]
    return [ACTIVATIONS[name] for name in (*names, "identity")]


def by_hand(layers, s, X, sizes, ensemble):
    """Z_j[L] of each member, one network after the other."""
    found = []
    for j in range(ensemble.members):
        A = X if s is None else s[j][:, None] * X
        for (W, b), n, g in zip(layers, sizes[1:], activations(sizes), strict=True):
            own = slice(None) if len(W) == n else slice(j * n, j * n + n)
            A = g.forward(W[own] @ A + b[own], xp=np)
        found.append(A)
    return found


def masks_of(sizes, keep_prob=0.6):
    indices = np.arange(B * K, dtype=np.int32)[None, :]
    return [dropout_mask(3, n, indices, keep_prob=keep_prob, xp=np) for n in sizes[1:-1]]


@pytest.mark.parametrize("shares_layers", SHARED)
@pytest.mark.parametrize("sizes", SIZES)
def test_each_member_is_the_network_that_it_is_by_itself(library, rng, sizes, shares_layers):
    ensemble = Ensemble(K, shares_layers)
    layers, s, X = drawn(rng, sizes, ensemble, "float32")
    given = [tuple(map(library.array, pair)) for pair in layers]
    for scales in (s, None):
        here = None if scales is None else library.array(scales)
        with library.unchanged(*(each for pair in given for each in pair)):
            parameters = members_of_layers(given, here, ensemble, xp=library.xp)
            Z, _ = ensemble_output(
                [library.array(X)] * K, parameters, activations(sizes), xp=library.xp
            )
        for got, wanted in zip(Z, by_hand(layers, scales, X, sizes, ensemble), strict=True):
            library.assert_matches(got, wanted, ulps=200)


def total(theta, layers, s, X, sizes, ensemble, masks, dZ):
    """The sum of dZ * Z over members, at theta: a function with the derivative dZ of Z."""
    parts, start = [], 0
    for each in [*(each for pair in layers for each in pair), *([] if s is None else [s])]:
        parts.append(theta[start : start + each.size].reshape(each.shape))
        start += each.size
    s = None if s is None else parts.pop()
    layers = list(zip(parts[::2], parts[1::2], strict=True))
    parameters = members_of_layers(layers, s, ensemble, xp=np)
    Z, caches = ensemble_output(
        [X] * K, parameters, activations(sizes), masks=masks, keep_probs=[0.6] * 3, xp=np
    )
    value = sum(float((d * z).sum()) for d, z in zip(dZ, Z, strict=True))
    return value, caches, layers, s


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("shares_layers", SHARED)
@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_are_those_of_finite_differences(rng, sizes, shares_layers, dropped, scaled):
    ensemble = Ensemble(K, shares_layers)
    layers, s, X = drawn(rng, sizes, ensemble)
    s = s if scaled else None
    dZ = list(rng.standard_normal((K, sizes[-1], B)))
    masks = masks_of(sizes) if dropped else ()
    how = (layers, s, X, sizes, ensemble, masks, dZ)
    arrays = [*(each for pair in layers for each in pair), *([s] if scaled else [])]
    theta = np.concatenate([each.ravel() for each in arrays])
    _, caches, *at = total(theta, *how)
    sums, *_ = ensemble_backward_sums(
        dZ, caches, activations(sizes), masks=masks, keep_probs=[0.6] * 3, xp=np
    )
    found = members_of_layers_backward(sums, *at, ensemble, xp=np)
    assert [each.shape for each in found] == [each.shape for each in arrays]
    actual = np.concatenate([each.ravel() for each in found])
    expected = central_difference(lambda t: total(t, *how)[0], theta)
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=50 * DIFFERENCE_TOLERANCE)


@pytest.mark.parametrize("shares_layers", SHARED)
def test_gradients_are_the_same_on_every_library(library, rng, shares_layers):
    ensemble, sizes = Ensemble(K, shares_layers), SIZES[0]
    layers, s, X = drawn(rng, sizes, ensemble, "float32")
    dZ = rng.standard_normal((K, sizes[-1], B)).astype("float32")

    def gradients(array, xp):
        given = [tuple(map(array, pair)) for pair in layers]
        parameters = members_of_layers(given, array(s), ensemble, xp=xp)
        masks = [array(each, "bool") for each in masks_of(sizes)]
        how = {"masks": masks, "keep_probs": [0.6] * 3, "xp": xp}
        _, caches = ensemble_output([array(X)] * K, parameters, activations(sizes), **how)
        sums, *_ = ensemble_backward_sums(list(map(array, dZ)), caches, activations(sizes), **how)
        return members_of_layers_backward(sums, given, array(s), ensemble, xp=xp)

    on_host = gradients(lambda values, dtype="float32": np.asarray(values, dtype), np)
    for got, wanted in zip(gradients(library.array, library.xp), on_host, strict=True):
        library.assert_matches(got, wanted, ulps=2000)


def test_regrouping_there_and_back(library, rng):
    arrays = [library.array(each) for each in rng.standard_normal((K, 2, B))]
    (together,) = regrouped(arrays, 1, xp=library.xp)
    assert tuple(together.shape) == (2, K * B)
    for got, wanted in zip(regrouped([together], K, xp=library.xp), arrays, strict=True):
        library.assert_matches(got, library.numpy(wanted))


@pytest.mark.parametrize("name", MEAN_OUTPUTS)
def test_the_activation_of_the_mean_output_is_the_mean_activation(library, rng, name):
    Z = (3 * rng.standard_normal((K, 4, B))).astype("float32")
    g = ACTIVATIONS[name].forward
    expected = np.mean([g(each.astype("float64"), xp=np) for each in Z], axis=0)
    got = MEAN_OUTPUTS[name](library.array(Z), xp=library.xp)
    library.assert_matches(g(got, xp=library.xp), expected.astype("float32"), ulps=64)


@pytest.mark.parametrize("name", MEAN_OUTPUTS)
def test_the_mean_output_of_equal_members_is_theirs_however_large(name):
    far = np.asarray([[-900.0, -40.0, 0.0, 40.0, 900.0]] * 2)
    far[1] = 0.0
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        got = MEAN_OUTPUTS[name](np.stack([far] * K), xp=np)
    if name == "softmax":  # a logarithm of probabilities, equal up to a number for each example
        got, far = got - got[1], far - far[1]
    np.testing.assert_allclose(got, far, rtol=1e-12, atol=1e-12)
