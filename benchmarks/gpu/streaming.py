"""Examples that a GPU's memory does not hold, against the same ones where it does.

X takes twice the memory that CuPy's pool may have, so that `dnn_xp.train` sends it block by block, at
every iteration. Then the limit is lifted and the same training, with the same blocks, has its data
on the device. The results are compared bit for bit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import numpy as np

import dnn_xp
from benchmarks.candidate import NotAvailable
from benchmarks.gpu.sheet import Row, Task
from benchmarks.measure import say
from benchmarks.shapes import Shape, named

ALLOWED = 8 << 30  # bytes of CuPy's pool
ITERATIONS = 5
DRAWN = 1 << 16  # random examples, repeated until X is large enough
# For each byte that travels 15,000 operations, which hide a copy of 3 GB/s at 50 TFLOP/s; 1,000,
# which would want 50 GB/s; and 100.
NETWORKS = (named("28-300x4-1"), named("784-512-512-10"), named("28-32-32-1"))

Limit = Callable[[int], AbstractContextManager[None]]


@contextmanager
def little_memory(allowed: int) -> Iterator[None]:
    """Hold CuPy's pool to this many bytes, which bounds what the library counts as free, too."""
    import cupy

    pool = cupy.get_default_memory_pool()
    pool.free_all_blocks()
    pool.set_limit(size=allowed)
    try:
        yield
    finally:
        pool.set_limit(size=0)  # none
        pool.free_all_blocks()


def pool_bytes() -> int:
    """Return what CuPy holds of the device's memory."""
    import cupy

    return int(cupy.get_default_memory_pool().total_bytes())


def examples(shape: Shape, size: int) -> tuple[Any, Any]:
    """Return X of about `size` bytes, examples as columns, and labels."""
    rng = np.random.default_rng(0)
    features, outputs = shape.sizes[0], shape.sizes[-1]
    drawn = min(DRAWN, max(1, size // (4 * features)))
    few = rng.standard_normal((features, drawn), dtype=np.float32)
    labels = rng.integers(0, max(2, outputs), drawn).astype(np.int8)
    times = size // few.nbytes
    return np.tile(few, (1, times)), np.tile(labels, times)


def _train(
    shape: Shape, X: Any, Y: Any, *, held: Callable[[], int], block_size: Any = "auto"
) -> tuple[Any, Row]:
    peak = 0

    def look(*_: Any) -> None:
        nonlocal peak
        peak = max(peak, held())

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = dnn_xp.train(
            X,
            Y,
            hidden=shape.sizes[1:-1],
            iterations=ITERATIONS,
            learning_rate=1e-3,
            callbacks=[look],
            standardize=False,
            device="cuda",
            fallback=False,
            block_size=block_size,
        )
    assert model.record is not None  # a trained model has one
    # The first report comes after the first gradient, the last one after a forward pass alone.
    seconds = np.diff(model.history.seconds[:ITERATIONS])
    return model, {
        "seconds": float(np.median(seconds)),
        "best": float(np.min(seconds)),
        "device_bytes": peak,
        "block_size": model.record.block_size,
        "warnings": [str(each.message) for each in caught],
    }


def compare(shape: Shape, allowed: int, limit: Limit, held: Callable[[], int]) -> Row:
    """Return both trainings' times, memory and blocks, and how far their parameters are apart."""
    X, Y = examples(shape, 2 * allowed)
    # Starts the libraries, which take memory of their own.
    _train(shape, X[:, :DRAWN], Y[:DRAWN], held=held)
    with limit(allowed):
        one, streamed = _train(shape, X, Y, held=held)
    if streamed["device_bytes"] >= X.nbytes:
        raise RuntimeError("all examples were on the device, in spite of the limit")
    two, resident = _train(shape, X, Y, held=held, block_size=one.record.block_size)
    a, b = (model.backend.to_host(model.theta) for model in (one, two))
    return {
        "m": X.shape[1],
        "X_bytes": X.nbytes,
        "allowed_bytes": allowed,
        "streamed": streamed,
        "resident": resident,
        "times_resident": streamed["seconds"] / resident["seconds"],
        # Of a whole iteration, so that it is at least what the copies reach.
        "bytes_per_second": X.nbytes / streamed["seconds"],
        "same_bits": a.tobytes() == b.tobytes(),
        "largest_difference": float(np.max(np.abs(a - b))),
    }


def _row(task: Task, shape: Shape) -> Row:
    if task.device != "cuda":
        raise NotAvailable("it is about a GPU's memory, and the way to it")
    return compare(shape, int(ALLOWED * task.scale), little_memory, pool_bytes)


def measure(task: Task) -> None:
    """Measure each network."""
    for shape in NETWORKS:
        row = task.sheet.add({"shape": shape.name}, partial(_row, task, shape))
        if "streamed" in row:
            say(
                f"{shape.name}, m = {row['m']:,}: streamed {row['streamed']['seconds']:.3f} s an "
                f"iteration, {row['times_resident']:.2f} x that of data on the device; "
                f"{row['bytes_per_second'] / 1e9:.1f} GB/s; "
                f"{'the same bits' if row['same_bits'] else row['largest_difference']}"
            )
