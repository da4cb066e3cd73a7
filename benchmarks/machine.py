"""Where and with what a figure was measured."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
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
    "cupy-cuda12x",
    "cupy-cuda13x",
)
PREFIXES = ("OMP_", "GOMP_", "KMP_", "OPENBLAS_", "BLIS_", "MKL_", "XLA_FLAGS", "JAX_", "TORCH")


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


def commit() -> str:
    """Return the commit that is checked out, marked when tracked files differ from it."""
    command = [
        "git",
        "-C",
        str(ROOT),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
        "--exclude=*",
    ]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
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


def environment() -> dict[str, str]:
    """Return the settings in the environment that change how fast matrix products are."""
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIXES)}


def describe() -> dict[str, Any]:
    """Return all of it, ready for JSON."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "cpu": cpu_model(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "blas": blas(),
        "environment": environment(),
        "versions": versions(),
    }
