"""Trainings on a local cluster that loses its parts: `nox -s cluster`; `-- --trainings 3` for a short one.

`kills`: workers are killed at random moments. `scheduler`: it is killed, and another one goes on from
the checkpoint. `memory`: a file larger than the memory limits of all workers, and a worker that
exceeds its limit: its nanny starts it again, and the training goes on. All models must have the bits
of one process.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "dask"), str(ROOT)]

import numpy as np  # noqa: E402 - once the path is known
from clusters import Killer, cluster, examples, same  # noqa: E402
from distributed import Client  # noqa: E402

import dnn_xp  # noqa: E402
import dnn_xp.dask  # noqa: E402
from dnn_xp.dask.cluster import ClusterError  # noqa: E402

HOW = {
    "adam": {"iterations": 60},
    "lbfgs": {"optimizer": "lbfgs", "iterations": 25},
    "validation": {"validation": 0.2, "patience": 5, "iterations": 60},
    "dropout": {"keep_prob": 0.8, "iterations": 60},
    "batches": {"batch_size": 3000, "epochs": 20},
}


def kills(folder: Path, seeds: range, workers: int) -> None:
    X, Y = examples()
    path = folder / "X.npy"
    np.save(path, X)
    expected, killed = {}, 0
    for seed in seeds:
        name, in_memory = list(HOW)[seed % len(HOW)], seed % 3 == 2
        given = X if in_memory else path
        how = HOW[name] | {"hidden": [8, 4], "block_size": 256}
        if (name, in_memory) not in expected:
            expected[name, in_memory] = dnn_xp.train(given, Y, **how)
        # A nanny whose worker is killed while it starts gives up: each training has new ones.
        with cluster(workers) as client:
            start = time.perf_counter()
            with Killer(client, seed, (0.1, 0.8)) as killer:
                model = dnn_xp.dask.train(client, given, Y, **how)
            took = time.perf_counter() - start
        same(model, expected[name, in_memory])
        killed += killer.killed
        kind = "array" if in_memory else "file"
        print(f"{seed:3} {name:10} {kind:5} {took:5.1f} s, {killer.killed} killed; "
              f"{model.settings['cluster']}", flush=True)  # fmt: skip
    print(f"{len(seeds)} trainings with the bits of one process; {killed} workers killed")


def processes(file: Path, workers: int) -> list[subprocess.Popen[bytes]]:
    """A scheduler and workers as a user starts them, which find each other by a file."""
    dask = [sys.executable, "-m", "distributed.cli"]
    given = ["--scheduler-file", str(file), "--no-dashboard"]
    commands = [[f"{dask[2]}.dask_scheduler", *given, "--port", "0", "--host", "127.0.0.1"]]
    each = ["--nthreads", "1", "--nworkers", str(workers), "--death-timeout", "20"]
    commands.append([f"{dask[2]}.dask_worker", *given, *each])
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return [
        subprocess.Popen([*dask[:2], *command], stderr=subprocess.DEVNULL, env=environment)
        for command in commands
    ]


@contextmanager
def started(file: Path, workers: int) -> Iterator[tuple[Client, subprocess.Popen[bytes]]]:
    """A client of such processes, and the scheduler."""
    file.unlink(missing_ok=True)
    made = processes(file, workers)
    try:
        while not (file.exists() and file.stat().st_size):
            time.sleep(0.1)
        with Client(scheduler_file=str(file)) as client:
            client.wait_for_workers(workers, timeout=60)
            yield client, made[0]
    finally:
        for each in reversed(made):
            each.terminate()
        for each in made:
            each.wait(30)


def scheduler_restarts(folder: Path) -> None:
    X, Y = examples()
    path, file = folder / "X.npy", folder / "scheduler.json"
    np.save(path, X)
    how = {"hidden": [8, 4], "block_size": 256, "iterations": 200, "report_every": 2}
    kept = how | {"checkpoint": folder / "kept", "checkpoint_every": 1}
    with started(file, 2) as (client, scheduler):

        def ends(iteration: int, cost: float, model: dnn_xp.Model) -> None:
            if iteration == 120:
                os.kill(scheduler.pid, signal.SIGKILL)

        start = time.perf_counter()
        try:
            dnn_xp.dask.train(client, path, Y, **kept, callbacks=[ends])
        except ClusterError as error:
            print(f"killed at 120 of 200; after {time.perf_counter() - start:.1f} s: {error}")
        else:
            raise AssertionError
    with started(file, 2) as (client, _):
        model = dnn_xp.dask.train(client, path, Y, **kept, resume=True)
    expected = dnn_xp.train(path, Y, **how)
    assert model.theta.tobytes() == expected.theta.tobytes()
    assert model.history.costs == expected.history.costs
    print(f"another scheduler, {model.settings['cluster']}: the bits of one process", flush=True)


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
    parser.add_argument("--only", choices=["kills", "scheduler", "memory"])
    parser.add_argument("--first", type=int, default=0, help="seed of the first training")
    parser.add_argument("--trainings", type=int, default=50)
    parser.add_argument("--workers", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if asked.only in (None, "kills"):
            seeds = range(asked.first, asked.first + asked.trainings)
            kills(Path(name), seeds, asked.workers)
        if asked.only in (None, "scheduler"):
            scheduler_restarts(Path(name))
        if asked.only in (None, "memory"):
            larger_than_memory(Path(name))
