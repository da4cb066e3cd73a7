"""The published cases of the course: their inputs drawn from NumPy's seeds, their expected outputs.

Source: Deep Learning Specialization (Andrew Ng, DeepLearning.AI), the programming assignments
"Building your Deep Neural Network: Step by Step" (course 1, week 4), "Initialization" and
"Regularization" (course 2, week 1) and "Optimization Methods" (course 2, week 2). The values are
printed to 8 decimals there, so they hold to half a unit of the last one.
"""

from __future__ import annotations

import numpy as np
import pytest

from dnn_xp.course import (
    backward,
    compute_cost,
    cost_derivative,
    forward,
    layers_to_dict,
    mini_batches,
)
from dnn_xp.formulas import (
    ACTIVATIONS,
    adam,
    flatten,
    gradient_descent,
    initialize,
    inverse_time_decay,
    l2_gradient,
    l2_penalty,
    linear_activation_backward,
    linear_activation_forward,
    linear_backward,
    linear_forward,
    momentum,
    unflatten,
    weight_mask,
)

PRINTED = {"rtol": 0.0, "atol": 6e-9}
# Where the course computes the case from inputs that are printed to 8 decimals themselves.
OF_PRINTED = {"rtol": 0.0, "atol": 3e-8}


def drawn(seed, *shapes):
    """np.random.seed(seed), then np.random.randn(*shape) for each."""
    rng = np.random.RandomState(seed)
    return [rng.randn(*shape) for shape in shapes]


def agree(actual, printed, **tolerance):
    np.testing.assert_allclose(actual, printed, **(tolerance or PRINTED))


def three_layers():
    """X and the parameters of the cases of "Regularization"."""
    X, W1, b1, W2, b2, W3, b3 = drawn(1, (3, 5), (2, 3), (2, 1), (3, 2), (3, 1), (1, 3), (1, 1))
    parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "W3": W3, "b3": b3}
    return X, parameters, np.asarray([[1, 1, 0, 1, 0]])


def theta_of(layers):
    return flatten([array for layer in layers for array in layer], xp=np)


# Building your Deep Neural Network: Step by Step


def test_initialize_two_layers():
    rng = np.random.RandomState(1)
    (W1, b1), (W2, b2) = initialize([3, 2, 1], ["relu", "sigmoid"], rule="normal", rng=rng)
    agree(W1, [[0.01624345, -0.00611756, -0.00528172], [-0.01072969, 0.00865408, -0.02301539]])
    agree(W2, [[0.01744812, -0.00761207]])
    assert not b1.any()
    assert not b2.any()


def test_initialize_deep():
    rng = np.random.RandomState(3)
    (W1, _), (W2, _) = initialize([5, 4, 3], ["relu", "sigmoid"], rule="normal", rng=rng)
    agree(W1[0], [0.01788628, 0.0043651, 0.00096497, -0.01863493, -0.00277388])
    agree(W1[3], [-0.00404677, -0.0054536, -0.01546477, 0.00982367, -0.01101068])
    agree(W2[0], [-0.01185047, -0.0020565, 0.01486148, 0.00236716])


def test_initialize_he():
    rng = np.random.RandomState(3)
    (W1, _), (W2, _) = initialize([2, 4, 1], ["relu", "sigmoid"], rule="he", rng=rng)
    printed = [
        [1.78862847, 0.43650985],
        [0.09649747, -1.8634927],
        [-0.2773882, -0.35475898],
        [-0.08274148, -0.62700068],
    ]
    agree(W1, printed)
    agree(W2, [[-0.03098412, -0.33744411, -0.92904268, 0.62552248]])


def test_linear_forward():
    Z, _ = linear_forward(*drawn(1, (3, 2), (1, 3), (1, 1)), xp=np)
    agree(Z, [[3.26295337, -1.23429987]])


@pytest.mark.parametrize(
    ("name", "printed"),
    [("sigmoid", [[0.96890023, 0.11013289]]), ("relu", [[3.43896131, 0.0]])],
)
def test_linear_activation_forward(name, printed):
    arrays = drawn(2, (3, 2), (1, 3), (1, 1))
    A, _ = linear_activation_forward(*arrays, ACTIVATIONS[name], xp=np)
    agree(A, printed)


def test_l_model_forward():
    X, W1, b1, W2, b2, W3, b3 = drawn(6, (5, 4), (4, 5), (4, 1), (3, 4), (3, 1), (1, 3), (1, 1))
    parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "W3": W3, "b3": b3}
    A, caches = forward(X, parameters, ["relu", "relu", "sigmoid"])
    agree(A, [[0.03921668, 0.70498921, 0.19734387, 0.04728177]])
    assert len(caches) == 3


@pytest.mark.parametrize(
    ("Y", "printed"),
    [([[1, 1, 1]], 0.41493159961539694), ([[1, 1, 0]], 0.2797765635793422)],
)
def test_compute_cost(Y, printed):
    cost = compute_cost(np.asarray([[0.8, 0.9, 0.4]]), np.asarray(Y), of="A")
    agree(cost, printed, rtol=1e-14)


def test_linear_backward():
    """The case of m = 4, where 1/n in the place of 1/m shows."""
    dZ, A_prev, W, b = drawn(1, (3, 4), (5, 4), (3, 5), (3, 1))
    dA_prev, dW, db = linear_backward(dZ, (A_prev, W, b), m=4, xp=np)
    agree(db, [[-0.14713786], [-0.11313155], [-0.13209101]])
    agree(dA_prev[0], [-1.15171336, 0.06718465, -0.3204696, 2.09812712])
    agree(dW[0], [0.07313866, -0.0976715, -0.87585828, 0.73763362, 0.00785716])


@pytest.mark.parametrize(
    ("name", "dA_prev", "dW", "db"),
    [
        (
            "sigmoid",
            [[0.11017994, 0.01105339], [0.09466817, 0.00949723], [-0.05743092, -0.00576154]],
            [[0.10266786, 0.09778551, -0.01968084]],
            [[-0.05729622]],
        ),
        (
            "relu",
            [[0.44090989, 0.0], [0.37883606, 0.0], [-0.2298228, 0.0]],
            [[0.44513824, 0.37371418, -0.10478989]],
            [[-0.20837892]],
        ),
    ],
)
def test_linear_activation_backward(name, dA_prev, dW, db):
    dA, A_prev, W, b, Z = drawn(2, (1, 2), (3, 2), (1, 3), (1, 1), (1, 2))
    cache = ((A_prev, W, b), Z)
    results = linear_activation_backward(dA, cache, ACTIVATIONS[name], m=2, xp=np)
    for actual, printed in zip(results, (dA_prev, dW, db), strict=True):
        agree(actual, printed)


def test_l_model_backward():
    """A[L] and the caches are drawn independently, so the course's dA[L] has to be the start."""
    shapes = ((1, 2), (4, 2), (3, 4), (3, 1), (3, 2), (3, 2), (1, 3), (1, 1), (1, 2))
    AL, A1, W1, b1, Z1, A2, W2, b2, Z2 = drawn(3, *shapes)
    dAL = cost_derivative(AL, np.asarray([[1, 0]]), of="A")
    gradients, dA = backward(
        dAL, [((A1, W1, b1), Z1), ((A2, W2, b2), Z2)], ["relu", "sigmoid"], of="A", return_dA=True
    )
    found = layers_to_dict(gradients, prefix="d")
    printed = {
        "dW1": [
            [0.41010002, 0.07807203, 0.13798444, 0.10502167],
            [0.0, 0.0, 0.0, 0.0],
            [0.05283652, 0.01005865, 0.01777766, 0.0135308],
        ],
        "db1": [[-0.22007063], [0.0], [-0.02835349]],
        "dW2": [[-0.39202432, -0.13325855, -0.04601089]],
        "db2": [[0.15187861]],
    }
    assert found.keys() == printed.keys()
    for name, array in printed.items():
        agree(found[name], array)
    dA0, dA1 = dA
    agree(dA0, [[0.0, 0.52257901], [0.0, -0.3269206], [0.0, -0.32070404], [0.0, -0.74079187]])
    agree(dA1, [[0.12913162, -0.44014127], [-0.14175655, 0.48317296], [0.01663708, -0.05670698]])


def test_update_parameters():
    sizes = (4, 3, 1)
    parameters = drawn(2, (3, 4), (3, 1), (1, 3), (1, 1))
    gradients = drawn(3, (3, 4), (3, 1), (1, 3), (1, 1))
    theta, _ = gradient_descent().update(
        flatten(parameters, xp=np), flatten(gradients, xp=np), (), learning_rate=0.1, step=1, xp=np
    )
    (W1, b1), (W2, b2) = unflatten(theta, sizes, xp=np)
    printed = [
        [-0.59562069, -0.09991781, -2.14584584, 1.82662008],
        [-1.76569676, -0.80627147, 0.51115557, -1.18258802],
        [-1.0535704, -0.86128581, 0.68284052, 2.20374577],
    ]
    agree(W1, printed)
    agree(b1, [[-0.04659241], [-1.28888275], [0.53405496]])
    agree(W2, [[-0.55569196, 0.0354055, 1.32964895]])
    agree(b2, [[-0.84610769]])


# Regularization


def test_cost_with_l2():
    parameters = drawn(1, (2, 3), (2, 1), (3, 2), (3, 1), (1, 3), (1, 1))
    Y = np.asarray([[1, 1, 0, 1, 0]])
    A = np.asarray([[0.40682402, 0.01629284, 0.16722898, 0.10118111, 0.40682402]])
    theta, mask = flatten(parameters, xp=np), weight_mask((3, 2, 3, 1), dtype=np.float64, xp=np)
    J = compute_cost(A, Y, of="A") + l2_penalty(theta, mask, l2=0.1, m=5, xp=np)
    agree(J, 1.7864859451590758, rtol=1e-14)


def test_backward_with_l2():
    X, parameters, Y = three_layers()
    g = ["relu", "relu", "sigmoid"]
    _, caches = forward(X, parameters, g)
    gradients = backward(cost_derivative(caches[-1][1], Y, of="Z"), caches, g)
    theta, sizes = flatten(list(parameters.values()), xp=np), (3, 2, 3, 1)
    mask = weight_mask(sizes, dtype=np.float64, xp=np)
    of_l2 = l2_gradient(theta, mask, l2=0.7, m=5, xp=np)
    (dW1, _), (dW2, _), (dW3, _) = unflatten(theta_of(gradients) + of_l2, sizes, xp=np)
    agree(
        dW1,
        [[-0.25604646, 0.12298827, -0.28297129], [-0.17706303, 0.34536094, -0.4410571]],
        **OF_PRINTED,
    )
    agree(
        dW2,
        [[0.79276486, 0.85133918], [-0.0957219, -0.01720463], [-0.13100772, -0.03750433]],
        **OF_PRINTED,
    )
    agree(dW3, [[-1.77691347, -0.11832879, -0.09397446]], **OF_PRINTED)


def test_forward_with_dropout():
    X, parameters, _ = three_layers()
    rng = np.random.RandomState(1)
    masks = [rng.rand(n, 5) < 0.7 for n in (2, 3)]
    A, _ = forward(X, parameters, ["relu", "relu", "sigmoid"], masks=masks, keep_prob=0.7)
    agree(A, [[0.36974721, 0.00305176, 0.04565099, 0.49683389, 0.36974721]])


def test_backward_with_dropout():
    """The caches of the case are a forward with keep_prob = 0.5; its backward takes 0.8."""
    X, parameters, Y = three_layers()
    g = ["relu", "relu", "sigmoid"]
    masks = [
        np.asarray([[1, 0, 1, 1, 1], [1, 1, 1, 1, 0]]),
        np.asarray([[1, 0, 1, 0, 1], [0, 1, 0, 1, 1], [0, 0, 1, 0, 0]]),
    ]
    A, caches = forward(X, parameters, g, masks=masks, keep_prob=0.5)
    agree(A, [[0.32266394, 0.49683389, 0.00348883, 0.49683389, 0.32266394]])
    gradients, (_, dA1, dA2) = backward(
        A - Y, caches, g, masks=masks, keep_prob=0.8, return_dA=True
    )
    printed_dA1 = [
        [0.36544439, 0.0, -0.00188233, 0.0, -0.17408748],
        [0.65515713, 0.0, -0.00337459, 0.0, 0.0],
    ]
    printed_dA2 = [
        [0.58180856, 0.0, -0.00299679, 0.0, -0.27715731],
        [0.0, 0.53159854, 0.0, 0.53159854, -0.34089673],
        [0.0, 0.0, -0.00292733, 0.0, 0.0],
    ]
    agree(dA1, printed_dA1, **OF_PRINTED)
    agree(dA2, printed_dA2, **OF_PRINTED)
    agree(gradients[1][0], [[-0.00256518, -0.0009476], [0.0, 0.0], [0.0, 0.0]], **OF_PRINTED)
    agree(gradients[1][1], [[0.06033089], [0.0], [0.0]], **OF_PRINTED)


# Optimization Methods


def optimization_case():
    """theta and gradient of the cases for momentum and Adam, sizes 3-2-3 as the course draws them."""
    shapes = ((2, 3), (2, 1), (3, 3), (3, 1))
    arrays = drawn(1, *shapes, *shapes)
    return flatten(arrays[:4], xp=np), flatten(arrays[4:], xp=np)


def test_random_mini_batches():
    X, _ = drawn(1, (12288, 148), (1, 148))
    batches = list(mini_batches(148, 64, np.random.RandomState(0)))
    assert [X[:, chosen].shape for chosen in batches] == [(12288, 64), (12288, 64), (12288, 20)]
    agree(X[0, batches[0][:3]], [0.90085595, -0.7612069, 0.2344157])


def test_update_with_momentum():
    """v = beta v + (1 - beta) dW at the rate alpha is v = beta v + dW at (1 - beta) alpha."""
    theta, gradient = optimization_case()
    state = (np.zeros_like(theta),)
    theta, (v,) = momentum(0.9).update(
        theta, gradient, state, learning_rate=0.01 * (1 - 0.9), step=1, xp=np
    )
    agree(theta[:3], [1.62544598, -0.61290114, -0.52907334])
    agree((1 - 0.9) * v[:3], [-0.11006192, 0.11447237, 0.09015907])


def test_update_with_adam():
    theta, gradient = optimization_case()
    state = (np.zeros_like(theta), np.zeros_like(theta))
    theta, (mu, nu) = adam().update(theta, gradient, state, learning_rate=0.01, step=2, xp=np)
    agree(
        theta[:6],
        [1.63178673, -0.61919778, -0.53561312, -1.08040999, 0.85796626, -2.29409733],
    )
    agree(mu[:3], [-0.11006192, 0.11447237, 0.09015907])
    agree(nu[:3], [0.00121136, 0.00131039, 0.00081287])


def test_learning_rate_decay():
    """alpha = alpha_0 / (1 + decay_rate epoch), the rate of a whole epoch of 3 batches."""
    rate = inverse_time_decay(0.5, decay_rate=1, every=3)
    assert [rate(step) for step in range(7)] == [0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.5 / 3]
