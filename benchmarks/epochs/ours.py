"""One epoch of `dnn_xp.train`."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import dnn_xp
from benchmarks.candidate import Epoch
from benchmarks.ours import require_mkl, sizes_of
from benchmarks.shapes import Array, Parameters


def make(
    parameters: Parameters,
    X: Array,
    Y: Array,
    *,
    batch_size: int,
    seed: int,
    with_cost: bool = True,
    blas: str = "numpy",
) -> Epoch:
    """Return one epoch of `dnn_xp.train`, timed with or without the exact cost that follows it."""
    # Examples lie as rows in memory, as in the peers; the library takes them without a copy.
    rows, labels = np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T)
    trained: Any = None
    # The rate of an update is asked for right before it, and once more before the last cost.
    asked: dict[int, float] = {}

    def rate(step: int) -> float:
        asked[step] = time.perf_counter()
        return 1e-3

    def run() -> float:
        nonlocal trained
        trained = dnn_xp.train(
            rows,
            labels,
            examples="rows",
            hidden=sizes_of(parameters)[1:-1],
            initialization=parameters,
            batch_size=batch_size,
            epochs=1,
            optimizer="adam",
            learning_rate=rate,
            seed=seed,
            standardize=False,
            device="cpu",
            blas=blas,
        )
        before, after = trained.history.seconds
        return float(after - before) if with_cost else asked[max(asked)] - asked[0]

    return Epoch(
        run=run,
        parameters=lambda: [(np.asarray(W), np.asarray(b)) for W, b in trained.parameters],
        note="with the exact cost on all examples after the epoch"
        if with_cost
        else "updates alone",
    )


def make_updates(
    parameters: Parameters, X: Array, Y: Array, *, batch_size: int, seed: int
) -> Epoch:
    """Return the same epoch without the cost, which no peer computes either."""
    return make(parameters, X, Y, batch_size=batch_size, seed=seed, with_cost=False)


def make_updates_with_mkl(
    parameters: Parameters, X: Array, Y: Array, *, batch_size: int, seed: int
) -> Epoch:
    """Return the updates alone, with the wide products by MKL."""
    require_mkl()
    return make(parameters, X, Y, batch_size=batch_size, seed=seed, with_cost=False, blas="mkl")
