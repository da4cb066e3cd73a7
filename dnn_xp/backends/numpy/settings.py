"""Settings of NumPy and of the C library that make arrays of one block faster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    """
    np.empty(31 << 20, dtype=np.uint8)
