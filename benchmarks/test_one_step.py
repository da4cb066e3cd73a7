"""One exact full-batch gradient of 28-32-32-1 over m, on the CPU and on a GPU."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import ours, verify
from benchmarks.shapes import named, problem

SHAPE = named("28-32-32-1")


@pytest.mark.benchmark(group="one step", max_time=3.0, min_rounds=5)
def test_one_step(benchmark: Any, device: str, m: int) -> None:
    data = problem(SHAPE.sizes, m)
    step = ours.make(*data, device=device)
    verify.check(step(), verify.reference(*data))
    benchmark.extra_info |= {"kind": "one step", "name": SHAPE.name, "device": device, "m": m}
    with step.session():
        benchmark(step.run)
