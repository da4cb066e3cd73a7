"""Times an update of a training: ours from the reports of `dnn_xp.train`, a peer's loop from outside."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import dnn_xp
from benchmarks import verify
from benchmarks.candidate import NotAvailable
from benchmarks.epochs import LEARNING_RATE
from benchmarks.gpu.loops import DESCENT_RATE, Job, Loop
from benchmarks.gpu.sheet import Row
from benchmarks.ours import sizes_of
from benchmarks.shapes import Parameters, Problem
from dnn_xp.backends.cuda.backend import why_not_cuda

Make = Callable[[Problem, Job, float], Row]

EPOCHS = 3
FEW = 20  # updates, to see how long one takes and that all go the same way
MOST = 2000  # updates between two reports
CHECKED = 1e-3  # relative error of the cost after a few full-batch updates


def given(library: str, array: Any, device: str) -> Any:
    """Return an array as `dnn_xp.train` gets it: of this library, on the device."""
    if library == "cupy" and device != "cuda":
        raise NotAvailable("it computes on GPUs alone")
    if library == "cupy" and why_not_cuda(0):
        raise NotAvailable(str(why_not_cuda(0)))
    if library == "torch":
        import torch

        return torch.as_tensor(array, device=device)
    if library == "jax":
        import jax
        import jax.numpy as jnp

        if array.dtype == np.float64 and not jax.config.jax_enable_x64:
            raise NotAvailable("JAX has no float64 unless JAX_ENABLE_X64=1 is set")
        return jnp.asarray(array)
    return array


def fit(library: str, device: str, data: Problem, optimizer: str, **how: Any) -> Any:
    """Return the model that `dnn_xp.train` makes, with the peers' learning rates."""
    where = {"cupy": "cuda", "numpy": "cpu"}.get(library)
    return dnn_xp.train(
        given(library, data.X, device),
        given(library, data.Y, device),
        hidden=sizes_of(data.parameters)[1:-1],
        initialization=data.parameters,
        optimizer=optimizer,
        learning_rate=LEARNING_RATE if optimizer == "adam" else DESCENT_RATE,
        standardize=False,
        device=where,
        fallback=False,
        **how,
    )


def on_host(model: Any) -> Parameters:
    """Return [(W, b), ...] as NumPy arrays."""
    return [tuple(model.backend.to_host(array) for array in pair) for pair in model.parameters]


def _check(parameters: Parameters, data: Problem, job: Job) -> float:
    """Return the cost after a few full-batch updates, which all candidates have to reach."""
    found = verify.cost(parameters, data.X, data.Y)
    model = fit("numpy", "cpu", data, job.optimizer, iterations=FEW)
    expected = verify.cost(on_host(model), data.X, data.Y)
    if not abs(found - expected) <= CHECKED * abs(expected):
        raise verify.Mismatch(f"cost {found:.6f} after {FEW} updates, not {expected:.6f}")
    return found


def _between(per_update: float, seconds: float) -> int:
    return max(FEW, min(MOST, int(seconds / 3 / max(per_update, 1e-9))))


def ours(library: str, device: str, data: Problem, job: Job, seconds: float) -> Row:
    """Return the seconds of an update by `dnn_xp.train`, with a report now and then and at each."""
    if job.batch_size is not None:
        model = fit(library, device, data, job.optimizer, batch_size=job.batch_size, epochs=EPOCHS)
        updates = -(-job.m // job.batch_size)
        # The first epoch may compile; each ends with the exact cost on all examples.
        found = np.diff(model.history.seconds)[1:] / updates
        cost = float(model.history.costs[-1])
        return {"seconds": float(np.median(found)), "best": float(found.min()), "cost": cost}
    model = fit(library, device, data, job.optimizer, iterations=FEW)
    cost = _check(on_host(model), data, job)
    every = np.diff(model.history.seconds[1:FEW])
    number = _between(float(np.median(every)), seconds)
    model = fit(library, device, data, job.optimizer, iterations=4 * number, report_every=number)
    # The last report may compile a forward pass of its own.
    found = np.diff(model.history.seconds[:-1]) / number
    model = fit(library, device, data, job.optimizer, iterations=number)
    reporting = np.diff(model.history.seconds[1:number])
    return {
        "seconds": float(np.median(found)),
        "best": float(found.min()),
        "seconds_reporting": float(np.median(reporting)),
        "cost": cost,
    }


def peer(make: Callable[[Problem, Job], Loop], data: Problem, job: Job, seconds: float) -> Row:
    """Return the seconds of an update of a peer's loop, which waits for the device at its end."""
    loop = make(data, job)
    count, updates = (1, -(-job.m // job.batch_size)) if job.batch_size else (FEW, FEW)

    def timed(count: int) -> float:
        start = time.perf_counter()
        loop.run(count)
        return time.perf_counter() - start

    timed(count)  # compiles
    cost = None
    if job.batch_size is None:
        cost = _check(loop.parameters(), data, job)
        count = updates = _between(timed(FEW) / FEW, seconds)
    found = [timed(count) / updates for _ in range(EPOCHS)]
    if cost is None:
        cost = verify.cost(loop.parameters(), data.X, data.Y)
    return {"seconds": statistics.median(found), "best": min(found), "cost": cost}
