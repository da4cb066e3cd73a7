"""One training: `python -m benchmarks.accuracy.measure SET SEED METHOD` prints a row as JSON."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import sys
import time
import warnings
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.accuracy.methods import PACKAGES, THREADS, method
from benchmarks.accuracy.splits import Split, split


def error(found: Split, predicted: np.ndarray) -> float:
    """The share of wrong classes, or the root of the mean squared error over the test's deviation."""
    if found.classes:
        return float(np.mean(predicted.ravel() != found.y_test))
    misses = predicted.ravel().astype(np.float64) - found.y_test
    return float(np.sqrt(np.mean(misses**2)) / np.std(found.y_test))


def busy_elsewhere(wall: float, before: tuple[int, int], own: float) -> float:
    """How many cores other programs kept busy meanwhile, from ticks before and own CPU seconds."""
    after = machine._ticks()
    share = (after[0] - before[0]) / max(1, after[1] - before[1])
    return max(0.0, share * (os.cpu_count() or 1) - own / wall)


def row(name: str, seed: int, how: str) -> dict[str, Any]:
    """Train once, and say what came out, and on what."""
    warnings.simplefilter("ignore")
    found = split(name, seed)
    run = method(how)(found)
    ticks, own, began = machine._ticks(), time.process_time(), time.perf_counter()
    predicted = run()
    seconds = time.perf_counter() - began
    return {
        "set": name,
        "split": seed,
        "error": error(found, predicted),
        "seconds": round(seconds, 3),
        "threads": THREADS,
        "busy_elsewhere": round(busy_elsewhere(seconds, ticks, time.process_time() - own), 2),
        "classes": found.classes,
        "rows": len(found.y),
        "features": found.X.shape[1],
        "categorical": int((found.X.dtypes == "category").sum()),
        "test_rows": len(found.y_test),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": machine.commit(),
        "cpu": machine.cpu_model(),
        "versions": {
            package: importlib.metadata.version(package)
            for package in [*PACKAGES.get(how, []), "numpy"]
            if package != "dnn_xp"
        },
    }


if __name__ == "__main__":
    print(json.dumps(row(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
