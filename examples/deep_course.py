"""The course's L-layer network, step by step, on two noisy moons.

[LINEAR -> RELU] x (L-1) -> LINEAR -> SIGMOID, trained by gradient descent. The recurrences over
the layers are written out with the public formulas of the library. They are then compared with
`dnn_xp.forward` and `dnn_xp.backward`, which the loop below uses, with central differences, and
with the parameters that `dnn_xp.train` arrives at.

    python examples/deep_course.py
"""

from __future__ import annotations

import numpy as np

import dnn_xp
from dnn_xp.course import compare_gradient, compute_cost, cost_derivative
from dnn_xp.formulas import (
    ACTIVATIONS,
    LayerCache,
    initialize,
    linear_activation_backward,
    linear_activation_forward,
)

SIZES = (2, 20, 7, 5, 1)
NAMES = ("relu", "relu", "relu", "sigmoid")
LEARNING_RATE, ITERATIONS = 0.3, 3000

Parameters = list[tuple[np.ndarray, np.ndarray]]


def moons(m: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles that reach into each other: X (2, m), examples as columns, and Y (1, m)."""
    Y = np.repeat([0, 1], m // 2)
    angle = rng.uniform(0.0, np.pi, m) + np.pi * Y
    X = np.stack([np.cos(angle) + Y, np.sin(angle) + 0.5 * Y])
    return X + 0.12 * rng.standard_normal((2, m)), Y[np.newaxis, :]


def l_model_forward(X: np.ndarray, parameters: Parameters) -> tuple[np.ndarray, list[LayerCache]]:
    """A[l] = g[l](W[l] A[l-1] + b[l]) for l = 1, ..., L."""
    A, caches = X, []
    for (W, b), name in zip(parameters, NAMES, strict=True):
        A, cache = linear_activation_forward(A, W, b, ACTIVATIONS[name], xp=np)
        caches.append(cache)
    return A, caches


def l_model_backward(A: np.ndarray, Y: np.ndarray, caches: list[LayerCache]) -> Parameters:
    """(dW[l], db[l]) for l = 1, ..., L, starting as the course does from dA[L]."""
    m = Y.shape[1]
    dA = -(Y / A - (1 - Y) / (1 - A))
    gradients = []
    for cache, name in zip(reversed(caches), reversed(NAMES), strict=True):
        dA, dW, db = linear_activation_backward(dA, cache, ACTIVATIONS[name], m=m, xp=np)
        gradients.append((dW, db))
    return gradients[::-1]


def furthest(one: Parameters, other: Parameters) -> float:
    """The largest difference between two lists of (W, b)."""
    return max(
        float(np.max(np.abs(a - b)))
        for layer, other_layer in zip(one, other, strict=True)
        for a, b in zip(layer, other_layer, strict=True)
    )


def main() -> None:
    rng = np.random.default_rng(2)
    X, Y = moons(400, rng)
    X_test, Y_test = moons(2000, rng)
    start = initialize(SIZES, NAMES, rng=rng)

    # One gradient, both ways. The course's dA[L] divides by A (1 - A), which fails where a
    # probability is rounded to 0 or 1; dZ[L] = A[L] - Y, the library's start, never does.
    A, caches = l_model_forward(X, start)
    by_hand = l_model_backward(A, Y, caches)
    gradients = dnn_xp.backward(cost_derivative(caches[-1][1], Y, of="Z"), caches, NAMES)
    print(f"gradient, course against dnn_xp.backward: {furthest(by_hand, gradients):.1e} apart")
    assert furthest(by_hand, gradients) < 1e-12

    # The gradient against central differences of the cost, away from the kinks of relu at 0
    shifted = [(W, b + 0.1) for W, b in start]
    A, caches = l_model_forward(X, shifted)
    check = compare_gradient(
        lambda parameters: compute_cost(l_model_forward(X, parameters)[0], Y, of="A"),
        l_model_backward(A, Y, caches),
        shifted,
    )
    print(f"gradient against central differences: {check.relative_difference:.1e}")
    assert check.relative_difference < 1e-7

    parameters = start
    for iteration in range(ITERATIONS):
        A, caches = dnn_xp.forward(X, parameters, NAMES)
        Z = caches[-1][1]
        if iteration % 500 == 0:
            print(f"iteration {iteration:5d}  cost {compute_cost(Z, Y, of='Z'):.6f}")
        gradients = dnn_xp.backward(cost_derivative(Z, Y, of="Z"), caches, NAMES)
        parameters = [
            (W - LEARNING_RATE * dW, b - LEARNING_RATE * db)
            for (W, b), (dW, db) in zip(parameters, gradients, strict=True)
        ]

    model = dnn_xp.train(
        X,
        Y,
        hidden=SIZES[1:-1],
        optimizer="gradient_descent",
        learning_rate=LEARNING_RATE,
        iterations=ITERATIONS,
        initialization=start,
        standardize=False,
        report_every=500,
    )
    apart = furthest(parameters, model.parameters)
    accuracy = model.evaluate(X_test, Y_test).accuracy
    print(f"largest difference to the parameters of dnn_xp.train: {apart:.1e}")
    print(f"accuracy on {X_test.shape[1]} new examples: {accuracy:.1%}")
    assert apart < 1e-9, "train must take the same steps"
    assert accuracy > 0.98


if __name__ == "__main__":
    main()
