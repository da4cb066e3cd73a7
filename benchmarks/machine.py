"""Where and with what a figure was measured."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "dnn_xp",
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "jax",
    "mkl",
    "cupy-cuda12x",
    "cupy-cuda13x",
)
PREFIXES = ("OMP_", "GOMP_", "OPENBLAS_", "BLIS_", "MKL_", "XLA_FLAGS", "JAX_")


def cpu_model() -> str:
    """Return the name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # no Linux
    return platform.processor() or platform.machine()


def cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit() -> str:
    """Return the commit that is checked out, marked when anything but results differs from it."""
    changes = ("status", "--porcelain", "--untracked-files=no", "--", ".")
    results = (":!benchmarks/results", ":!benchmarks/report")
    try:
        return _git("rev-parse", "--short=12", "HEAD") + (
            "-dirty" if _git(*changes, *results) else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def versions() -> dict[str, str]:
    """Return the installed versions of the packages that take part."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def blas() -> str:
    """Return name, version, kernels and threads of each BLAS that is loaded, NumPy's first."""
    np.dot(np.ones(2), np.ones(2))  # loads it
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return ", ".join(
        f"{library['internal_api']} {library['version']} ({library.get('architecture', '?')}, "
        f"{library['num_threads']} threads)"
        for library in libraries
    )


def _ticks() -> tuple[int, int]:
    """Return the clock ticks all processors have spent so far: at work, and in all."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]  # idle, and waiting for a disk
    return sum(fields) - idle, sum(fields)


def busy_cores(seconds: float = 1.0) -> float | None:
    """Return how many cores other programs keep busy, watched for a moment; None if unknown."""
    try:
        busy_before, before = _ticks()
        time.sleep(seconds)
        busy, after = _ticks()
    except OSError:
        return None  # no Linux
    share = (busy - busy_before) / max(1, after - before)
    return share * (os.cpu_count() or 1)


def environment() -> dict[str, str]:
    """Return the settings in the environment that change how fast matrix products are."""
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIXES)}


def gpu() -> str:
    """Return the name of the first CUDA device and its driver; "" where there is none."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    name, _, driver = done.stdout.splitlines()[0].partition(", ")
    return f"{name}, driver {driver}"


def describe() -> dict[str, Any]:
    """Return all of it, ready for JSON."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "cpu": cpu_model(),
        "cores": cores(),
        "gpu": gpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "blas": blas(),
        "environment": environment(),
        "versions": versions(),
    }
