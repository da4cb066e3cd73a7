"""The networks and precisions of the report, and the time that no candidate can beat."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.shapes import Shape, gradient_flops

# Two that are bound by memory and arithmetic, two that are bound by launches.
CASES = (
    Shape("28-300x4-1", (28, 300, 300, 300, 300, 1), 11_000_000),
    Shape("1024x4-10", (1024, 1024, 1024, 1024, 10), 1_000_000),
    Shape("12288-20-7-5-1", (12288, 20, 7, 5, 1), 209),
    Shape("28-32-32-1", (28, 32, 32, 1), 10_000),
)
PRECISIONS = ("float32", "tf32", "bfloat16")


class Ceilings(NamedTuple):
    """What the device reaches: bytes a second of a copy, operations a second of a product."""

    bytes_per_second: float
    flops: dict[str, float]


def floor_seconds(shape: Shape, m: int, precision: str, ceilings: Ceilings) -> float:
    """Return the larger of two times: that of the products, and that of the bytes.

    The bytes are those of perfectly fused layers: X is read twice (forward, dW[1]), and of every
    hidden layer A is written once and read twice (next layer, dW), dZ written once and read twice.
    """
    itemsize = 2 if precision == "bfloat16" else 4
    hidden = sum(shape.sizes[1:-1])
    moved = itemsize * m * (2 * shape.sizes[0] + 6 * hidden + 2 * shape.sizes[-1])
    arithmetic = gradient_flops(shape.sizes, m) / ceilings.flops[precision]
    return max(arithmetic, moved / ceilings.bytes_per_second)
