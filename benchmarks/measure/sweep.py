"""Is block_size="auto" a good choice? One gradient of ours with every size, in the same rounds."""

from __future__ import annotations

from typing import Any

from benchmarks import ours, verify
from benchmarks.interleave import interleave, ratio
from benchmarks.measure import Options, say
from benchmarks.results import save
from benchmarks.shapes import problem, scaled

SIZES = tuple(2**power for power in range(7, 17))
AUTO = "auto"


def measure(options: Options) -> None:
    """Measure every shape."""
    rows: list[dict[str, Any]] = []
    for shape in options.chosen_shapes():
        m = scaled(shape.m, options.scale)
        say(f"{shape.name}, m = {m:,}")
        data = problem(shape.sizes, m)
        sizes = [size for size in SIZES if size < m] + ([m] if m < SIZES[-1] else [])
        auto = ours.make(*data, tune=False)
        verify.check(auto(), verify.reference(*data))
        runs = {AUTO: auto.work}
        for size in sizes:
            runs[str(size)] = ours.make(*data, tune=False, block_size=size).work
        timings = interleave(runs, rounds=options.rounds or 9, seconds=options.seconds or 60)
        best = min((name for name in runs if name != AUTO), key=lambda name: timings[name].median)
        excess = ratio(timings[AUTO], timings[best])
        for name, timing in timings.items():
            say(f"  {name:>6s}{timing.median * 1e3:10.3f} ms")
        say(f"  auto ({auto.note}) takes {excess:.2f} of the time of {best}")
        rows.append(
            {
                "shape": shape.name,
                "m": m,
                "auto": auto.note,
                "best": int(best),
                "auto_over_best": excess,
                "median": {name: timing.median for name, timing in timings.items()},
                "rounds": len(timings[AUTO].seconds),
            }
        )
        save("sweep", rows, folder=options.folder, **options.conditions)
