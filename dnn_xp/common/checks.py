"""Checks of the numbers that optimizers and schedules are made from."""

from __future__ import annotations

import math
from numbers import Integral, Real


def check_float(
    argument: str,
    value: object,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    below: float = math.inf,
) -> float:
    """The value as a Python float; ValueError unless it is finite and within the bounds."""
    wanted = " and ".join(
        f"{relation} {bound:g}"
        for relation, bound in ((">", above), (">=", at_least), ("<=", at_most), ("<", below))
        if math.isfinite(bound)
    )
    if isinstance(value, Real) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and above < number < below and at_least <= number <= at_most:
            return number
    raise ValueError(f"{argument} must be a finite number {wanted}".rstrip() + f"; got {value!r}")


def check_int(argument: str, value: object, *, at_least: int) -> int:
    """The value as a Python int; ValueError unless it is a whole number >= at_least."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        number = int(value)
        if number >= at_least:
            return number
    raise ValueError(f"{argument} must be a whole number >= {at_least}; got {value!r}")
