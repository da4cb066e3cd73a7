"""One exact full-batch gradient of each network at each precision, in every library, above its floor.

Every row carries its error against float64 on a few thousand examples and the floor that no
candidate can beat.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import cache, partial

from benchmarks import verify
from benchmarks.gpu import ceilings, ours, peers
from benchmarks.gpu.cases import CASES, Ceilings, floor_seconds
from benchmarks.gpu.ours import DeviceStep
from benchmarks.gpu.sheet import Row, Task
from benchmarks.gpu.timing import times
from benchmarks.measure import say
from benchmarks.shapes import Problem, problem, scaled

CEILINGS = "ceilings"  # measured first, in a process of their own
CHECKED = 4096  # examples of the comparison with float64
# Relative errors of the gradient that the precisions explain. A little above is measured and
# marked, since a Z near 0 may round to either side of relu's kink; far above is something else.
TOLERANCES = {"float32": 1e-4, "tf32": 5e-3, "bfloat16": 5e-2}
WRONG = 5e-2

Make = Callable[..., DeviceStep]


def candidates(library: str) -> dict[str, Make]:
    """Return what one process measures, by name."""
    found: dict[str, Make] = {f"dnn_xp, {library}": partial(ours.make, library)}
    if library == "torch":
        found["dnn_xp, torch compiled"] = partial(ours.make, library, compiled=True)
        found["torch eager"] = peers.torch_step
        found["torch.compile"] = partial(peers.torch_step, compiled=True)
    if library == "jax":
        found["JAX jit"] = peers.jax_step
    return found


def _error(make: Make, data: Problem, how: dict[str, str]) -> float:
    few = Problem(data.parameters, data.X[:, :CHECKED].copy(), data.Y[:, :CHECKED].copy())
    step = make(few, **how)
    with step.session():
        result = step.run()
        step.wait(result)
        found = step.convert(result)
    size = verify.error(found, verify.reference(*few))
    if not size <= WRONG:
        raise verify.Mismatch(f"relative error {size:.1e}")
    return size


def _row(make: Make, drawn: Callable[[], Problem], how: dict[str, str], seconds: float) -> Row:
    data = drawn()
    error = _error(make, data, how)
    step = make(data, **how)
    found = times(step, seconds)
    return {
        "median": statistics.median(found),
        "best": min(found),
        "runs": len(found),
        "error": error,
        "as_wanted": error <= TOLERANCES[how["precision"]],
        "note": step.note,
    }


def _measure_ceilings(task: Task) -> None:
    limits, from_host = ceilings.measure(task.device, min(1.0, task.scale * 10))
    say(f"copy on the device {limits.bytes_per_second / 1e9:,.0f} GB/s, read and written")
    for name, rate in from_host.items():
        say(f"copy from the host, {name} memory: {rate / 1e9:,.1f} GB/s")
    for name, rate in limits.flops.items():
        say(f"product in {name}: {rate / 1e12:,.1f} TFLOP/s")
    task.sheet.figures = {CEILINGS: limits._asdict(), "from_host": from_host}
    task.sheet.save()


def measure(task: Task) -> None:
    """Measure the ceilings, or one library."""
    if task.library == CEILINGS:
        _measure_ceilings(task)
        return
    limits = task.sheet.figures.get(CEILINGS)
    for shape in CASES:
        if task.cases and shape.name not in task.cases:
            continue
        m = scaled(shape.m, task.scale)
        if task.library == "numpy":
            m = min(m, scaled(shape.m, task.host_share))
        # Drawn for the first row that has the time for it.
        drawn = cache(partial(problem, shape.sizes, m))
        for precision in task.precisions:
            if task.library == "numpy" and precision != "float32":
                continue  # the tolerances are those of float32
            floor = floor_seconds(shape, m, precision, Ceilings(**limits)) if limits else None
            for name, make in candidates(task.library).items():
                how = {"device": task.device, "precision": precision}
                facts = {"shape": shape.name, "m": m, "precision": precision, "candidate": name}
                row = task.sheet.add(
                    facts | {"floor": floor}, partial(_row, make, drawn, how, task.seconds)
                )
                if "median" in row:
                    above = f"{row['median'] / floor:6.2f} x floor" if floor else "no floor"
                    say(
                        f"{shape.name:16s} m={m:<9,} {precision:9s} {name:24s} "
                        f"{row['median'] * 1e3:10.3f} ms, {above}, error {row['error']:.0e}"
                    )
