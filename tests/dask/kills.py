"""Trainings on a local cluster whose workers are killed: `nox -s cluster`; `-- --trainings 3` for a short one.

All of them must have the bits of one process. Then a file larger than the memory limit of its
workers, and a worker that exceeds its limit: its nanny starts it again, and the training goes on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "dask"), str(ROOT)]

import numpy as np  # noqa: E402 - once the path is known
from clusters import Killer, cluster, examples, same  # noqa: E402

import dnn_xp  # noqa: E402
import dnn_xp.dask  # noqa: E402

HOW = {
    "adam": {"iterations": 60},
    "lbfgs": {"optimizer": "lbfgs", "iterations": 25},
    "validation": {"validation": 0.2, "patience": 5, "iterations": 60},
    "dropout": {"keep_prob": 0.8, "iterations": 60},
    "batches": {"batch_size": 3000, "epochs": 20},
}


def kills(folder: Path, trainings: int, workers: int) -> None:
    X, Y = examples()
    path = folder / "X.npy"
    np.save(path, X)
    expected, killed = {}, 0
    with cluster(workers) as client:
        for seed in range(trainings):
            name = list(HOW)[seed % len(HOW)]
            given = X if seed % 3 == 2 else path
            how = HOW[name] | {"hidden": [8, 4], "block_size": 256}
            if (name, seed % 3 == 2) not in expected:
                expected[name, seed % 3 == 2] = dnn_xp.train(given, Y, **how)
            client.wait_for_workers(workers, timeout=120)
            start = time.perf_counter()
            with Killer(client, seed, (0.1, 0.8)) as killer:
                model = dnn_xp.dask.train(client, given, Y, **how)
            same(model, expected[name, seed % 3 == 2])
            killed += killer.killed
            print(f"{seed:3} {name:10} {time.perf_counter() - start:5.1f} s, {killer.killed} killed; "
                  f"{model.settings['cluster']}", flush=True)  # fmt: skip
    print(f"{trainings} trainings with the bits of one process; {killed} workers killed")


def larger_than_memory(folder: Path) -> None:
    rng = np.random.default_rng(0)
    path, m = folder / "large.npy", 3_000_000
    file = np.lib.format.open_memmap(path, "w+", np.float32, (m, 100))
    for start in range(0, m, 100_000):
        file[start : start + 100_000] = rng.standard_normal((100_000, 100), dtype=np.float32)
    file.flush()
    Y = np.asarray(file[:, 0] > 0)
    how = {"hidden": [4], "iterations": 3, "examples": "rows"}
    with cluster(2, memory_limit="500 MB") as client:
        model = dnn_xp.dask.train(client, path, Y, **how)
        print(
            f"{path.stat().st_size >> 20} MiB on 2 workers of 500 MB: {model.settings['cluster']}"
        )
        same(model, dnn_xp.train(path, Y, **how))
        hog = client.submit(_hog, workers=[next(iter(client.nthreads()))], retries=0)
        model = dnn_xp.dask.train(client, path, Y, **how | {"iterations": 12})
        print(f"a worker over its limit: {hog.status}; {model.settings['cluster']}")
        same(model, dnn_xp.train(path, Y, **how | {"iterations": 12}))


def _hog() -> int:
    """Take memory until the nanny ends this process."""
    held = []
    for _ in range(600):
        held.append(np.ones(4 << 20, np.uint8))
        time.sleep(0.01)
    return len(held)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=int, default=50)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--without-large", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        kills(Path(name), asked.trainings, asked.workers)
        if not asked.without_large:
            larger_than_memory(Path(name))
