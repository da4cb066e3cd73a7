"""NumPy: the CPU, blocks on Python threads, formulas as they are written."""

from __future__ import annotations

import os

import array_api_compat.numpy as xp
import numpy as np

from dnn_xp.backends.record import Backend


def memory_available() -> int | None:
    """Bytes of free physical memory, None where the system does not say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on macOS, not on Windows
        return None


def numpy_backend() -> Backend:
    """The record of this library on one device."""
    return Backend(
        library="numpy",
        version=np.__version__,
        device_name="cpu",
        xp=xp,
        from_host=np.asarray,
        to_host=np.asarray,
        memory_available=memory_available,
        python_threads=True,
    )
