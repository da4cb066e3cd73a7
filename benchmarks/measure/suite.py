"""The pytest-benchmark suite, run with its results where the report looks for them."""

from __future__ import annotations

import json

import pytest

from benchmarks.measure import Options
from benchmarks.results import HERE


def measure(options: Options) -> None:
    """Run it; a failure ends the program with pytest's exit status."""
    path = options.folder / "pytest.json"
    options.folder.mkdir(parents=True, exist_ok=True)
    arguments = [
        str(HERE),
        f"--scale={options.scale}",
        f"--busy={options.busy or 0.0}",
        f"--benchmark-json={path}",
        "--benchmark-columns=min,median,stddev,rounds",
        "--benchmark-sort=name",
    ]
    if options.seconds is not None:
        arguments.append(f"--benchmark-max-time={options.seconds}")
    status = pytest.main(arguments)
    if status != 0:
        raise SystemExit(int(status))
    # Thousands of single timings, which nobody reads.
    found = json.loads(path.read_text())
    for benchmark in found["benchmarks"]:
        benchmark["stats"].pop("data", None)
    path.write_text(json.dumps(found, indent=1) + "\n")
