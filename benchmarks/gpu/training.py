"""Whole trainings on a device: small problems, mini-batches, memory over many steps, and agreement.

Small problems are bound by launches rather than arithmetic. Ours is `dnn_xp.train`; the peers are
loops as their users write them, which read no cost meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from benchmarks.candidate import NotAvailable
from benchmarks.gpu import agreement, loops, trained
from benchmarks.gpu.loops import Job
from benchmarks.gpu.sheet import Row, Task
from benchmarks.measure import say
from benchmarks.shapes import Problem, named, problem, scaled

_CATS, _SMALL = named("12288-20-7-5-1"), named("28-32-32-1")
_BATCHES = (28, 64, 64, 1)
JOBS = (
    Job(_CATS.name, _CATS.sizes, 209, "gradient_descent"),
    Job(_CATS.name, _CATS.sizes, 209, "adam"),
    Job(_SMALL.name, _SMALL.sizes, 10_000, "gradient_descent"),
    Job(_SMALL.name, _SMALL.sizes, 10_000, "adam"),
    Job("28-64-64-1", _BATCHES, 1_000_000, "adam", 256),
    Job("28-64-64-1", _BATCHES, 1_000_000, "adam", 4096),
)
# A trial has enough examples for a few large batches.
LEAST = 100_000


def _candidates(library: str, device: str) -> dict[str, trained.Make]:
    """Return what one process times, by name."""
    found: dict[str, trained.Make] = {f"dnn_xp, {library}": partial(trained.ours, library, device)}
    if library == "torch":
        for name, mode in (
            ("torch eager", None),
            ("torch.compile", "default"),
            ("torch.compile, CUDA graphs", "reduce-overhead"),
        ):
            found[name] = partial(trained.peer, partial(loops.torch_loop, device=device, mode=mode))
    if library == "jax":
        found["JAX jit"] = partial(trained.peer, loops.jax_loop)
    return found


def _say(facts: Row, row: Row) -> None:
    if "seconds" in row:
        batches = f"batches of {facts['batch_size']}" if facts["batch_size"] else "full batch"
        say(
            f"{facts['shape']:16s} m={facts['m']:<9,} {facts['optimizer']:16s} {batches:16s} "
            f"{facts['candidate']:28s}{row['seconds'] * 1e6:10.1f} us an update"
        )


def _timed(make: trained.Make, drawn: Callable[[], Problem], job: Job, seconds: float) -> Row:
    return make(drawn(), job, seconds)


def _times(task: Task) -> None:
    for job in JOBS:
        used = job._replace(m=max(scaled(job.m, task.scale), min(job.m, LEAST)))
        # Drawn for the first row that has the time for it.
        drawn = cache(partial(problem, used.sizes, used.m))
        for name, make in _candidates(task.library, task.device).items():
            facts = {"what": "time", "candidate": name, **used._asdict()}
            _say(facts, task.sheet.add(facts, partial(_timed, make, drawn, used, task.seconds)))


def _pool() -> Any:
    import cupy

    return cupy.get_default_memory_pool()


def _memory(task: Task) -> Row:
    if task.device != "cuda":
        raise NotAvailable("it is about CuPy's memory")
    job = JOBS[3]
    return agreement.growth(problem(job.sizes, job.m), "cuda", lambda: int(_pool().total_bytes()))


def measure(task: Task) -> None:
    """Time every job in one library; then memory and agreement with the CPU."""
    _times(task)
    if task.library == "cupy":
        row = task.sheet.add(
            {"what": "memory", "candidate": "dnn_xp, cupy"}, partial(_memory, task)
        )
        if "growth" in row:
            say(f"CuPy's memory after {row['steps']} steps: {row['bytes']}")
    if task.library == "numpy":
        return
    for optimizer in ("gradient_descent", "adam"):
        for dtype in agreement.WANTED:
            facts = {"what": "agreement", "candidate": f"dnn_xp, {task.library}"}
            facts |= {"optimizer": optimizer, "dtype": dtype}
            row = task.sheet.add(
                facts, partial(agreement.measure, task.library, task.device, optimizer, dtype)
            )
            if "difference" in row:
                say(
                    f"{facts['candidate']} after {agreement.STEPS} steps of {optimizer} in {dtype}: "
                    f"{row['difference']:.1e} from NumPy, wanted {row['wanted']:.0e}"
                )
