"""python tests/fuzz/run.py --first 0 --count 12500: calls of consecutive seeds, and what they found."""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_ENABLE_X64", "1")

sys.path.insert(0, str(Path(__file__).parents[1]))
import fuzz_files  # noqa: F401 - adds its kinds
from fuzz_calls import Finding, Fuzz

# A call that takes longer than this hangs.
SECONDS = 60


def libraries() -> list[Any]:
    """Makers of arrays of the libraries that are installed."""
    makers = []
    for name, maker in (
        ("array_api_strict", "asarray"),
        ("torch", "from_numpy"),
        ("jax.numpy", "asarray"),
    ):
        try:
            makers.append(getattr(importlib.import_module(name), maker))
        except ImportError:
            continue
    try:
        import strict_backend  # noqa: F401 - registers array-api-strict
    except ImportError:
        makers = [each for each in makers if "array_api_strict" not in each.__module__]
    return makers


def calls(folder: Path, seeds: range, makers: Any) -> Iterator[tuple[int, str, Finding | None]]:
    """(seed, how it ended, the finding if it is one) of each call."""
    fuzz = Fuzz(folder, makers)
    for seed in seeds:
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            yield seed, fuzz.call(seed), None
        except Finding as finding:
            yield seed, "FOUND", finding
        finally:
            faulthandler.cancel_dump_traceback_later()


def main() -> int:
    """Run the calls; 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--show", type=int, default=10, help="findings with their tracebacks")
    args = parser.parse_args()
    ends: Counter[str] = Counter()
    start, found = time.perf_counter(), 0
    # In memory where there is such a folder: each save waits for the disk.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        seeds = range(args.first, args.first + args.count)
        for seed, ended, finding in calls(Path(folder), seeds, libraries()):
            ends[ended] += 1
            if finding is None:
                continue
            found += 1
            print(f"seed {seed}: {finding}", flush=True)
            if found <= args.show:
                traceback.print_exception(finding.__cause__ or finding, file=sys.stdout)
    for ended, count in sorted(ends.items()):
        print(f"{count:8d}  {ended}")
    seconds = time.perf_counter() - start
    print(
        f"{sum(ends.values())} calls, seeds {args.first} to {args.first + args.count - 1}: "
        f"{found} findings in {seconds:.0f} s"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(main())
