"""Training from a file far larger than the memory allowed, against blocks of the same data in memory.

A file of 8 GB (float32, examples as rows) is written once to the folder for temporary files and
removed at the end. One child process trains on it under RLIMIT_DATA, the kernel's bound on private
writable memory, set to 1 GB above what the interpreter has after its imports; another one trains on
the file's first examples, loaded into memory, with no limit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Options, say
from benchmarks.results import save

FILE_BYTES = 8_000_000_000
LIMIT_BYTES = 1_000_000_000
FEATURES = 28
HIDDEN = (32, 32)
IN_MEMORY_SHARE = 8  # an eighth of the file is held in memory for comparison
ITERATIONS = 3
CHUNK = 1 << 20


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field} in /proc/self/status")


class Peak:
    """The highest anonymous resident memory, looked at every 20 ms."""

    def __init__(self) -> None:
        self.start = self.bytes = _status("RssAnon")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self.bytes = max(self.bytes, _status("RssAnon"))


def limited() -> None:
    """Allow LIMIT_BYTES more from here on."""
    import resource

    limit = _status("VmData") + LIMIT_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        np.ones(2 * LIMIT_BYTES, dtype=np.uint8)
    except MemoryError:
        return
    raise RuntimeError("the memory limit does not hold on this system")


def child(folder: str, mode: str) -> dict[str, Any]:
    """Train, on the file under the limit ("file") or on its first part in memory ("memory")."""
    import dnn_xp

    X: Any = f"{folder}/X.npy"
    Y: Any = f"{folder}/Y.npy"
    limit = None
    if mode == "memory":
        m = np.load(X, mmap_mode="r").shape[0] // IN_MEMORY_SHARE
        X = np.array(np.load(X, mmap_mode="r")[:m])
        Y = np.array(np.load(Y, mmap_mode="r")[:m])
    else:
        m = np.load(X, mmap_mode="r").shape[0]
        limited()
        limit = LIMIT_BYTES
    with Peak() as peak:
        model = dnn_xp.train(
            X,
            Y,
            examples="rows",
            hidden=HIDDEN,
            iterations=ITERATIONS,
            standardize=True,
            device="cpu",
        )
    seconds = model.history.seconds
    # Reports 1 and 2 are one gradient and one update apart; the last report is a forward alone.
    steps = np.diff(seconds[:ITERATIONS])
    return {
        "m": m,
        "seconds_per_gradient": float(np.median(steps)),
        "peak_anonymous_bytes": peak.bytes - peak.start,
        "limit_bytes": limit,
        "costs": list(model.history.costs),
        "plan": model.settings["plan"],
    }


def _write(folder: Path, m: int) -> None:
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (m, FEATURES))
    Y = np.lib.format.open_memmap(folder / "Y.npy", "w+", np.int8, (m,))
    for start in range(0, m, CHUNK):
        stop = min(start + CHUNK, m)
        block = rng.standard_normal((stop - start, FEATURES), dtype=np.float32)
        X[start:stop] = block * 3 + 5
        Y[start:stop] = block[:, 0] * block[:, 1] + 0.5 * block[:, 2] > 0
    X.flush()
    Y.flush()


def measure(options: Options) -> None:
    """Write the file, train both ways, compare the time for one example."""
    m = int(FILE_BYTES / (4 * FEATURES) * options.scale)
    with tempfile.TemporaryDirectory(prefix="dnn_xp-bench-") as name:
        folder = Path(name)
        say(f"writing {m:,} examples of {FEATURES} features, {4 * FEATURES * m / 1e9:.2f} GB")
        _write(folder, m)
        figures: dict[str, dict[str, Any]] = {}
        for mode in ("memory", "file", "memory", "file"):
            command = [sys.executable, "-m", "benchmarks.measure.out_of_core", name, mode]
            root = Path(__file__).resolve().parents[2]
            done = subprocess.run(
                command, cwd=root, capture_output=True, text=True, check=False, env=os.environ
            )
            if done.returncode:
                raise RuntimeError(f"{mode}: {done.stderr.strip().splitlines()[-1]}")
            found = json.loads(done.stdout.splitlines()[-1])
            say(
                f"  {mode:7s}{found['seconds_per_gradient'] / found['m'] * 1e9:8.1f} ns an example, "
                f"peak {found['peak_anonymous_bytes'] / 2**20:,.0f} MiB above the start"
            )
            figures[mode] = min(
                found,
                figures.get(mode, found),
                key=lambda each: each["seconds_per_gradient"] / each["m"],
            )
    rates = {mode: each["seconds_per_gradient"] / each["m"] for mode, each in figures.items()}
    speed = rates["memory"] / rates["file"]
    say(f"from the file at {speed:.2f} of the speed of blocks in memory")
    row = {"network": [FEATURES, *HIDDEN, 1], "speed_of_memory": speed, **figures}
    save("out_of_core", [row], folder=options.folder, scale=options.scale)


if __name__ == "__main__":
    print(json.dumps(child(*sys.argv[1:])))
