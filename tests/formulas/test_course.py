"""dnn_xp.course: names, dicts, dropout, dA and inferred namespaces, against formulas and oracles."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from oracles import DIFFERENCE_TOLERANCE, central_difference

from dnn_xp.course import (
    backward,
    compare_gradient,
    compute_cost,
    cost_derivative,
    forward,
    layers_from_dict,
    layers_to_dict,
    mini_batches,
)
from dnn_xp.formulas import ACTIVATIONS, COSTS, Activation, Cost, initialize
from dnn_xp.formulas import network as formulas

SIZES, NAMES, M = (4, 5, 3, 2), ["tanh", "relu", "sigmoid"], 7


@pytest.fixture
def case(rng):
    """X, Y and [(W, b), ...] of SIZES, b not 0."""
    layers = [(W, rng.standard_normal(b.shape)) for W, b in initialize(SIZES, NAMES, rng=rng)]
    return rng.standard_normal((SIZES[0], M)), rng.integers(0, 2, (SIZES[-1], M)), layers


def masks_for(rng, keep_prob=0.6):
    return [rng.random((n, M)) < keep_prob for n in SIZES[1:-1]]


# Every library, every form of the arguments


def test_forward_and_backward_infer_the_namespace(library, case):
    X, Y, layers = case
    given = [(library.array(W), library.array(b)) for W, b in layers]
    A, caches = forward(library.array(X), given, NAMES)
    expected, expected_caches = forward(X, layers, NAMES)
    library.assert_matches(A, expected)
    targets = library.array(Y.astype(np.float64))
    dA = cost_derivative(A, targets, of="A")
    found = backward(dA, caches, NAMES, of="A")
    by_hand = expected - Y
    for actual, wanted in zip(found, backward(by_hand, expected_caches, NAMES), strict=True):
        for array, other in zip(actual, wanted, strict=True):
            library.assert_matches(array, other)
    J = compute_cost(A, targets, of="A")
    loss = -Y * np.log(expected) - (1 - Y) * np.log(1 - expected)
    library.assert_matches(J, loss.sum() / M)


def test_names_records_and_dicts_give_the_same_bits(case):
    X, _, layers = case
    records = [ACTIVATIONS[name] for name in NAMES]
    A, caches = formulas.forward(X, layers, records, xp=np)
    for parameters in (layers, layers_to_dict(layers)):
        for activations in (NAMES, records):
            for more in ({}, {"xp": np}):
                other, _ = forward(X, parameters, activations, **more)
                np.testing.assert_array_equal(other, A)
    assert caches[0][0][0] is X


def test_integers_are_taken_as_floats(library, case):
    _, _, layers = case
    X = np.arange(SIZES[0] * M).reshape(SIZES[0], M)
    given = [(library.array(W), library.array(b)) for W, b in layers]
    A, _ = forward(library.xp.astype(library.array(X * 1.0), library.xp.int32), given, NAMES)
    expected, _ = forward(X.astype(np.float64), layers, NAMES)
    library.assert_matches(A, expected)


# Backward


@pytest.mark.parametrize("dropout", [False, True])
def test_both_backwards_are_the_same_recurrence(case, rng, dropout):
    """The engine's sums and the course's loop, bit for bit; dA by the equation."""
    X, Y, layers = case
    how = {"masks": masks_for(rng), "keep_prob": 0.6} if dropout else {}
    A, caches = forward(X, layers, NAMES, **how)
    gradients = backward(A - Y, caches, NAMES, **how)
    others, dA = backward(A - Y, caches, NAMES, return_dA=True, **how)
    for one, other in zip(gradients, others, strict=True):
        for array, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, same)
    assert [each.shape for each in dA] == [(n, M) for n in SIZES[:-1]]
    (W3, _) = layers[2]
    factor = how["masks"][1] / 0.6 if dropout else 1.0
    np.testing.assert_allclose(dA[2], (W3.T @ (A - Y)) * factor, rtol=1e-14)


def test_gradient_and_derivatives_with_dropout_are_central_differences(case, rng):
    X, Y, layers = case
    how = {"masks": masks_for(rng), "keep_prob": [0.6, 0.9]}
    A, caches = forward(X, layers, NAMES, **how)
    gradients, dA = backward(A - Y, caches, NAMES, return_dA=True, **how)

    def cost_of(X, layers):
        _, caches = forward(X, layers, NAMES, **how)
        return float(compute_cost(caches[-1][1], Y, of="Z"))

    # dA[0] is the derivative of each example's loss, J has 1/m.
    numeric = central_difference(lambda at: cost_of(at, layers), X) * M
    np.testing.assert_allclose(dA[0], numeric, atol=DIFFERENCE_TOLERANCE * M)
    W2, b2 = layers[1]
    numeric = central_difference(lambda W: cost_of(X, [layers[0], (W, b2), layers[2]]), W2)
    np.testing.assert_allclose(gradients[1][0], numeric, atol=DIFFERENCE_TOLERANCE)


def test_gradients_agree_with_jax_grad(jax, case, rng):
    """jax.grad and jax.jit pass through forward and compute_cost as well."""
    X, Y, layers = (jax.tree.map(jax.numpy.asarray, each) for each in case)
    masks = [jax.numpy.asarray(mask) for mask in masks_for(rng)]
    how = {"masks": masks, "keep_prob": 0.6}

    def cost_of(layers):
        return compute_cost(forward(X, layers, NAMES, **how)[0], Y, of="A")

    A, caches = forward(X, layers, NAMES, **how)
    gradients = backward(cost_derivative(A, Y, of="A"), caches, NAMES, of="A", **how)
    for pair, expected in zip(gradients, jax.jit(jax.grad(cost_of))(layers), strict=True):
        for array, other in zip(pair, expected, strict=True):
            np.testing.assert_allclose(array, other, rtol=1e-11, atol=1e-14)


def test_m_of_the_whole_batch_makes_blocks_add_up(case):
    X, Y, layers = case

    def gradients(part):
        A, caches = forward(X[:, part], layers, NAMES)
        return backward(A - Y[:, part], caches, NAMES, m=M)

    whole, left, right = (gradients(s) for s in (slice(None), slice(3), slice(3, None)))
    for W, A, B in zip(whole, left, right, strict=True):
        for w, a, b in zip(W, A, B, strict=True):
            np.testing.assert_allclose(w, a + b, rtol=1e-13, atol=1e-15)


def test_a_layer_without_mask(case, rng):
    X, _, layers = case
    masks = [None, masks_for(rng)[1]]
    A, _ = forward(X, layers, NAMES, masks=masks, keep_prob=[1.0, 0.5])
    ones = [np.ones((5, M)), masks[1]]
    np.testing.assert_array_equal(A, forward(X, layers, NAMES, masks=ones, keep_prob=[1.0, 0.5])[0])


# Costs from A[L]


def outputs_and_targets(cost, rng):
    Z = rng.standard_normal((3, 6))
    if cost.activation == "softmax":
        Y = np.eye(3)[:, rng.integers(0, 3, 6)]
    elif cost.name == "poisson":
        Y = rng.integers(0, 4, (3, 6)).astype(np.float64)
    else:
        Y = rng.integers(0, 2, (3, 6)).astype(np.float64)
    return Z, Y


@pytest.mark.parametrize("name", sorted(COSTS))
def test_costs_from_a_and_from_z_agree(library, rng, name):
    """The same J, and dA[L] through g'[L] is dZ[L]."""
    cost = COSTS[name]
    Z, Y = outputs_and_targets(cost, rng)
    g = ACTIVATIONS[cost.activation]
    given, targets = library.array(Z), library.array(Y)
    A = g.forward(given, xp=library.xp)
    with library.unchanged(A, targets):
        J, dA = compute_cost(A, targets, name, of="A"), cost_derivative(A, targets, name, of="A")
    library.assert_matches(J, compute_cost(Z, Y, name, of="Z"))
    dZ = g.backward(dA, given, xp=library.xp)
    library.assert_matches(dZ, cost_derivative(Z, Y, name, of="Z"))


@pytest.mark.parametrize("name", sorted(COSTS))
def test_derivatives_from_a_are_central_differences(rng, name):
    cost = COSTS[name]
    Z, Y = outputs_and_targets(cost, rng)
    A = ACTIVATIONS[cost.activation].forward(Z, xp=np)
    numeric = central_difference(lambda at: float(compute_cost(at, Y, name, of="A")) * 6, A)
    np.testing.assert_allclose(cost_derivative(A, Y, name, of="A"), numeric, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "softmax_cross_entropy"])
def test_sure_and_right_outputs_cost_nothing(name):
    """0 log(0) and 0 / 0 count as 0, without a warning."""
    A = np.asarray([[1.0, 0.0], [0.0, 1.0]])
    assert float(compute_cost(A, A, name, of="A")) == 0.0
    dA = cost_derivative(A, A, name, of="A")
    np.testing.assert_array_equal(np.abs(dA) <= 1.0, True)


def test_sure_and_wrong_outputs_cost_infinitely_much_from_a_alone():
    with np.errstate(divide="ignore"):
        assert compute_cost(np.asarray([[0.0]]), np.asarray([[1]]), of="A") == np.inf
    assert compute_cost(np.asarray([[-1e3]]), np.asarray([[1]]), of="Z") == 1e3


# mini_batches


@pytest.mark.parametrize(("m", "batch_size"), [(10, 4), (12, 4), (3, 5), (1, 1)])
@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_mini_batches_are_a_permutation_cut(m, batch_size, make):
    batches = list(mini_batches(m, batch_size, make(3)))
    np.testing.assert_array_equal(np.concatenate(batches), make(3).permutation(m))
    assert all(len(chosen) == batch_size for chosen in batches[:-1])
    assert len(batches[-1]) == (m % batch_size or batch_size)


def test_mini_batches_draw_when_called():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="batch_size must be a whole number >= 1; got 0"):
        mini_batches(10, 0, rng)
    first = mini_batches(10, 4, rng)
    later = rng.random()
    again = np.random.default_rng(0)
    np.testing.assert_array_equal(np.concatenate(list(first)), again.permutation(10))
    assert later == again.random()


# compare_gradient


def course_functions(X, Y):
    """The course's functions of a dict of parameters, with a gradient that can be made wrong."""

    def cost(parameters):
        return compute_cost(forward(X, parameters, NAMES)[0], Y, of="A")

    def gradient(parameters, factor=1.0):
        A, caches = forward(X, parameters, NAMES)
        (dW1, db1), *others = backward(A - Y, caches, NAMES)
        return layers_to_dict([(factor * dW1, db1), *others], prefix="d") | {"dA1": A, "dZ3": A - Y}

    return cost, gradient


def test_compare_gradient_tells_right_from_wrong(case):
    X, Y, layers = case
    cost, gradient = course_functions(X, Y)
    parameters = layers_to_dict(layers)
    check = compare_gradient(cost, gradient, parameters)
    assert check.relative_difference < 1e-8
    assert [each.name for each in check.parameters] == ["W1", "b1", "W2", "b2", "W3", "b3"]
    assert check.sizes == SIZES
    assert check.checked == check.entries == sum(n * (k + 1) for k, n in pairwise(SIZES))
    assert "4-5-3-2" in str(check)
    wrong = compare_gradient(cost, lambda P: gradient(P, factor=1.01), parameters)
    assert wrong.relative_difference > 1e-3
    assert wrong.parameters[0].relative_difference > 1e-3
    assert max(each.relative_difference for each in wrong.parameters[1:]) < 1e-7


def test_compare_gradient_takes_lists_arrays_and_gradients_at_hand(library, case):
    X, Y, layers = case
    given = [(library.array(W), library.array(b)) for W, b in layers]
    A, caches = forward(X, layers, NAMES)
    at_hand = backward(A - Y, caches, NAMES)
    check = compare_gradient(
        lambda P: compute_cost(forward(X, P, NAMES)[0], Y, of="A"), at_hand, given
    )
    assert check.relative_difference < 1e-7
    theta = library.array([[1.0, 2.0], [3.0, 4.0]])
    check = compare_gradient(
        lambda t: (t**3).sum(), library.array([[3.0, 12.0], [27.0, 48.0]]), theta
    )
    assert check.relative_difference < 1e-7
    assert check.parameters[0].shape == (2, 2)


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        ({"dW1": np.zeros((1, 2))}, "gradient must have the keys 'dW1'.*'db1' is missing"),
        ([(np.zeros((2, 1)), np.zeros((1, 1)))], r"W1, b1, of shapes \[\(1, 2\), \(1, 1\)\]; got"),
        (np.zeros(3), r"one array for each of W1, b1"),
    ],
)
def test_gradients_of_another_structure_are_refused(gradient, message):
    layers = [(np.ones((1, 2)), np.ones((1, 1)))]
    with pytest.raises(ValueError, match=message):
        compare_gradient(lambda P: P[0][0].sum(), gradient, layers)


# What is refused

W, B = np.ones((1, 2)), np.zeros((1, 1))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"W1": W}, "'b1' is missing"),
        ({"w1": W, "b1": B}, "'w1' is none of them"),
        ({"W1": W, "b1": B, "W3": W, "b3": B}, "'W2', 'b2' are missing"),
        ({}, "'W1', 'b1' are missing"),
        ([(W.T, B)], "W1 must have 2 columns, because X has 2 rows; got shape"),
        ([(W, np.zeros(1))], r"b1 must be \(1, 1\).*pass b1.reshape\(-1, 1\)"),
        ([(W, B), (W, B)], "W2 must have 1 columns, because W1 has 1 rows"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(parameters, message):
    layers = max(len(parameters) if isinstance(parameters, list) else 1, 1)
    with pytest.raises(ValueError, match=message):
        forward(np.ones((2, 3)), parameters, ["identity"] * layers)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"X": [[1.0], [2.0]]}, TypeError, "X must be an array, got a list of length 2"),
        ({"X": np.ones(2)}, ValueError, r"X must be \(n_0, m\).*X.reshape\(-1, 1\)"),
        ({"parameters": 3}, TypeError, "parameters must be a list of .* or a dict"),
        ({"parameters": [W]}, TypeError, "layer 1 is a numpy.ndarray"),
        ({"parameters": {1: W}}, TypeError, "one key is 1"),
        (
            {"activations": ["sigmiod"]},
            ValueError,
            "activation must be .*; got 'sigmiod'. Did you mean 'sigmoid'",
        ),
        ({"activations": "relu"}, ValueError, "one for each of the 1 layers"),
        ({"activations": ["relu", "relu"]}, ValueError, "one for each of the 1 layers"),
        ({"masks": []}, ValueError, "masks was given without keep_prob"),
        ({"keep_prob": 0.5}, ValueError, "keep_prob was given without masks"),
        ({"masks": [None], "keep_prob": 0.5}, ValueError, "each of the 0 hidden layers, got 1"),
    ],
)
def test_arguments_of_forward_that_are_refused(change, error, message):
    arguments = {"X": np.ones((2, 3)), "parameters": [(W, B)], "activations": ["sigmoid"]}
    with pytest.raises(error, match=message):
        forward(**(arguments | change))


def test_masks_of_another_shape_are_refused(case, rng):
    X, _, layers = case
    masks = [rng.random((5, M)) < 0.5, rng.random((3, 1)) < 0.5]
    with pytest.raises(ValueError, match=r"mask 2 must be \(3, 7\) like A\[2\]"):
        forward(X, layers, NAMES, masks=masks, keep_prob=0.5)


def test_arrays_of_two_libraries_are_refused(jax, case):
    X, _, layers = case
    with pytest.raises(TypeError, match="W1 must be of the same array library as X"):
        forward(jax.numpy.asarray(X), layers, NAMES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"of": "W"}, "of must be one of 'Z', 'A'; got 'W'"),
        ({"caches": [], "activations": []}, "caches must hold one cache for each layer"),
        ({"derivative": np.ones((1, 2))}, r"derivative must have the shape of Z\[L\], \(1, 3\)"),
        ({"m": 0}, "m must be a finite number > 0"),
    ],
)
def test_arguments_of_backward_that_are_refused(change, message):
    _, caches = forward(np.ones((2, 3)), [(W, B)], ["sigmoid"])
    arguments = {"derivative": np.ones((1, 3)), "caches": caches, "activations": ["sigmoid"]}
    with pytest.raises(ValueError, match=message):
        backward(**(arguments | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"of": "X"}, "of must be one of 'Z', 'A'; got 'X'"),
        ({"cost": "cross_entropy"}, "cost must be one of .*; got 'cross_entropy'"),
        ({"Y": np.ones(3)}, r"must both be \(n_L, m\).*\(1, 3\) and \(3,\)"),
    ],
)
def test_arguments_of_costs_that_are_refused(change, message):
    arguments = {"outputs": np.full((1, 3), 0.5), "Y": np.ones((1, 3)), "of": "A"}
    for function in (compute_cost, cost_derivative):
        with pytest.raises(ValueError, match=message):
            function(**(arguments | change))


def test_costs_and_activations_of_ones_own(case):
    X, Y, layers = case
    half = Activation("half", lambda Z, *, xp: 0.5 * Z, lambda dA, Z, *, xp: 0.5 * dA, True, "he")
    A, caches = forward(X, layers, ["tanh", half, "sigmoid"])
    np.testing.assert_array_equal(caches[2][0][0], 0.5 * caches[1][1])
    own = Cost("own", "sigmoid", lambda Z, Y, *, xp: Z * Y, lambda Z, Y, *, xp: Y, False)
    assert compute_cost(A, Y, own, of="Z") == pytest.approx((A * Y).sum() / M)
    with pytest.raises(ValueError, match=r"cost='own' has no loss from A\[L\]; pass Z\[L\]"):
        compute_cost(A, Y, own, of="A")


def test_dicts_there_and_back(case):
    _, _, layers = case
    assert layers_from_dict(layers_to_dict(layers)) == layers
    shuffled = dict(reversed(layers_to_dict(layers, prefix="d").items()))
    assert layers_from_dict(shuffled, prefix="d") == layers
