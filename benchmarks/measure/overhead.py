"""What one iteration of `dnn_xp.train` costs above the bare NumPy expressions, on small problems.

The bare loop is what a student of the course would write: forward, cost, backward and update in
plain NumPy, cost read at every iteration, no function calls, no checks. Its BLAS uses the threads
it likes.
"""

from __future__ import annotations

import statistics
import time
import warnings
from typing import Any

import numpy as np

import dnn_xp
from benchmarks.candidate import REST
from benchmarks.measure import Options, say
from benchmarks.results import save
from benchmarks.shapes import Array, Parameters, problem

LEARNING_RATE = 0.01
SECONDS = 0.3  # of one timing
# The library's two small problems: cats (12288 pixels) and a set as small as iris.
PROBLEMS = (((12288, 20, 7, 5, 1), 209), ((4, 8, 3), 150))


def bare(parameters: Parameters, X: Array, Y: Array, iterations: int) -> list[float]:
    """Gradient descent in plain NumPy; returns the costs."""
    m, L = X.shape[1], len(parameters)
    W, b = ([pair[k] for pair in parameters] for k in (0, 1))
    costs = []
    for _ in range(iterations):
        A, Z = [X], []
        for layer in range(L):
            Z.append(W[layer] @ A[layer] + b[layer])
            A.append(np.maximum(Z[layer], 0.0))
        last = Z[-1]
        if last.shape[0] == 1:
            losses = np.maximum(last, 0.0) - last * Y + np.log1p(np.exp(-np.abs(last)))
            e = np.exp(-np.abs(last))
            dZ = np.maximum(e, (last >= 0.0).astype(last.dtype)) / (1.0 + e) - Y
        else:
            shifted = last - np.max(last, axis=0, keepdims=True)
            losses = np.log(np.sum(np.exp(shifted), axis=0, keepdims=True)) - np.sum(
                Y * shifted, axis=0, keepdims=True
            )
            E = np.exp(last - np.max(last, axis=0, keepdims=True))
            dZ = E / np.sum(E, axis=0, keepdims=True) - Y
        costs.append(float(np.sum(losses) / m))
        for layer in reversed(range(L)):
            dW = dZ @ A[layer].T / m
            db = np.sum(dZ, axis=1, keepdims=True) / m
            if layer:
                dA = W[layer].T @ dZ
                dZ = dA * (Z[layer - 1] > 0.0).astype(dA.dtype)
            W[layer] = W[layer] - LEARNING_RATE * dW
            b[layer] = b[layer] - LEARNING_RATE * db
    return costs


def ours(parameters: Parameters, X: Array, Y: Array, iterations: int) -> list[float]:
    """The same by `dnn_xp.train`; returns the costs."""
    with warnings.catch_warnings():
        # The costs are compared with those of the bare loop, wherever they end.
        warnings.simplefilter("ignore", dnn_xp.ConvergenceWarning)
        model = dnn_xp.train(
            X,
            Y,
            hidden=[W.shape[0] for W, _ in parameters[:-1]],
            optimizer="gradient_descent",
            learning_rate=LEARNING_RATE,
            iterations=iterations,
            initialization=parameters,
            standardize=False,
            device="cpu",
        )
    return list(model.history.costs)


def _seconds(function: Any, *arguments: Any) -> float:
    time.sleep(REST)
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def measure(options: Options) -> None:
    """Time both in turn; the start of a training is timed apart and taken off."""
    rows = []
    for sizes, m in PROBLEMS:
        parameters, X, Y = problem(sizes, m)
        np.testing.assert_allclose(
            ours(parameters, X, Y, 20)[:20], bare(parameters, X, Y, 20), rtol=1e-4
        )
        iterations = max(20, int(SECONDS / (_seconds(bare, parameters, X, Y, 50) / 50)))
        of_bare, of_ours, of_start = [], [], []
        for _ in range(options.rounds or 15):
            of_bare.append(_seconds(bare, parameters, X, Y, iterations) / iterations)
            start = _seconds(ours, parameters, X, Y, 0)
            of_start.append(start)
            of_ours.append((_seconds(ours, parameters, X, Y, iterations) - start) / iterations)
        ratio = statistics.median(a / b for a, b in zip(of_ours, of_bare, strict=True))
        row: dict[str, Any] = {
            "shape": "-".join(map(str, sizes)),
            "m": m,
            "bare_seconds": statistics.median(of_bare),
            "ours_seconds": statistics.median(of_ours),
            "start_seconds": statistics.median(of_start),
            "ratio": ratio,
            "ratio_of_best": min(of_ours) / min(of_bare),
        }
        say(
            f"{row['shape']}, m = {m}: bare {row['bare_seconds'] * 1e6:.1f} us, ours "
            f"{row['ours_seconds'] * 1e6:.1f} us an iteration, ratio {ratio:.3f} "
            f"(fastest rounds {row['ratio_of_best']:.3f}); start {row['start_seconds'] * 1e3:.2f} ms"
        )
        rows.append(row)
    save("overhead", rows, folder=options.folder, scale=options.scale)
