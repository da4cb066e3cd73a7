"""Our step on arrays of CuPy, PyTorch and JAX: exact cost and gradient of the full batch by the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import numpy as np

from benchmarks.candidate import Gradients, NotAvailable
from benchmarks.ours import objective_for, sizes_of
from benchmarks.shapes import Problem
from dnn_xp.backends.choice import backend_named
from dnn_xp.backends.cuda.backend import why_not_cuda
from dnn_xp.backends.jax import jax_backend
from dnn_xp.backends.precision import with_precision
from dnn_xp.backends.record import Backend
from dnn_xp.backends.torch import torch_backend
from dnn_xp.data.sources.base import ArraySource
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.threads import threads_used
from dnn_xp.formulas.parameters import unflatten


class DeviceStep(NamedTuple):
    """One gradient on a device.

    Attributes
    ----------
    run
        Issues the work and returns its result, not yet waited for.
    wait
        Waits for a result.
    convert
        (cost, [(dW, db), ...]) in NumPy arrays.
    session
        What has to be open meanwhile: the device, the precision, the engine.
    note
        What was chosen for it.
    """

    run: Callable[[], Any]
    wait: Callable[[Any], None]
    convert: Callable[[Any], tuple[float, Gradients]]
    session: Callable[[], AbstractContextManager[Any]]
    note: str


def _backend(library: str, device: str, *, compiled: bool) -> Backend:
    if library == "cupy":
        problem = why_not_cuda(0) if device == "cuda" else "it computes on GPUs alone"
        if problem:
            raise NotAvailable(problem)
        return backend_named("cupy", "cuda:0")
    if library == "torch":
        return torch_backend(device, compiled=compiled)
    if library == "numpy":
        return backend_named("numpy")
    return jax_backend()


def make(
    library: str, data: Problem, *, device: str, precision: str, compiled: bool = False
) -> DeviceStep:
    """Return the step of one library; the data lie on the device."""
    backend = _backend(library, device, compiled=compiled)
    try:
        precise = with_precision(backend, precision)
    except ValueError as error:
        raise NotAvailable(str(error)) from error
    sizes, m = sizes_of(data.parameters), data.X.shape[1]
    dtype = "float64" if precision == "float64" else "float32"
    with precise.active():
        objective, theta, size = objective_for(
            backend, data.parameters, m, precision=precision, dtype=dtype
        )
        X, Y = (
            ArraySource(backend.from_host(array.astype(dtype, copy=False)))
            for array in (data.X, data.Y)
        )
    examples = Examples(X, Y, None)
    engine = Engine(threads_used(None, backend))
    stepping = objective.using(engine)

    @contextmanager
    def session() -> Iterator[None]:
        with precise.active(), engine:
            yield

    def wait(result: Any) -> None:
        if library == "jax":
            import jax

            jax.block_until_ready(result)
        backend.synchronize()

    def convert(result: Any) -> tuple[float, Gradients]:
        J, gradient = result
        return float(J), unflatten(backend.to_host(gradient), sizes, xp=np)

    blocks = -(-m // size)
    return DeviceStep(
        run=lambda: stepping.cost_and_gradient(theta, examples),
        wait=wait,
        convert=convert,
        session=session,
        note=f"{blocks} block{'s' if blocks > 1 else ''} of {size}",
    )
