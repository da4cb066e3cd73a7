"""Seconds of a step on a device, where a call returns before the work is done."""

from __future__ import annotations

import time

from benchmarks.gpu.ours import DeviceStep

SHORT = 0.05  # as many steps in a row as fill this
SLOW = 1.0  # a step that takes longer is warm after one call


def times(step: DeviceStep, seconds: float) -> list[float]:
    """Return the seconds of one step, at least three times; many in a row where one is short."""

    def once() -> float:
        start = time.perf_counter()
        step.wait(step.run())
        return time.perf_counter() - start

    with step.session():
        if once() < SLOW:
            once()
        number = max(1, int(SHORT / once()))
        found: list[float] = []
        began = time.perf_counter()
        while len(found) < 3 or time.perf_counter() - began < seconds:
            start = time.perf_counter()
            for _ in range(number):
                result = step.run()
            step.wait(result)
            found.append((time.perf_counter() - start) / number)
    return found
