"""Everything of dnn_xp that the benchmarks call: a change there is followed here alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

import dnn_xp
from benchmarks.candidate import Gradients, NotAvailable, Step, Work
from benchmarks.interleave import fastest
from benchmarks.shapes import Array, Parameters, Problem
from dnn_xp.backends.choice import choose_backend
from dnn_xp.backends.cuda.backend import why_not_cuda
from dnn_xp.backends.numpy import mkl, products
from dnn_xp.backends.record import Backend
from dnn_xp.data.sources.base import ArraySource
from dnn_xp.execution.block_size import auto_block_size
from dnn_xp.execution.engine import Engine
from dnn_xp.execution.examples import Examples
from dnn_xp.execution.memory import Pass, Values, make_plan
from dnn_xp.execution.objective import Objective
from dnn_xp.execution.threads import threads_used
from dnn_xp.formulas import (
    ACTIVATIONS,
    COSTS,
    adam,
    linear_backward,
    linear_forward,
    relu,
    relu_backward,
    sigmoid,
)
from dnn_xp.formulas.network import Network
from dnn_xp.formulas.parameters import unflatten


@contextmanager
def at_work(backend: Backend, engine: Engine) -> Iterator[None]:
    """Settings of the library and of BLAS as in a training."""
    with backend.active(), engine:
        yield


def why_not(device: str) -> str | None:
    """Return why a device, "cpu" or "cuda", cannot be used here; None when it can."""
    return None if device == "cpu" else why_not_cuda(0)


def _network(sizes: tuple[int, ...]) -> Network:
    """Return [LINEAR -> RELU] x (L-1) -> LINEAR -> SIGMOID, or SOFTMAX for several outputs."""
    output, cost = (
        ("sigmoid", "binary_cross_entropy")
        if sizes[-1] == 1
        else ("softmax", "softmax_cross_entropy")
    )
    names = ["relu"] * (len(sizes) - 2) + [output]
    return Network(sizes, tuple(ACTIVATIONS[name] for name in names), COSTS[cost])


def sizes_of(parameters: Parameters) -> tuple[int, ...]:
    """Return n_0, n_1, ..., n_L."""
    return (parameters[0][0].shape[1], *(W.shape[0] for W, _ in parameters))


def objective_for(
    backend: Backend,
    parameters: Parameters,
    m: int,
    *,
    block_size: int | None = None,
    precision: str = "",
    dtype: str = "float32",
) -> tuple[Objective, Any, int]:
    """Return the objective of the network, theta on the backend's device, and the block size."""
    sizes = sizes_of(parameters)
    size = block_size or auto_block_size(sizes, m, dtype=dtype, backend=backend)
    objective = Objective(
        _network(sizes), backend, dtype=dtype, block_size=lambda _: size, precision=precision
    )
    flat = np.concatenate([a.ravel() for pair in parameters for a in pair])
    theta = backend.from_host(flat.astype(dtype, copy=False))
    return objective, theta, size


def make(
    parameters: Parameters,
    X: Array,
    Y: Array,
    *,
    tune: bool = True,
    device: str = "cpu",
    block_size: int | None = None,
    blas: str = "numpy",
) -> Step:
    """Return the step that a full-batch training takes: exact cost and gradient by the engine.

    The engine stays open from step to step, as in a training. `tune` lets the examples lie as
    columns or as rows, whichever is faster; otherwise they are columns. Without a block size, the
    library chooses it.
    """
    backend, _ = choose_backend(device, None, fallback=False, blas=blas)
    sizes, m = sizes_of(parameters), X.shape[1]
    objective, theta, size = objective_for(backend, parameters, m, block_size=block_size)
    threads = threads_used(None, backend)

    def layout(name: str) -> Work:
        rows = name == "rows"
        X_source, Y_source = (
            ArraySource(backend.from_host(np.ascontiguousarray(array.T) if rows else array), rows)
            for array in (X, Y)
        )
        examples = Examples(X_source, Y_source, None)
        engine = Engine(threads)
        stepping = objective.using(engine)

        def run() -> Any:
            result = stepping.cost_and_gradient(theta, examples)
            backend.synchronize()
            return result

        return Work(run, session=lambda: at_work(backend, engine))

    best = fastest(("columns", "rows"), layout) if tune else "columns"
    work = layout(best)

    def convert(result: Any) -> tuple[float, Gradients]:
        J, gradient = result
        return float(J), unflatten(backend.to_host(gradient), sizes, xp=np)

    plan = make_plan(objective.network, Pass(m, size), X=Values(X.dtype, X.dtype), threads=threads)
    note = f"examples as {best}; blocks: {plan.blocks} of {size}; threads: {plan.threads}"
    return Step(run=work.run, convert=convert, note=note, session=work.session)


def require_mkl() -> None:
    """Raise NotAvailable unless MKL can be used here."""
    loaded = mkl.load()
    if isinstance(loaded, str):
        raise NotAvailable(loaded)


def make_with_mkl(parameters: Parameters, X: Array, Y: Array, *, tune: bool = True) -> Step:
    """Return the same step with the wide products by MKL."""
    require_mkl()
    return make(parameters, X, Y, tune=tune, blas="mkl")


def train(data: Problem, *, iterations: int, device: str) -> Parameters:
    """Train with full batches from data on the host, and return the parameters."""
    model = dnn_xp.train(
        data.X,
        data.Y,
        hidden=sizes_of(data.parameters)[1:-1],
        initialization=data.parameters,
        iterations=iterations,
        learning_rate=1e-3,
        standardize=False,
        device=device,
    )
    backend, _ = choose_backend(device, None, fallback=False)
    return [(backend.to_host(W), backend.to_host(b)) for W, b in model.parameters]


def _linear_forward(backend: Backend, units: int, m: int) -> Callable[[], Any]:
    W, A, b = _drawn(backend, (units, units), (units, m), (units, 1))
    return lambda: linear_forward(A, W, b, xp=backend.xp)


def _linear_backward(backend: Backend, units: int, m: int) -> Callable[[], Any]:
    W, A, b, dZ = _drawn(backend, (units, units), (units, m), (units, 1), (units, m))
    return lambda: linear_backward(dZ, (A, W, b), m=m, xp=backend.xp)


def _relu(backend: Backend, units: int, m: int) -> Callable[[], Any]:
    (Z,) = _drawn(backend, (units, m))
    return lambda: relu(Z, xp=backend.xp)


def _relu_backward(backend: Backend, units: int, m: int) -> Callable[[], Any]:
    dA, Z = _drawn(backend, (units, m), (units, m))
    return lambda: relu_backward(dA, Z, xp=backend.xp)


def _sigmoid(backend: Backend, units: int, m: int) -> Callable[[], Any]:
    (Z,) = _drawn(backend, (units, m))
    return lambda: sigmoid(Z, xp=backend.xp)


def _cost(backend: Backend, units: int, m: int) -> Callable[[], Any]:
    Z, Y = _drawn(backend, (1, m), (1, m))
    cost = COSTS["binary_cross_entropy"]
    return lambda: (cost.loss(Z, Y, xp=backend.xp), cost.derivative(Z, Y, xp=backend.xp))


def _adam(backend: Backend, units: int, m: int) -> Callable[[], Any]:
    theta, gradient = _drawn(backend, (units * units,), (units * units,))
    optimizer = adam()
    state = optimizer.init(theta, xp=backend.xp)
    return lambda: optimizer.update(
        theta, gradient, state, learning_rate=1e-3, step=10, xp=backend.xp
    )


KERNELS = {
    "linear_forward": _linear_forward,
    "linear_backward": _linear_backward,
    "relu": _relu,
    "relu_backward": _relu_backward,
    "sigmoid": _sigmoid,
    "binary_cross_entropy and derivative": _cost,
    "adam update": _adam,
}


# One product of a layer, as it is and as the NumPy backend runs it.
PRODUCTS: dict[str, Callable[[Any, Any], Any]] = {
    "numpy.matmul": np.matmul,
    "dnn_xp": partial(products.matmul, any_order=True),
}


def _drawn(backend: Backend, *shapes: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(0)
    return [backend.from_host(rng.standard_normal(shape, dtype=np.float32)) for shape in shapes]


def kernel(name: str, units: int, m: int, *, device: str) -> Work:
    """Return one formula on `units` units and m examples, run as the engine runs it.

    On the CPU that is on one BLAS thread.
    """
    backend, _ = choose_backend(device, None, fallback=False)
    formula = KERNELS[name](backend, units, m)

    def run() -> None:
        formula()
        backend.synchronize()

    return Work(run, session=lambda: at_work(backend, Engine(1)))
