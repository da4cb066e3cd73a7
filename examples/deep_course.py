"""The course's L-layer network, step by step, on two noisy moons.

[LINEAR -> RELU] x (L-1) -> LINEAR -> SIGMOID, trained by gradient descent. The recurrences over
the layers are written out with the public formulas of the library. They are then compared with the
library's own `forward` and `backward`, and with the parameters that `dnn_xp.train` arrives at.

    python examples/deep_course.py
"""

from __future__ import annotations

import numpy as np

import dnn_xp
from dnn_xp.formulas import (
    ACTIVATIONS,
    Activation,
    LayerCache,
    binary_cross_entropy,
    binary_cross_entropy_derivative,
    initialize,
    linear_activation_backward,
    linear_activation_forward,
    weighted_sum,
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


def l_model_forward(
    X: np.ndarray, parameters: Parameters, activations: list[Activation]
) -> tuple[np.ndarray, list[LayerCache]]:
    """A[l] = g[l](W[l] A[l-1] + b[l]) for l = 1, ..., L."""
    A, caches = X, []
    for (W, b), activation in zip(parameters, activations, strict=True):
        A, cache = linear_activation_forward(A, W, b, activation, xp=np)
        caches.append(cache)
    return A, caches


def l_model_backward(
    A: np.ndarray, Y: np.ndarray, caches: list[LayerCache], activations: list[Activation]
) -> Parameters:
    """(dW[l], db[l]) for l = 1, ..., L, starting as the course does from dJ/dA[L]."""
    m = Y.shape[1]
    dA = (1 - Y) / (1 - A) - Y / A
    gradients = []
    for cache, activation in zip(reversed(caches), reversed(activations), strict=True):
        dA, dW, db = linear_activation_backward(dA, cache, activation, m=m, xp=np)
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
    m = X.shape[1]
    activations = [ACTIVATIONS[name] for name in NAMES]
    start = initialize(SIZES, NAMES, rng=rng)

    # One gradient, both ways. The course's dA[L] divides by A (1 - A), which breaks down once a
    # probability is rounded to 0 or 1; A[L] - Y, which the library starts from, never does.
    A, caches = l_model_forward(X, start, activations)
    by_hand = l_model_backward(A, Y, caches, activations)
    dZ = binary_cross_entropy_derivative(caches[-1][1], Y, xp=np)
    theirs = dnn_xp.backward(dZ, caches, activations, m=m, xp=np)
    print(f"gradient, course against dnn_xp.backward: {furthest(by_hand, theirs):.1e} apart")
    assert furthest(by_hand, theirs) < 1e-12

    parameters = start
    for iteration in range(ITERATIONS):
        A, caches = dnn_xp.forward(X, parameters, activations, xp=np)
        Z = caches[-1][1]
        if iteration % 500 == 0:
            J = weighted_sum(binary_cross_entropy(Z, Y, xp=np), None, m=m, xp=np)
            print(f"iteration {iteration:5d}  cost {J:.6f}")
        dZ = binary_cross_entropy_derivative(Z, Y, xp=np)
        gradients = dnn_xp.backward(dZ, caches, activations, m=m, xp=np)
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
        report_every=500,
    )
    apart = furthest(parameters, model.parameters)
    accuracy = model.evaluate(X_test, Y_test).accuracy
    print(f"largest difference to the parameters of dnn_xp.train: {apart:.1e}")
    print(f"accuracy on {X_test.shape[1]} new examples: {accuracy:.1%}")
    assert apart < 1e-9, "train must take the very steps above"
    assert accuracy > 0.98


if __name__ == "__main__":
    main()
