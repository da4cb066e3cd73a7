"""Reads pytest-benchmark's JSON into the form of the other results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.crossing import crossing

CPU, GPU = "cpu", "cuda"


def load_suite(folder: Path) -> dict[str, Any] | None:
    """Return {"machine", "settings", "rows": [{kind, name, device, m, median, ...}]}, or None."""
    path = folder / "pytest.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text())
    rows = [
        {
            **benchmark["extra_info"],
            "median": benchmark["stats"]["median"],
            "best": benchmark["stats"]["min"],
            "rounds": benchmark["stats"]["rounds"],
        }
        for benchmark in found["benchmarks"]
        if "kind" in benchmark["extra_info"]
    ]
    info = found["machine_info"]
    return {"machine": info["machine"], "settings": info["settings"], "rows": rows}


def series(rows: list[dict[str, Any]], kind: str, device: str) -> tuple[list[int], list[float]]:
    """Return m and median seconds of one kind of run on one device, by increasing m."""
    points = sorted(
        (row["m"], row["median"]) for row in rows if (row["kind"], row["device"]) == (kind, device)
    )
    return [m for m, _ in points], [seconds for _, seconds in points]


def crossover(rows: list[dict[str, Any]], kind: str) -> float | None:
    """Return the m from which the GPU is faster, between the measured ones on a log-log line.

    None when it is never faster, or was not measured; the smallest m when it always is.
    """
    m, cpu = series(rows, kind, CPU)
    m_gpu, gpu = series(rows, kind, GPU)
    return crossing(m, cpu, gpu) if m == m_gpu else None
