"""A whole training of 28-32-32-1: `dnn_xp.train` as a user calls it, over m, on CPU and GPU."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import ours, verify
from benchmarks.shapes import named, problem

SHAPE = named("28-32-32-1")
ITERATIONS = 20


@pytest.mark.benchmark(group=f"training, {ITERATIONS} iterations")
def test_training(benchmark: Any, device: str, m: int) -> None:
    data = problem(SHAPE.sizes, m)
    benchmark.extra_info |= {"kind": "training", "name": SHAPE.name, "device": device, "m": m}
    trained = benchmark.pedantic(
        ours.train,
        kwargs={"data": data, "iterations": ITERATIONS, "device": device},
        rounds=3,
        warmup_rounds=1,
    )
    assert verify.cost(trained, data.X, data.Y) < verify.cost(*data)
