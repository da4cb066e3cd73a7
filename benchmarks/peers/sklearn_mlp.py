"""scikit-learn's MLPClassifier, at the level of its own backward pass.

It has no public gradient. `_backprop` is what its solvers call, so its arrays are set up here as
`_fit` does: weights as (n_prev, n), data as rows, labels as booleans.
"""

from __future__ import annotations

import inspect
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.candidate import Gradients, Step
from benchmarks.shapes import Array, Parameters


def _network(parameters: Parameters) -> Any:
    """Return an MLPClassifier that holds the parameters, as after `_initialize`."""
    hidden = [W.shape[0] for W, _ in parameters[:-1]]
    network = MLPClassifier(hidden_layer_sizes=hidden, activation="relu", alpha=0.0)
    network.n_layers_ = len(parameters) + 1
    network.n_outputs_ = parameters[-1][0].shape[0]
    network.out_activation_ = "logistic" if network.n_outputs_ == 1 else "softmax"
    network.coefs_ = [np.ascontiguousarray(W.T) for W, _ in parameters]
    network.intercepts_ = [b.ravel().copy() for _, b in parameters]
    return network


def _convert(result: tuple[Any, list[Array], list[Array]]) -> tuple[float, Gradients]:
    cost, coef_grads, intercept_grads = result
    pairs = zip(coef_grads, intercept_grads, strict=True)
    return float(cost), [(dW.T.copy(), db[:, None].copy()) for dW, db in pairs]


def make(parameters: Parameters, X: Array, Y: Array, *, tune: bool = True) -> Step:
    """Return the step."""
    network = _network(parameters)
    rows, labels = np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T).astype(bool)
    units = [W.shape[1] for W, _ in parameters] + [Y.shape[0]]
    activations: list[Any] = [rows] + [None] * len(parameters)
    deltas: list[Any] = [None] * len(parameters)
    coef_grads = [np.empty(pair, np.float32) for pair in pairwise(units)]
    intercept_grads = [np.empty(n, np.float32) for n in units[1:]]
    # Releases before 1.7 know no sample weights.
    weighted = "sample_weight" in inspect.signature(network._backprop).parameters
    weights = [None] if weighted else []

    def run() -> Any:
        return network._backprop(
            rows, labels, *weights, activations, deltas, coef_grads, intercept_grads
        )

    return Step(run=run, convert=_convert)
