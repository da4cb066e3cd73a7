"""Reads pytest-benchmark's JSON into the form of the other results."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

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
    if not m or m != m_gpu or gpu[-1] >= cpu[-1]:
        return None
    # The advantage is log(cpu / gpu); the last crossing counts, so that noise at small m does not.
    advantage = [math.log(a / b) for a, b in zip(cpu, gpu, strict=True)]
    for i in range(len(m) - 1, 0, -1):
        if advantage[i - 1] <= 0:
            share = -advantage[i - 1] / (advantage[i] - advantage[i - 1])
            return float(m[i - 1] * (m[i] / m[i - 1]) ** share)
    return float(m[0])
