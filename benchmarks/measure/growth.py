"""How the time and memory of one gradient grow with m, for ours and every peer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks import memory
from benchmarks.interleave import interleave
from benchmarks.measure import Options, say
from benchmarks.measure.peers import prepare
from benchmarks.results import save
from benchmarks.shapes import Shape, problem, scaled

DEFAULT_SHAPES = ("28-32-32-1",)
FITTED = 3  # the slope is that of the largest m; below them fixed costs count


def series(m: int, scale: float) -> list[int]:
    """Return 1,000, 10,000, ... up to m; a trial starts lower and ends lower."""
    last = scaled(m, scale)
    first = min(1_000, max(16, last // 1_000))
    powers = range(math.ceil(math.log10(first)), math.floor(math.log10(last)) + 1)
    return sorted({10**power for power in powers if 10**power >= first} | {last})


def slope(m: list[int], values: list[float]) -> float | None:
    """Return the log-log slope over the largest m: 1 where cost grows in proportion to m."""
    points = [(a, b) for a, b in zip(m, values, strict=True) if b > 0][-FITTED:]
    if len(points) < 2:
        return None
    x, y = np.log10(np.asarray(points, dtype=np.float64)).T
    return float(np.polyfit(x, y, 1)[0])


def _times(shape: Shape, m: int, options: Options) -> dict[str, float]:
    """Return the median seconds of one gradient by candidate."""
    say(f"{shape.name}, m = {m:,}: time")
    steps, _, _ = prepare(options.chosen(), problem(shape.sizes, m))
    runs = {name: step.work for name, step in steps.items()}
    timings = interleave(runs, rounds=options.rounds or 7, seconds=options.seconds or 30)
    return {name: timing.median for name, timing in timings.items()}


def _memory(shape: Shape, m: int, names: list[str]) -> dict[str, int]:
    """Return the peak bytes above the data by candidate."""
    say(f"{shape.name}, m = {m:,}: memory")
    peaks = {}
    for name in names:
        try:
            peaks[name] = memory.measure(name, shape.name, m)
            say(f"  {name:14s}{peaks[name] / 2**20:10.1f} MiB")
        except RuntimeError as error:
            say(f"  {name}: left out, {error}")
    return peaks


def measure(options: Options) -> None:
    """Measure the shapes."""
    rows: list[dict[str, Any]] = []
    for shape in options.chosen_shapes(DEFAULT_SHAPES):
        figures: dict[str, dict[str, Any]] = {}
        for m in series(shape.m, options.scale):
            times = _times(shape, m, options)
            peaks = _memory(shape, m, list(times))
            for name, seconds in times.items():
                of = figures.setdefault(name, {"m": [], "seconds": [], "memory_m": [], "bytes": []})
                of["m"].append(m)
                of["seconds"].append(seconds)
                if name in peaks:
                    of["memory_m"].append(m)
                    of["bytes"].append(peaks[name])
        for name, of in figures.items():
            of["time_slope"] = slope(of["m"], of["seconds"])
            of["memory_slope"] = slope(of["memory_m"], of["bytes"])
            time_slope, memory_slope = (
                "none" if value is None else f"{value:.2f}"
                for value in (of["time_slope"], of["memory_slope"])
            )
            say(f"  {name:14s}slopes: time {time_slope}, memory {memory_slope}")
        rows.append({"shape": shape.name, "candidates": figures})
        save("growth", rows, folder=options.folder, **options.conditions)
