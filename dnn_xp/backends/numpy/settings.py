"""Settings of NumPy and of the C library that make arrays of one block faster."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np

# Elements of the buffer that NumPy's ufuncs may copy operands into. It copies, without need, whenever
# two rows of a matrix fit: with the default of 8192, adding b to a (300, 864) float32 array took
# twice as long.
UFUNC_BUFFER = 1024


@contextmanager
def numpy_settings() -> Iterator[None]:
    """Context in which ufuncs have a small buffer and freed memory is kept for the next array."""
    # On exit, errstate restores the buffer, too.
    with np.errstate():
        np.setbufsize(UFUNC_BUFFER)
        keep_freed_memory()
        yield


def keep_freed_memory() -> None:
    """Make the C library keep the memory of freed arrays for the next ones, on glibc.

    Pure formulas make a new array at every step. glibc returns each array above a threshold to the
    system as soon as it is freed, and the next one is paid for page by page: a gradient of
    28-32-32-1 over 8192 examples took 4.4 ms that way and 1.8 ms without. glibc raises the
    threshold to the largest block freed so far, up to 32 MiB, so freeing one untouched array of
    nearly that size is enough. Twice as much may then stay with the process for reuse. Elsewhere
    this does nothing.

    glibc no longer does so where the environment sets one of its thresholds, as Dask's nannies do for
    their workers: there the same values are set by mallopt. A gradient of 28-300-300-300-300-1 over
    20,000 examples had 59,000 page faults without, and took 40% longer.
    """
    if any(name in os.environ for name in _FIXED_BY):
        _set_thresholds()
    else:
        np.empty(_KEPT, dtype=np.uint8)


# Variables that end glibc's own choice of thresholds, and the size below which arrays are kept.
_FIXED_BY = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_")
_KEPT = 31 << 20
# Of malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@cache
def _set_thresholds() -> None:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    mallopt(_M_MMAP_THRESHOLD, _KEPT)
    mallopt(_M_TRIM_THRESHOLD, 2 * _KEPT)
