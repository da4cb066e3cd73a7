"""A million small updates: memory, file handles and threads stay as they are. `--updates N` for fewer."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import dnn_xp

# Growth that counts as none: reports, of which each takes some 300 bytes, and the allocator's slack.
SLACK_MIB = 6.0
REPORTS = 100


class Use(NamedTuple):
    """What a process uses."""

    mib: float
    handles: int
    threads: int


def use() -> Use:
    """Resident memory, open file handles and threads of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    mib = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return Use(mib, len(list(Path("/proc/self/fd").iterdir())), threading.active_count())


def watched(updates: int, **how: Any) -> list[Use]:
    """The use at every tenth of a training with checkpoints."""
    X = np.random.default_rng(0).standard_normal((3, 24)).astype("float32")
    found: list[Use] = []
    begun = time.monotonic()

    def look(iteration: int, cost: float, model: dnn_xp.Model) -> None:
        if iteration >= updates // 10 * (len(found) + 1):
            # A checkpoint that is being written has a thread and a handle.
            until = time.monotonic() + 10
            while "dnn_xp checkpoint" in {each.name for each in threading.enumerate()}:
                assert time.monotonic() < until
                time.sleep(0.001)
            found.append(use())
            seconds = time.monotonic() - begun
            print(f"{iteration:>9,} updates {seconds:6.1f} s  {found[-1]}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        dnn_xp.train(
            X,
            X[0] > X[1],
            hidden=[4],
            checkpoint=folder,
            checkpoint_every="1s",
            callbacks=[look],
            threads=2,
            **how,
        )
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--updates", type=int, default=1_000_000)
    updates = parser.parse_args().updates
    parts = {"full batches": 0.45, "blocks on two threads": 0.1, "mini-batches": 0.45}
    for name, share in parts.items():
        print(name)
        count = int(updates * share)
        how: dict[str, Any] = {"iterations": count, "report_every": count // REPORTS}
        if name == "blocks on two threads":
            how["block_size"] = 12
        elif name == "mini-batches":
            # Three batches of 24 examples.
            how = {"batch_size": 8, "epochs": count // 3, "report_every": count // 3 // REPORTS}
        found = watched(count, **how)
        # The first tenth fills caches.
        first, last = found[0], found[-1]
        assert last.mib - first.mib <= SLACK_MIB, f"{name}: memory grew: {found}"
        assert last[1:] == first[1:], f"{name}: handles or threads: {found}"
    print(f"{updates:,} updates: memory, handles and threads are flat")


if __name__ == "__main__":
    main()
