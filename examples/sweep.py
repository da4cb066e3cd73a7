"""Compare 60 networks on the same data, most of them only for a moment, and refit the best one.

A random search with successive halving: 60 points train for 12 epochs, the best third three times as
long, and so on. The result is in a file, from which an interrupted sweep goes on.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import dnn_xp


def rings(m: int) -> tuple[np.ndarray, np.ndarray]:
    """Points in the plane in four rings, two of each class, with noise; and six features of noise."""
    rng = np.random.default_rng(0)
    ring = rng.integers(0, 4, m)
    angle, radius = rng.uniform(0, 2 * np.pi, m), 1 + ring + 0.25 * rng.standard_normal(m)
    plane = radius * np.stack([np.cos(angle), np.sin(angle)])
    return np.concatenate([plane, rng.standard_normal((6, m))]).astype(np.float32), ring % 2


def main() -> None:
    X, Y = rings(3000)
    train, test = slice(0, 2000), slice(2000, None)
    distributions = {
        "hidden": [(16,), (32,), (32, 16), (64, 32)],
        "activation": ["relu", "tanh"],
        "learning_rate": dnn_xp.log_uniform(1e-4, 1e-1),
        "l2": dnn_xp.log_uniform(1e-2, 1e2),
    }
    options = {
        "distributions": distributions,
        "points": 60,
        "eta": 3,
        "shortest": 4,
        "epochs": 108,
        "batch_size": 100,
        "report_every": 2,
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rings.jsonl"
        start = time.perf_counter()
        found = dnn_xp.sweep(X[:, train], Y[train], file=file, **options)
        took = time.perf_counter() - start
        # The same call goes on from the file; here nothing is left to do.
        start = time.perf_counter()
        again = dnn_xp.sweep(X[:, train], Y[train], file=file, **options)
        assert again.model.theta.tobytes() == found.model.theta.tobytes()
        print(f"{took:.1f} s; read from the file again in {time.perf_counter() - start:.1f} s\n")
    print(found.table(limit=12))
    epochs = sum(trial.length for trial in found.trials)
    print(f"\n{epochs} epochs in all, where the whole length of every point takes {60 * 108}")

    plain = dnn_xp.train(X[:, train], Y[train])
    refit = found.refit(X[:, train], Y[train])
    for name, model in (
        ("defaults", plain),
        ("best of the sweep", found.model),
        ("refit on all training examples", refit),
    ):
        accuracy = model.evaluate(X[:, test], Y[test]).accuracy
        print(f"test accuracy {accuracy:.3f}  {name}")
    if "--plot" in sys.argv:
        found.plot().figure.savefig("sweep.png", dpi=100)


if __name__ == "__main__":
    main()
