"""The block size that "auto" takes, against fixed ones."""

from __future__ import annotations

import pytest

from benchmarks import ours
from benchmarks.interleave import interleave, ratio
from benchmarks.shapes import SHAPES, Shape, problem

SIZES = (512, 1024, 2048, 4096, 8192, 16384)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_auto_is_within_a_tenth_of_the_best(shape: Shape, scale: float) -> None:
    if scale != 1:
        pytest.skip("says nothing about a share of the examples")
    data = problem(shape.sizes, shape.m)
    runs = {"auto": ours.make(*data, tune=False).work}
    for size in (size for size in SIZES if size < shape.m):
        runs[str(size)] = ours.make(*data, tune=False, block_size=size).work
    timings = interleave(runs, rounds=7, seconds=30)
    best = min(timings.values(), key=lambda timing: timing.median)
    assert ratio(timings["auto"], best) <= 1.10
