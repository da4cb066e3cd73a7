"""The course's two-layer network, step by step, on the planar flower.

LINEAR -> TANH -> LINEAR -> SIGMOID with four hidden units, trained by gradient descent. Each step
calls one public formula of the library, in the order of the course. At the end `dnn_xp.train`,
given the same start, arrives at the same parameters.

    python examples/two_layer_course.py
"""

from __future__ import annotations

import numpy as np

import dnn_xp
from dnn_xp.formulas import (
    ACTIVATIONS,
    binary_cross_entropy,
    binary_cross_entropy_derivative,
    initialize,
    linear_activation_backward,
    linear_activation_forward,
    linear_backward,
    weighted_sum,
)

HIDDEN, LEARNING_RATE, ITERATIONS = 4, 1.2, 5000


def flower(m: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Petals of two colours: X (2, m), examples as columns, and Y (1, m) of 0 and 1."""
    Y = np.repeat([0, 1], m // 2)
    angle = np.tile(np.linspace(0.0, np.pi, m // 2), 2) + np.pi * Y
    angle = angle + 0.2 * rng.standard_normal(m)
    radius = 4.0 * np.sin(4.0 * angle) + 0.2 * rng.standard_normal(m)
    return radius * np.stack([np.sin(angle), np.cos(angle)]), Y[np.newaxis, :]


def main() -> None:
    rng = np.random.default_rng(1)
    X, Y = flower(400, rng)
    m = X.shape[1]
    tanh, sigmoid = ACTIVATIONS["tanh"], ACTIVATIONS["sigmoid"]

    # 1. Small random weights, biases of 0
    start = initialize([2, HIDDEN, 1], ["tanh", "sigmoid"], rule="normal", scale=0.01, rng=rng)
    (W1, b1), (W2, b2) = start

    for iteration in range(ITERATIONS):
        # 2. Forward: A[1] = tanh(W[1] X + b[1]), A[2] = sigmoid(W[2] A[1] + b[2])
        A1, cache1 = linear_activation_forward(X, W1, b1, tanh, xp=np)
        A2, cache2 = linear_activation_forward(A1, W2, b2, sigmoid, xp=np)

        # 3. Cost, from Z[2] rather than A[2]: no logarithm of a rounded probability
        linear_cache2, Z2 = cache2
        J = weighted_sum(binary_cross_entropy(Z2, Y, xp=np), None, m=m, xp=np)
        if iteration % 1000 == 0:
            print(f"iteration {iteration:5d}  cost {J:.6f}")

        # 4. Backward: dZ[2] = A[2] - Y, then through each layer
        dZ2 = binary_cross_entropy_derivative(Z2, Y, xp=np)
        dA1, dW2, db2 = linear_backward(dZ2, linear_cache2, m=m, xp=np)
        _, dW1, db1 = linear_activation_backward(dA1, cache1, tanh, m=m, xp=np)

        # 5. Update
        W1, b1 = W1 - LEARNING_RATE * dW1, b1 - LEARNING_RATE * db1
        W2, b2 = W2 - LEARNING_RATE * dW2, b2 - LEARNING_RATE * db2

    # 6. Predict: class 1 where A[2] > 0.5
    A2, _ = dnn_xp.forward(X, [(W1, b1), (W2, b2)], ["tanh", "sigmoid"])
    by_hand = float(np.mean((A2 > 0.5) == Y))

    # The same, in one call
    model = dnn_xp.train(
        X,
        Y,
        hidden=[HIDDEN],
        activation="tanh",
        optimizer="gradient_descent",
        learning_rate=LEARNING_RATE,
        iterations=ITERATIONS,
        initialization=start,
        standardize=False,
        report_every=1000,
    )
    apart = max(
        float(np.max(np.abs(mine - its)))
        for layer, its_layer in zip([(W1, b1), (W2, b2)], model.parameters, strict=True)
        for mine, its in zip(layer, its_layer, strict=True)
    )
    line = dnn_xp.train(X, Y, hidden=(), optimizer="lbfgs").evaluate(X, Y).accuracy

    print(f"accuracy: a straight line {line:.1%}, four hidden units {by_hand:.1%}")
    print(f"largest difference to the parameters of dnn_xp.train: {apart:.1e}")
    assert by_hand > 0.85 > line, "four hidden units must see the petals, a line cannot"
    assert apart < 1e-9, "train must take the very steps above"
    assert model.evaluate(X, Y).accuracy == by_hand


if __name__ == "__main__":
    main()
