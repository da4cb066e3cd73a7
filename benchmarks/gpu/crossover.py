"""From which size on a GPU pays: one exact full-batch gradient by NumPy on all cores, and by CuPy.

The data lie where they are computed with. Each pair of times is at one m; between them the
crossover is where the curves meet, in operations of a step, for each network and dtype. The largest
of these is what `dnn_xp/backends/cuda/crossover.py` takes: above it the GPU was faster everywhere.
"""

from __future__ import annotations

import statistics
from functools import partial
from typing import Any

from benchmarks import verify
from benchmarks.crossing import crossing
from benchmarks.gpu import ours
from benchmarks.gpu.sheet import Row, Task
from benchmarks.gpu.timing import times
from benchmarks.measure import say
from benchmarks.shapes import Problem, Shape, gradient_flops, named, problem, scaled

NETWORKS = (named("28-32-32-1"), named("28-300x4-1"))
EXAMPLES = (*(base * 10**power for power in range(1, 7) for base in (1, 3)), 10**7)
DTYPES = ("float32", "float64")
LONGEST = 1.0  # seconds of a step on the CPU, after which larger m are not measured there
SECONDS = 0.5  # of one comparison's steps, at most
# The difference above which two gradients are not the same: a Z near 0 may round to either side of
# relu's kink, which takes one example out of a unit's sum.
TOLERANCES = {"float32": 5e-3, "float64": 1e-6}
STAND_IN = "PyTorch on the CPU, in the place of a GPU"


def _one(library: str, data: Problem, how: dict[str, Any], seconds: float) -> tuple[float, Any]:
    step = ours.make(library, data, **how)
    median = statistics.median(times(step, seconds))
    with step.session():
        result = step.run()
        step.wait(result)
        return median, step.convert(result)


def _pair(
    task: Task, shape: Shape, m: int, dtype: str, library: str, before: list[float]
) -> dict[str, Any]:
    """Return both times; `before` are the CPU's at smaller m."""
    data = problem(shape.sizes, m)
    seconds = min(SECONDS, task.seconds)
    on_gpu = {"device": task.device, "precision": dtype}
    gpu, of_gpu = _one(library, data, on_gpu, seconds)
    if before and before[-1] > LONGEST:
        why = f"a step took {before[-1]:.1f} s at the last m before"
        return {"gpu_seconds": gpu, "cpu_left_out": why}
    cpu, of_cpu = _one("numpy", data, {"device": "cpu", "precision": dtype}, seconds)
    before.append(cpu)
    difference = verify.error(of_gpu, of_cpu)
    if not difference <= TOLERANCES[dtype]:
        raise verify.Mismatch(f"relative difference {difference:.1e}")
    return {"cpu_seconds": cpu, "gpu_seconds": gpu, "difference": difference}


def crossovers(rows: list[Row]) -> list[dict[str, Any]]:
    """Return from how many operations of a step on the GPU is faster, by network and dtype.

    None where it is not at the largest m that both were measured at.
    """
    found = []
    for name, dtype in dict.fromkeys((row["shape"], row["dtype"]) for row in rows):
        both = [
            row
            for row in rows
            if (row["shape"], row["dtype"]) == (name, dtype) and "cpu_seconds" in row
        ]
        series = ([row[key] for row in both] for key in ("flops", "cpu_seconds", "gpu_seconds"))
        found.append({"shape": name, "dtype": dtype, "operations": crossing(*series)})
    return found


def largest(found: list[dict[str, Any]]) -> float | None:
    """Return the crossover above which the GPU was faster in every comparison, if there is one."""
    operations = [each["operations"] for each in found]
    return None if not operations or None in operations else float(max(operations))


def constant(operations: float, machine: dict[str, Any], kind: str) -> str:
    """Return the line for `dnn_xp/backends/cuda/crossover.py`."""
    names = ("python", "numpy", "cupy-cuda12x", "cupy-cuda13x")
    versions = ", ".join(
        f"{name} {machine['versions'][name]}" for name in names if name in machine["versions"]
    )
    device, _, driver = machine["gpu"].partition(", ")
    arguments = {
        "operations": float(f"{operations:.3g}"),
        "device": device,
        "against": f"{machine['cores']} cores of {machine['cpu']}",
        "versions": f"{versions}, {driver}",
        "commit": machine["commit"],
        "results": f"{kind}.json",
    }
    listed = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"MEASURED: Crossover | None = Crossover({listed})"


def measure(task: Task) -> None:
    """Measure both sides of every network, dtype and m, and find where they cross."""
    library = "cupy" if task.device == "cuda" else "torch"
    task.sheet.figures["gpu"] = "CuPy" if task.device == "cuda" else STAND_IN
    for dtype in DTYPES:
        for shape in NETWORKS:
            before: list[float] = []
            for m in sorted({scaled(m, task.scale) for m in EXAMPLES}):
                facts = {"shape": shape.name, "dtype": dtype, "m": m}
                facts["flops"] = gradient_flops(shape.sizes, m)
                row = task.sheet.add(facts, partial(_pair, task, shape, m, dtype, library, before))
                if "gpu_seconds" in row:
                    cpu = f"{row['cpu_seconds'] * 1e3:10.3f} ms" if "cpu_seconds" in row else ""
                    say(
                        f"{shape.name:12s} {dtype} m={m:<10,} {facts['flops']:8.1e} operations: "
                        f"CPU {cpu:13s}, GPU {row['gpu_seconds'] * 1e3:10.3f} ms"
                    )
    found = crossovers(task.sheet.rows)
    figure = largest(found)
    task.sheet.figures |= {"crossovers": found, "crossover": figure}
    task.sheet.save()
    for each in found:
        at = each["operations"]
        where = "nowhere here" if at is None else f"from {at:.2e} operations a step on"
        say(f"{each['shape']} in {each['dtype']}: {task.sheet.figures['gpu']} is faster {where}")
    if figure is not None and task.device == "cuda" and task.scale == 1:
        say("for dnn_xp/backends/cuda/crossover.py:")
        say(constant(figure, task.sheet.machine, task.sheet.kind))
