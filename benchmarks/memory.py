"""Peak memory of one gradient above its data, each measurement in a process of its own.

Inside the process, the data and the candidate's own copies of them are made and one gradient runs, so
that libraries, threads and compiled code are there. Freed memory is given back, the peak counter is
set back, and one more gradient runs: how far its peak lies above the resident size from before both
is noted. So is the same for a few examples, first, and the result is the difference.
"""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from pathlib import Path

from benchmarks.candidate import MakeStep
from benchmarks.peers import load
from benchmarks.shapes import Problem, named, problem

STATUS = Path("/proc/self/status")
SMALL_M = 64
TIME_LIMIT = 300


def _status(field: str) -> int:
    """Return VmRSS (resident now) or VmHWM (its peak) in bytes."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field} in {STATUS}")


def _give_back() -> None:
    """Return freed memory to the system: otherwise a later run finds room that is not counted."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)


def _rise(make: MakeStep, data: Problem) -> int:
    """Return the bytes the resident size rises by at its highest while a gradient runs."""
    step = make(*data, tune=False)
    _give_back()
    before = _status("VmRSS")
    with step.session():
        step.run()  # compiles, and fills what the candidate keeps from step to step
        _give_back()
        Path("/proc/self/clear_refs").write_text("5")  # the kernel's word for: forget the peak
        step.run()
        peak = _status("VmHWM")
    return max(0, peak - before)


def growth(name: str, shape: str, m: int) -> int:
    """Return the bytes one gradient on m examples takes at its peak, beyond its data."""
    make = load(name)
    sizes = named(shape).sizes
    small = problem(sizes, SMALL_M)
    make(*small, tune=False)()
    fixed = _rise(make, small)
    return max(0, _rise(make, problem(sizes, m)) - fixed)


def measure(name: str, shape: str, m: int) -> int:
    """Return `growth` from a new process.

    Raises
    ------
    RuntimeError
        When the process fails or takes longer than TIME_LIMIT; the message is its last line.
    """
    if not STATUS.exists():
        raise RuntimeError("peak memory is read from /proc, which only Linux has")
    command = [sys.executable, "-m", "benchmarks.memory", name, shape, str(m)]
    root = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"longer than {TIME_LIMIT} s") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise RuntimeError(lines[-1] if lines else f"exit status {done.returncode}")
    return int(done.stdout.split()[-1])


if __name__ == "__main__":
    candidate, shape_name, examples = sys.argv[1:]
    print(growth(candidate, shape_name, int(examples)))
