"""The formulas one by one, on one block: 300 units, 4096 examples."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import ours
from benchmarks.shapes import scaled

UNITS, BLOCK = 300, 4096


@pytest.mark.benchmark(group="kernel")
@pytest.mark.parametrize("name", ours.KERNELS)
def test_kernel(benchmark: Any, name: str, device: str, scale: float) -> None:
    block = scaled(BLOCK, scale)
    kernel = ours.kernel(name, UNITS, block, device=device)
    benchmark.extra_info |= {"kind": "kernel", "name": name, "device": device, "m": block}
    with kernel.session():
        benchmark(kernel.run)
