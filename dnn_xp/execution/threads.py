"""The number of threads that compute."""

from __future__ import annotations

import os

from dnn_xp.backends.record import Backend
from dnn_xp.common.checks import check_int


def default_threads() -> int:
    """Threads this process may use: its CPU affinity, and OMP_NUM_THREADS when that is smaller."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity call
        allowed = os.cpu_count() or 1
    # OpenMP allows a list for nested levels ("4,2"), the outermost level first.
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return max(1, min(allowed, int(wanted))) if wanted.isdigit() else allowed


def threads_used(threads: int | None, backend: Backend) -> int:
    """Threads that compute blocks: those asked for or allowed, or one where the library allows no more."""
    wanted = default_threads() if threads is None else check_int("threads", threads, at_least=1)
    return wanted if backend.python_threads else 1
