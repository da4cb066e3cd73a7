"""Whether a device computes the training that the CPU computes, and holds no more memory with time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu import trained
from benchmarks.gpu.sheet import Row
from benchmarks.shapes import Problem, named, problem

STEPS = 100
EXAMPLES = 10_000
# Of the length of the parameters: rounding, grown a little from step to step.
WANTED = {"float64": 1e-12, "float32": 1e-5}
LOOKED_AT = (100, 1000)  # steps after which memory is looked at


def _flat(parameters: Any) -> Any:
    return np.concatenate([array.ravel() for pair in parameters for array in pair]).astype(float)


def measure(library: str, device: str, optimizer: str, dtype: str) -> Row:
    """Return how far the parameters of a library on a device are from NumPy's after some steps."""
    drawn = problem(named("28-32-32-1").sizes, EXAMPLES)
    parameters = [(W.astype(dtype), b.astype(dtype)) for W, b in drawn.parameters]
    data = Problem(parameters, drawn.X.astype(dtype), drawn.Y.astype(dtype))
    there, here = (
        _flat(trained.on_host(trained.fit(each, device, data, optimizer, iterations=STEPS)))
        for each in (library, "numpy")
    )
    difference = float(np.linalg.norm(there - here) / np.linalg.norm(here))
    wanted = WANTED[dtype]
    return {"difference": difference, "wanted": wanted, "met": difference <= wanted}


def growth(data: Problem, device: str, held: Callable[[], int], library: str = "cupy") -> Row:
    """Return the bytes that are held after some steps of one training, and after many."""
    found: dict[int, int] = {}

    def look(iteration: int, *_: Any) -> None:
        if iteration in LOOKED_AT:
            found[iteration] = held()

    trained.fit(
        library,
        device,
        data,
        "adam",
        iterations=LOOKED_AT[-1],
        report_every=LOOKED_AT[0],
        callbacks=[look],
    )
    sizes = [found[steps] for steps in LOOKED_AT]
    return {"steps": list(LOOKED_AT), "bytes": sizes, "growth": sizes[-1] - sizes[0]}
