"""What a Dask cluster of local processes costs: latency, bytes, weak scaling."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, LocalCluster

import dnn_xp
import dnn_xp.dask


def seconds_an_iteration(
    train: Callable[..., object], few: int, more: int, times: int = 2
) -> float:
    """Of two trainings, so that what is done once does not count; the least of several `times`."""
    train(iterations=1)
    found = []
    for _ in range(times):
        seconds = []
        for iterations in (few, more):
            start = time.perf_counter()
            train(iterations=iterations)
            seconds.append(time.perf_counter() - start)
        found.append((seconds[1] - seconds[0]) / (more - few))
    return min(found)


def on(workers: int, X: Any, Y: Any, **how: Any) -> tuple[float, str]:
    """Seconds an iteration, and the record of a training on so many processes."""
    lengths = how.pop("lengths")
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0") as made,
        Client(made) as client,
    ):
        models: list[dnn_xp.Model] = []

        def train(iterations: int) -> dnn_xp.Model:
            models.append(
                dnn_xp.dask.train(client, X, Y, iterations=iterations, report_every=1000, **how)
            )
            return models[-1]

        found = seconds_an_iteration(train, *lengths)
        return found, models[-1].settings["cluster"]


def latency() -> dict[str, Any]:
    """Iterations whose arithmetic is next to nothing."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 2000)).astype(np.float32)
    Y = (X[0] > 0).astype(int)
    found = {}
    for workers in (1, 2, 4):
        found[workers] = on(workers, X, Y, hidden=[4], block_size=250, lengths=(10, 60))
    return {"latency": found}


def gradient_bytes() -> dict[str, Any]:
    """Iterations of 2 workers that move gradients of many bytes and compute little."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, 200)).astype(np.float32)
    Y = (X[0] > 0).astype(int)
    found = {}
    for width in (10, 300, 3000):
        how: dict[str, Any] = {"hidden": [width], "block_size": 100, "lengths": (2, 8)}
        seconds, said = on(2, X, Y, **how)
        start = time.perf_counter()
        dnn_xp.train(X, Y, hidden=[width], block_size=100, iterations=20, report_every=1000)
        found[4 * (1001 * width + width + 1)] = seconds, (time.perf_counter() - start) / 20, said
    return {"bytes": found}


# Examples of 28 features a worker, whose gradient takes about a second.
WIDE: dict[str, Any] = {"hidden": [300] * 4, "block_size": 2000, "lengths": (1, 4, 1)}
EXAMPLES = 52_000


def wide_file(folder: str, workers: int) -> tuple[Path, Any]:
    """A file for so many workers, and its targets."""
    path = Path(folder) / f"X{workers}.npy"
    X = np.random.default_rng(0).standard_normal((28, EXAMPLES * workers), dtype=np.float32)
    np.save(path, X)
    return path, X[0] > 0


def scaling() -> dict[str, Any]:
    """The same examples a worker, 1 and 2 workers, on a gradient of about a second."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for workers in (1, 2):
            found[workers] = on(workers, *wide_file(folder, workers), **WIDE)
    return {"scaling": found, "efficiency": found[1][0] / found[2][0]}


def processor_time() -> dict[str, Any]:
    """CPU seconds an iteration of the wide gradient: in this process alone, and of the parts of a cluster.

    Unlike wall time they are hardly changed by what else runs on the machine.
    """
    import psutil

    how = dict(WIDE)
    few, more, _ = how.pop("lengths")

    def each(train: Callable[[int], object], processes: Callable[[], list[int]]) -> list[float]:
        train(few)
        seconds = []
        for iterations in (few, more):
            before = [sum(psutil.Process(pid).cpu_times()[:2]) for pid in processes()]
            train(iterations)
            after = [sum(psutil.Process(pid).cpu_times()[:2]) for pid in processes()]
            seconds.append(np.subtract(after, before))
        return [round(float(each), 3) for each in (seconds[1] - seconds[0]) / (more - few)]

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path, Y = wide_file(folder, 1)
        how_alone = {**how, "threads": 1, "report_every": 1000}
        found["alone"] = each(
            lambda n: dnn_xp.train(path, Y, iterations=n, **how_alone), lambda: [os.getpid()]
        )
        for workers in (1, 2):
            path, Y = wide_file(folder, workers)
            with (
                LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address=":0"
                ) as made,
                Client(made) as client,
            ):
                found[f"client and scheduler, {workers} workers"] = each(
                    _trained_by(client, path, Y, how), _processes_of(client)
                )
    return {"cpu_seconds": found}


def _trained_by(client: Client, path: Path, Y: Any, how: dict[str, Any]) -> Callable[[int], object]:
    return lambda n: dnn_xp.dask.train(client, path, Y, iterations=n, report_every=1000, **how)


def _processes_of(client: Client) -> Callable[[], list[int]]:
    return lambda: [os.getpid(), *client.run(os.getpid).values()]


def without_dask() -> dict[str, Any]:
    """The same gradient in one process, and in two processes at once that know nothing of each other."""
    context = multiprocessing.get_context("spawn")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path, Y = wide_file(folder, 1)
        for count in (1, 2):
            together, times = context.Barrier(count), context.Queue()
            given = path, Y, together, times
            each = [context.Process(target=_alone, args=given) for _ in range(count)]
            for process in each:
                process.start()
            found[count] = max(times.get() for _ in each)
            for process in each:
                process.join()
    return {"processes": found, "efficiency": found[1] / found[2]}


def _alone(path: Path, Y: Any, together: Any, times: Any) -> None:
    how = {**WIDE, "threads": 1, "report_every": 1000}
    lengths = how.pop("lengths")

    def train(iterations: int) -> dnn_xp.Model:
        together.wait()
        return dnn_xp.train(path, Y, iterations=iterations, **how)

    times.put(seconds_an_iteration(train, *lengths))


def seconds_by_model(
    workers: Any, m: float, *, speed: float, gradient: float, second_per_byte: float
) -> Any:
    """T(W) = m / (W speed) + latency + bytes: a model with figures measured here, no measurement.

    speed: examples a second and worker. Up to 16 parts come to the client; of more, workers add 16
    at once, level by level.
    """
    levels = np.ceil(np.log(np.maximum(workers, 2)) / np.log(16))
    parts = np.minimum(workers, 16)
    latency = 0.0115 * levels + 0.0016 * workers
    return m / (workers * speed) + latency + gradient * second_per_byte * (1 + parts * levels)


def draw(to: Path, second_per_byte: float) -> None:
    """The model, up to 1,000 workers and 1e12 examples."""
    import matplotlib.pyplot as plt

    workers = np.unique(np.logspace(0, 3, 100).astype(int))
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    for ax, (title, speed, gradient) in zip(
        axes,
        (
            ("28-32-32-1, 16 cores a worker", 3.2e7, 8e3),
            ("28-300-300-300-300-1, 16 cores", 8.3e5, 1.1e6),
        ),
        strict=True,
    ):
        for m in (1e6, 1e8, 1e10, 1e12):
            how = {"speed": speed, "gradient": gradient, "second_per_byte": second_per_byte}
            ax.loglog(workers, seconds_by_model(workers, m, **how), label=f"{m:.0e} examples")
        ax.set(title=title, xlabel="workers")
    axes[0].set_ylabel("seconds an iteration (model)")
    axes[0].legend(fontsize=8)
    figure.savefig(to, dpi=110)


if __name__ == "__main__":
    measures = {
        "latency": latency,
        "bytes": gradient_bytes,
        "scaling": scaling,
        "alone": without_dask,
        "processor": processor_time,
    }
    if sys.argv[1] == "draw":
        draw(Path(sys.argv[2]), float(sys.argv[3]))
    else:
        print(json.dumps(measures[sys.argv[1]](), indent=1, default=str))
