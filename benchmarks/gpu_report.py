"""One command for a short time with a GPU: `python -m benchmarks.gpu_report`.

Four parts, each with a file of its own that is saved after every row:
crossover: from which size on the GPU beats the CPU; what device="auto" goes by.
streaming: examples that the GPU's memory does not hold.
training: small problems and mini-batches, memory over many steps, agreement with the CPU.
gradients: one exact gradient of four networks at each precision, ours beside the peers, above the
floor that the device's own ceilings set.

What fails is left out and named. Each library has a process of its own, since each keeps the
device's memory to itself. `--minutes` bounds the whole, shared among the parts; rows that find no
time are named too. `--device cpu --scale 0.001` tries all of it without a GPU.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.gpu.cases import CASES, PRECISIONS
from benchmarks.gpu.sheet import Sheet, Task
from benchmarks.measure import say
from benchmarks.results import results_folder

LIBRARIES = ("cupy", "torch", "jax", "numpy")
GRACE = 45.0  # seconds for the row that was begun last


class Part(NamedTuple):
    """A module with `measure(task)`, and the processes that it takes, "" for a single one."""

    module: str
    processes: tuple[str, ...]


# The longest comes last, when the others have said what they need.
PARTS = {
    "crossover": Part("benchmarks.gpu.crossover", ("",)),
    "streaming": Part("benchmarks.gpu.streaming", ("",)),
    "training": Part("benchmarks.gpu.training", LIBRARIES),
    "gradients": Part("benchmarks.gpu.gradients", ("ceilings", *LIBRARIES)),
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--minutes", type=float, default=9.0, help="for all parts together")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the examples")
    parser.add_argument(
        "--host-share", type=float, default=0.02, help="share of the examples that NumPy gets"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="for one candidate's steps")
    parser.add_argument("--libraries", nargs="*", default=LIBRARIES, choices=LIBRARIES)
    parser.add_argument("--cases", nargs="*", default=[], choices=[shape.name for shape in CASES])
    parser.add_argument("--precisions", nargs="*", default=PRECISIONS, choices=PRECISIONS)
    parser.add_argument("--folder", type=Path, help="where the results go; such as $OUT")
    parser.add_argument("--commit", default="", help="what is measured, where there is no git")
    parser.add_argument("--process", help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)
    found = parser.parse_args(arguments)
    if not 0 < found.scale <= 1:
        parser.error("--scale is a share of the examples: more than 0, at most 1")
    if found.folder is None:
        # Without a GPU all of it is a trial, whatever the scale.
        found.folder = results_folder(found.scale if found.device == "cuda" else 0.0)
    return found


def share(end: float, left: int, now: float) -> float:
    """Return until when the next of so many may go on, if the others get as much.

    >>> share(end=100.0, left=4, now=20.0), share(end=10.0, left=1, now=20.0)
    (40.0, 20.0)
    """
    return now + max(0.0, end - now) / left


def _child(found: argparse.Namespace) -> None:
    """Measure in this process."""
    (part,) = found.parts
    settings = {"device": found.device, "scale": found.scale, "seconds": found.seconds}
    task = Task(
        library=found.process,
        device=found.device,
        scale=found.scale,
        seconds=found.seconds,
        host_share=found.host_share,
        cases=tuple(found.cases),
        precisions=tuple(found.precisions),
        sheet=Sheet(part, found.folder, until=found.until, settings=settings, commit=found.commit),
    )
    importlib.import_module(PARTS[part].module).measure(task)


def _spawn(given: list[str], part: str, process: str, until: float) -> bool:
    """Measure in a process of its own; whether that went to its end."""
    command = [sys.executable, "-m", "benchmarks.gpu_report", *given]
    # argparse takes the last of an option that comes twice.
    command += ["--parts", part, f"--process={process}", "--until", str(until)]
    # JAX would take three quarters of the device's memory, needed or not.
    env = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    try:
        left = until - time.time() + GRACE
        return subprocess.run(command, check=False, env=env, timeout=left).returncode == 0
    except subprocess.TimeoutExpired:
        say(f"{part} {process}: stopped, its time was over")
        return False


def main(arguments: list[str] | None = None) -> int:
    """Measure the parts, one process after the other."""
    found = parse(arguments)
    if found.process is not None:
        _child(found)
        return 0
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = time.time() + 60 * found.minutes
    went_well = True
    for i, part in enumerate(found.parts):
        until = share(end, len(found.parts) - i, time.time())
        (found.folder / f"gpu-{part}.json").unlink(missing_ok=True)
        processes = [
            each
            for each in PARTS[part].processes
            if each not in set(LIBRARIES) - {*found.libraries}
        ]
        for j, process in enumerate(processes):
            say(f"--- {part} {process}")
            at = share(until, len(processes) - j, time.time())
            went_well &= _spawn(given, part, process, at)
    return int(not went_well)


if __name__ == "__main__":
    sys.exit(main())
