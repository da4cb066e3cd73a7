"""The C library keeps the memory of freed arrays, also where the environment has fixed its thresholds."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource
import numpy as np
from dnn_xp.backends.numpy.settings import keep_freed_memory
keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(1 << 20)
before = faults()
for _ in range(50):
    np.ones(1 << 20)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")
@pytest.mark.parametrize("variables", [{}, {"MALLOC_TRIM_THRESHOLD_": "65536"}])
def test_arrays_of_a_block_are_not_paid_for_page_by_page(variables):
    """A nanny of Dask starts its workers with the second one; 50 arrays of 8 MiB have 100,000 pages."""
    code = [sys.executable, "-c", _FAULTS]
    environment = os.environ | variables
    said = subprocess.run(code, env=environment, capture_output=True, check=True, text=True)
    assert int(said.stdout) < 10_000
