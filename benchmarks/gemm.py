"""The GEMM peak: what this machine's BLAS reaches, as the yardstick for the rest.

One product of two square float32 matrices of order 2048, `numpy.matmul(A, B, out=C)` with all three
in C order and already touched, by NumPy's own BLAS with as many threads as it takes by default.
It is timed as one more candidate, in the same rounds as the others.
"""

from __future__ import annotations

import numpy as np

from benchmarks.candidate import Work

NAME = "GEMM"
ORDER = 2048
FLOPS = 2 * ORDER**3


def make() -> Work:
    """Return the product, ready to be run."""
    rng = np.random.default_rng(0)
    A, B, C = (rng.standard_normal((ORDER, ORDER), dtype=np.float32) for _ in range(3))
    return Work(lambda: np.matmul(A, B, out=C))
