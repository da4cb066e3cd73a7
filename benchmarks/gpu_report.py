"""One command for a short time with a GPU: `python -m benchmarks.gpu_report`.

Ceilings of the device; then one exact full-batch gradient of every network at every precision, by
ours on arrays of CuPy, PyTorch and JAX, and by PyTorch eager, torch.compile and JAX jit. Every row
carries its error against float64 on a few thousand examples and the floor that no candidate can
beat, and is saved as soon as it is there. Each library has a process of its own, since each keeps
the device's memory to itself. `--device cpu --scale 0.001` tries all of it without a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import machine, verify
from benchmarks.candidate import NotAvailable
from benchmarks.gpu import ceilings as ceiling
from benchmarks.gpu import ours, peers
from benchmarks.gpu.cases import CASES, PRECISIONS, Ceilings, floor_seconds
from benchmarks.gpu.ours import DeviceStep
from benchmarks.measure import reason, say
from benchmarks.results import results_folder
from benchmarks.shapes import Problem, Shape, problem, scaled

CHECKED = 4096  # examples of the comparison with float64
# Relative errors of the gradient above which a candidate computes something else.
TOLERANCES = {"float32": 1e-4, "tf32": 5e-3, "bfloat16": 5e-2}
LIBRARIES = ("cupy", "torch", "jax", "numpy")

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


def _times(step: DeviceStep, seconds: float) -> list[float]:
    """Seconds of one step, at least three; many in a row where one is short."""
    with step.session():
        for _ in range(2):
            step.wait(step.run())
        start = time.perf_counter()
        step.wait(step.run())
        number = max(1, int(0.05 / (time.perf_counter() - start)))
        times: list[float] = []
        began = time.perf_counter()
        while len(times) < 3 or time.perf_counter() - began < seconds:
            start = time.perf_counter()
            for _ in range(number):
                result = step.run()
            step.wait(result)
            times.append((time.perf_counter() - start) / number)
    return times


def _error(make: Make, data: Problem, how: dict[str, str]) -> float:
    few = Problem(data.parameters, data.X[:, :CHECKED].copy(), data.Y[:, :CHECKED].copy())
    step = make(few, **how)
    with step.session():
        result = step.run()
        step.wait(result)
        found = step.convert(result)
    size = verify.error(found, verify.reference(*few))
    if not size <= TOLERANCES[how["precision"]]:
        raise verify.Mismatch(f"relative error {size:.1e}")
    return size


def _row(make: Make, shape: Shape, data: Problem, how: dict[str, str], seconds: float) -> Any:
    try:
        error = _error(make, data, how)
        step = make(data, **how)
        times = _times(step, seconds)
    except NotAvailable as missing:
        return {"left_out": str(missing)}
    except Exception as failure:  # such as a peer that the device's memory does not hold
        return {"left_out": reason(failure)}
    return {
        "median": statistics.median(times),
        "best": min(times),
        "runs": len(times),
        "error": error,
        "note": step.note,
    }


def _save(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def _child(arguments: argparse.Namespace) -> None:
    """Measure one library; the device's ceilings come with the call."""
    limits = Ceilings(**json.loads(arguments.ceilings))
    rows: list[dict[str, Any]] = []
    path = arguments.folder / f"gpu-{arguments.library}.json"
    for shape in CASES:
        if arguments.cases and shape.name not in arguments.cases:
            continue
        m = scaled(shape.m, arguments.scale)
        if arguments.library == "numpy":
            m = min(m, scaled(shape.m, arguments.host_share))
        data = problem(shape.sizes, m)
        for precision in arguments.precisions:
            if arguments.library == "numpy" and precision != "float32":
                continue  # NumPy has no other
            floor = floor_seconds(shape, m, precision, limits)
            for name, make in candidates(arguments.library).items():
                how = {"device": arguments.device, "precision": precision}
                row = _row(make, shape, data, how, arguments.seconds)
                facts = {"shape": shape.name, "m": m, "precision": precision, "candidate": name}
                rows.append(facts | {"floor": floor} | row)
                what = (
                    f"{row['median'] * 1e3:10.3f} ms, {row['median'] / floor:6.2f} x floor, error {row['error']:.0e}"
                    if "median" in row
                    else f"left out: {row['left_out']}"
                )
                say(f"{shape.name:16s} m={m:<9,} {precision:9s} {name:24s} {what}")
                machine_facts = machine.describe() | {"device": arguments.device}
                _save(path, {"kind": "gpu", "machine": machine_facts, "rows": rows})


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_report", description=__doc__)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the examples")
    parser.add_argument(
        "--host-share", type=float, default=0.02, help="share of the examples that NumPy gets"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="for one candidate's steps")
    parser.add_argument("--libraries", nargs="*", default=LIBRARIES, choices=LIBRARIES)
    parser.add_argument("--cases", nargs="*", default=[], choices=[shape.name for shape in CASES])
    parser.add_argument("--precisions", nargs="*", default=PRECISIONS, choices=PRECISIONS)
    parser.add_argument("--folder", type=Path, help="where the results go; such as $OUT")
    parser.add_argument("--library", help=argparse.SUPPRESS)
    parser.add_argument("--ceilings", help=argparse.SUPPRESS)
    found = parser.parse_args(arguments)
    found.folder = found.folder or results_folder(found.scale)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure the ceilings, then every library in a process of its own."""
    found = parse(arguments)
    if found.library:
        _child(found)
        return 0
    limits, from_host = ceiling.measure(found.device, min(1.0, found.scale * 10))
    say(f"copy on the device {limits.bytes_per_second / 1e9:,.0f} GB/s, read and written")
    for name, rate in from_host.items():
        say(f"copy from the host, {name} memory: {rate / 1e9:,.1f} GB/s")
    for name, rate in limits.flops.items():
        say(f"product in {name}: {rate / 1e12:,.1f} TFLOP/s")
    _save(
        found.folder / "gpu-ceilings.json",
        {"machine": machine.describe(), **limits._asdict(), "from_host": from_host},
    )
    given = list(sys.argv[1:] if arguments is None else arguments)
    failed = 0
    for library in found.libraries:
        child = [sys.executable, "-m", "benchmarks.gpu_report", *given, "--library", library]
        child += ["--ceilings", json.dumps(limits._asdict())]
        # JAX would take three quarters of the device's memory, needed or not.
        env = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        failed |= subprocess.run(child, check=False, env=env).returncode
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main())
