"""Training from a file, block by block, with the result of training from memory.

Rows are written to a .npy file, and `dnn_xp.train` gets its path. The features differ in scale by
a factor of a million, so `standardize=True` is needed: mean and scale come from one exact pass over
the file and are kept in the model, which then takes raw rows. Here the file is small, so that the
comparison with memory is quick; the plan shows that what is held does not grow with the file, but
for the labels, which are kept as one byte each.

    python examples/out_of_core.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import dnn_xp

ROWS, FEATURES, ITERATIONS = 200_000, 12, 40


def write_rows(folder: Path, rng: np.random.Generator) -> tuple[Path, Path]:
    """X.npy (ROWS, FEATURES) and Y.npy (ROWS,), written piece by piece as a large file would be."""
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (ROWS, FEATURES))
    Y = np.lib.format.open_memmap(folder / "Y.npy", "w+", np.int8, (ROWS,))
    scale = np.logspace(-3, 3, FEATURES)
    for start in range(0, ROWS, 50_000):
        Z = rng.standard_normal((50_000, FEATURES))
        X[start : start + 50_000] = scale * (Z + 1.0)
        Y[start : start + 50_000] = Z[:, 0] * Z[:, -1] + 0.5 * Z[:, 1] > 0
    X.flush()
    Y.flush()
    return folder / "X.npy", folder / "Y.npy"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        X, Y = write_rows(Path(folder), np.random.default_rng(3))
        network: dict[str, Any] = {"hidden": [32, 16], "examples": "rows"}
        common = {**network, "standardize": True, "iterations": ITERATIONS, "learning_rate": 0.03}

        print(f"the file: {X.stat().st_size / 2**20:.1f} MiB")
        print("from the file:", dnn_xp.plan(X, **network))
        from_file = dnn_xp.train(X, Y, **common)
        again = dnn_xp.train(X, Y, **common, threads=1)
        from_memory = dnn_xp.train(np.load(X), np.load(Y), **common)
        # The same plan for two thousand times as many rows; a label takes a byte.
        many = 2000 * ROWS
        small = dnn_xp.plan((FEATURES, ROWS), hidden=[32, 16]).host_peak_bytes - ROWS
        large = dnn_xp.plan((FEATURES, many), hidden=[32, 16]).host_peak_bytes - many

        print(from_file)
        print(from_file.evaluate(X, Y, examples="rows"))
        apart = float(np.max(np.abs(from_file.theta - from_memory.theta)))
        print(f"parameters from the file and from memory: {apart:.1e} apart")
        print(f"beyond data and labels: {small:,} bytes for {ROWS:,} rows,")
        print(f"                        {large:,} bytes for {many:,} rows")

        assert from_file.evaluate(X, Y, examples="rows").accuracy > 0.9
        assert np.array_equal(from_file.theta, again.theta), "threads must not change a bit"
        assert apart < 1e-5, "blocks read from a file are the blocks of the array"
        assert large < 2 * small


if __name__ == "__main__":
    main()
